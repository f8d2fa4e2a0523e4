// Totem's golden vectors: every captured datagram decodes to its recorded fields, encodes back to the same
// bytes, reads the same in the other byte order, and is refused as soon as a byte is missing.
#include <gtest/gtest.h>

#include <random>

#include "libs/base/sha256.h"
#include "libs/wire/commit_token.h"
#include "libs/wire/group.h"
#include "libs/wire/hold_cancel.h"
#include "libs/wire/join.h"
#include "libs/wire/mcast.h"
#include "libs/wire/merge_detect.h"
#include "libs/wire/packing.h"
#include "libs/wire/token.h"
#include "tests/fuzz/exercise.h"
#include "tests/unit/libs/wire/layout.h"
#include "tests/vectors/load.h"

namespace motet::wire {
namespace {

using nlohmann::json;
using test::Layout;

constexpr std::size_t kKnetHeaderSize = 14;

// A frame as the index describes it. Throws the reason as a string if any part of it is refused.
struct Refused : std::runtime_error {
    explicit Refused(Malformed why) : std::runtime_error(name(why)) {}
};
template <class T>
T accepted(const Decoded<T>& decoded) {
    if (!decoded) throw Refused(decoded.why);
    return decoded.value;
}

json ring_json(RingId ring) { return {{"rep", ring.rep}, {"seq", ring.seq}}; }

json digest_json(ByteView bytes) {
    if (bytes.size() <= 32) return {{"len", bytes.size()}, {"hex", test::to_hex(bytes)}};
    Sha256 sum;
    sum.add(bytes);
    return {{"len", bytes.size()}, {"sha256", test::to_hex(sum.finish())}};
}

json message_json(ByteView message, bool swap) {
    const Grouped grouped = accepted(decode_grouped(message, swap));
    return {{"len", message.size()},
            {"groups", {as_text(grouped.first_name)}},
            {"payload_offset", message.size() - grouped.payload.size()},
            {"payload", digest_json(grouped.payload)}};
}

json packing_json(ByteView body, bool swap) {
    PackedBody packed = accepted(decode_packed(body, swap));
    json lengths = json::array(), messages = json::array();
    for (std::size_t i = 0; i < packed.count(); ++i) {
        const ByteView entry = packed.entry(i);
        lengths.push_back(entry.size());
        const bool tail = i == 0 && packed.continuation() != 0;
        const bool head = i + 1 == packed.count() && packed.fragmented() != 0;
        if (tail || head) {
            messages.push_back({{"fragment", tail && head ? "middle"
                                             : tail       ? "tail"
                                                          : "head"},
                                {"data", digest_json(entry)}});
        } else {
            messages.push_back(message_json(entry, swap));
        }
    }
    return {{"version", 0},
            {"type", 0},
            {"fragmented", packed.fragmented()},
            {"continuation", packed.continuation()},
            {"msg_count", packed.count()},
            {"msg_len", lengths},
            {"messages", messages}};
}

json frame_json(ByteView frame);

json mcast_json(ByteView frame) {
    const Mcast mcast = accepted(decode_mcast(frame));
    json out = {{"system_from", mcast.system_from}, {"seq", mcast.seq}, {"this_seqno", mcast.this_seqno},
                {"ring_id", ring_json(mcast.ring)}, {"node_id", 0},     {"guarantee", mcast.guarantee}};
    if (mcast.encapsulated()) {
        out["inner"] = frame_json(mcast.body);
    } else {
        out["pg"] = packing_json(mcast.body, mcast.header.foreign_order);
    }
    return out;
}

json token_json(ByteView frame) {
    const Token token = accepted(decode_token(frame));
    json items = json::array();
    for (const RetransmitItem& item : token.retransmit)
        items.push_back({{"ring_id", ring_json(item.ring)}, {"seq", item.seq}});
    return {{"seq", token.seq},
            {"token_seq", token.token_seq},
            {"aru", token.aru},
            {"aru_addr", token.aru_addr},
            {"ring_id", ring_json(token.ring)},
            {"backlog", token.backlog},
            {"fcc", token.fcc},
            {"retrans_flg", token.retrans_flag ? 1 : 0},
            {"rtr_list_entries", items.size()},
            {"rtr_list", items}};
}

json join_json(ByteView frame) {
    const Join join = accepted(decode_join(frame));
    return {{"system_from", join.system_from},
            {"ring_seq", join.ring_seq},
            {"leave", join.leave()},
            {"proc_list_entries", join.proc_list.size()},
            {"failed_list_entries", join.failed_list.size()},
            {"proc_list", std::vector<NodeId>(join.proc_list.begin(), join.proc_list.end())},
            {"failed_list", std::vector<NodeId>(join.failed_list.begin(), join.failed_list.end())}};
}

json commit_json(ByteView frame) {
    const CommitToken token = accepted(decode_commit_token(frame));
    json addresses = json::array(), members = json::array();
    for (const CommitMember& member : token.members) {
        addresses.push_back(member.nodeid);
        members.push_back({{"ring_id", ring_json(member.old_ring)},
                           {"aru", member.aru},
                           {"high_delivered", member.high_delivered},
                           {"received_flg", member.received ? 1 : 0}});
    }
    return {{"token_seq", token.token_seq},
            {"ring_id", ring_json(token.ring)},
            {"retrans_flg", 0},
            {"memb_index", token.memb_index},
            {"addr_entries", token.members.size()},
            {"addr", addresses},
            {"memb_list", members}};
}

json merge_detect_json(ByteView frame) {
    const MergeDetect merge = accepted(decode_merge_detect(frame));
    return {{"system_from", merge.system_from}, {"ring_id", ring_json(merge.ring)}};
}

json hold_cancel_json(ByteView frame) { return {{"ring_id", ring_json(accepted(decode_hold_cancel(frame)).ring)}}; }

const char* kind(FrameType type) {
    switch (type) {
        case FrameType::orf_token: return "orf_token";
        case FrameType::mcast: return "mcast";
        case FrameType::merge_detect: return "memb_merge_detect";
        case FrameType::join: return "memb_join";
        case FrameType::commit_token: return "memb_commit_token";
        case FrameType::hold_cancel: return "token_hold_cancel";
    }
    return "";
}

json frame_json(ByteView frame) {
    const Header header = accepted(decode_header(frame));
    json out = {{"kind", kind(header.type)},
                {"byte_order", header.foreign_order ? "big" : "little"},
                {"header",
                 {{"magic", kMagic},
                  {"version", kVersion},
                  {"type", static_cast<int>(header.type)},
                  {"encapsulated", header.encapsulated},
                  {"nodeid", header.nodeid},
                  {"target_nodeid", header.target}}}};
    json& fields = out[kind(header.type)];
    switch (header.type) {
        case FrameType::orf_token: fields = token_json(frame); break;
        case FrameType::mcast: fields = mcast_json(frame); break;
        case FrameType::merge_detect: fields = merge_detect_json(frame); break;
        case FrameType::join: fields = join_json(frame); break;
        case FrameType::commit_token: fields = commit_json(frame); break;
        case FrameType::hold_cancel: fields = hold_cancel_json(frame); break;
    }
    return out;
}

// The packed body is written out again from its entries.
Bytes encode_body(ByteView body) {
    PackedBody packed = accepted(decode_packed(body, false));
    std::vector<std::uint16_t> lengths;
    Bytes entries;
    for (std::size_t i = 0; i < packed.count(); ++i) {
        const ByteView entry = packed.entry(i);
        lengths.push_back(static_cast<std::uint16_t>(entry.size()));
        entries.insert(entries.end(), entry.begin(), entry.end());
    }
    Bytes out(packing_overhead(lengths.size()));
    write_packing_header(packed.fragmented(), packed.continuation(), lengths, out);
    out.insert(out.end(), entries.begin(), entries.end());
    return out;
}

Bytes encode_again(ByteView frame) {
    Bytes out;
    switch (accepted(decode_header(frame)).type) {
        case FrameType::orf_token: encode_token(accepted(decode_token(frame)), out); break;
        case FrameType::merge_detect: encode_merge_detect(accepted(decode_merge_detect(frame)), out); break;
        case FrameType::join: encode_join(accepted(decode_join(frame)), out); break;
        case FrameType::commit_token: encode_commit_token(accepted(decode_commit_token(frame)), out); break;
        case FrameType::hold_cancel: encode_hold_cancel(accepted(decode_hold_cancel(frame)), out); break;
        case FrameType::mcast: {
            Mcast mcast = accepted(decode_mcast(frame));
            const Bytes body = mcast.encapsulated() ? encode_again(mcast.body) : encode_body(mcast.body);
            mcast.body = body;
            encode_mcast(mcast, out);
        }
    }
    return out;
}

// The same frame from a big-endian sender. Payloads stay: services have a byte order of their own.
void swap_frame(Layout& l);

void swap_packing(Layout& l) {
    l.numbers({2, 2}).plain(2).numbers({2});
    const bool tail = l.number_before(3, 1) != 0, head = l.number_before(4, 1) != 0;
    const std::size_t count = l.number_before(2, 2);
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < count; ++i) {
        l.numbers({2});
        lengths.push_back(l.number_before(2, 2));
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t start = l.at();
        if (!(i == 0 && tail) && !(i + 1 == count && head)) test::group_prefix(l);
        l.plain(lengths[i] - (l.at() - start));
    }
}

void swap_frame(Layout& l) {
    l.numbers({2, 1, 1, 1, 4, 4});
    const auto type = static_cast<FrameType>(l.number_before(10, 1));
    const bool encapsulated = l.number_before(9, 1) == kEncapsulated;
    switch (type) {
        case FrameType::orf_token:
            l.numbers({4, 4, 4, 4, 4, 8, 4, 4, 4, 4});
            for (std::size_t n = l.number_before(4, 4); n > 0; --n) l.numbers({4, 8, 4});
            break;
        case FrameType::merge_detect: l.numbers({4, 4, 8}); break;
        case FrameType::hold_cancel: l.numbers({4, 8}); break;
        case FrameType::join:
            l.numbers({4, 4, 4, 8});
            for (std::size_t n = l.number_before(16, 4) + l.number_before(12, 4); n > 0; --n) l.numbers({4});
            break;
        case FrameType::commit_token: {
            l.numbers({4, 4, 8, 4, 4, 4});
            const std::size_t members = l.number_before(4, 4);
            for (std::size_t i = 0; i < members; ++i) l.numbers({4});
            for (std::size_t i = 0; i < members; ++i) l.numbers({4, 8, 4, 4, 4});
            break;
        }
        case FrameType::mcast: l.numbers({4, 4, 4, 4, 8, 4, 4}); encapsulated ? swap_frame(l) : swap_packing(l);
    }
}

class TotemVectors : public testing::Test {
protected:
    struct Vector {
        std::string name;
        Bytes frame;  // without knet's header
        json fields;  // likewise
    };
    static std::vector<Vector> vectors() {
        std::vector<Vector> all;
        const json index = test::load_json("totem/index.json");
        for (const json& entry : index.at("vectors")) {
            Bytes bytes = test::load_hex("totem/" + entry.at("file").get<std::string>());
            json fields = entry.at("fields");
            if (entry.value("framing", "") == "knet1") {
                bytes.erase(bytes.begin(), bytes.begin() + kKnetHeaderSize);
                fields.erase("knet");
            }
            all.push_back({entry.at("name"), std::move(bytes), std::move(fields)});
        }
        return all;
    }
};

TEST_F(TotemVectors, DecodeToTheirRecordedFields) {
    const std::vector<Vector> all = vectors();
    EXPECT_EQ(all.size(), 58u);
    for (const Vector& v : all) EXPECT_EQ(frame_json(v.frame), v.fields) << v.name;
}

TEST_F(TotemVectors, EncodeToTheSameBytes) {
    for (const Vector& v : vectors()) EXPECT_EQ(encode_again(v.frame), v.frame) << v.name;
}

TEST_F(TotemVectors, MeanTheSameFromABigEndianSender) {
    for (const Vector& v : vectors()) {
        Layout layout(v.frame);
        swap_frame(layout);
        ASSERT_EQ(layout.rest(), 0u) << v.name;
        json expected = v.fields;
        expected["byte_order"] = "big";
        if (expected.contains("mcast") && expected["mcast"].contains("inner"))
            expected["mcast"]["inner"]["byte_order"] = "big";
        EXPECT_EQ(frame_json(layout.swapped()), expected) << v.name;
    }
}

TEST_F(TotemVectors, AreRefusedWhenAnyTailIsMissing) {
    for (const Vector& v : vectors()) {
        for (std::size_t size = 0; size < v.frame.size(); ++size) {
            EXPECT_THROW(frame_json(ByteView(v.frame).first(size)), Refused) << v.name << " cut to " << size;
        }
    }
}

TEST_F(TotemVectors, AreAcceptedWithTrailingBytesUnlessMcast) {
    for (const Vector& v : vectors()) {
        Bytes longer = v.frame;
        longer.push_back(0);
        if (v.fields.at("kind") == "mcast") {
            EXPECT_THROW(frame_json(longer), Refused) << v.name;
        } else {
            EXPECT_EQ(frame_json(longer), v.fields) << v.name;
        }
    }
}

// Goal: nothing that can arrive makes a decoder crash or contradict itself.
// Method: every byte of every vector replaced by extreme values, then random cuts with random changes.
TEST_F(TotemVectors, AreHarmlessWhenCorrupted) {
    std::mt19937 random(7);
    for (const Vector& v : vectors()) {
        Bytes frame = v.frame;
        for (std::uint8_t& byte : frame) {
            const std::uint8_t original = byte;
            for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff, original ^ 0x10}) {
                byte = static_cast<std::uint8_t>(value);
                fuzz::exercise_frame(frame);
            }
            byte = original;
        }
        for (int round = 0; round < 200; ++round) {
            Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(random() % (frame.size() + 1)));
            for (unsigned n = random() % 4; n > 0 && !cut.empty(); --n)
                cut[random() % cut.size()] = static_cast<std::uint8_t>(random());
            fuzz::exercise_frame(cut);
        }
    }
}

TEST_F(TotemVectors, ReassembleToTheRecordedMessages) {
    const json index = test::load_json("totem/index.json");
    ASSERT_GE(index.at("sequences").size(), 2u);
    for (const json& sequence : index.at("sequences")) {
        json messages = json::array();
        Bytes pending;
        std::uint8_t last = 0;
        for (const std::string frame_name : sequence.at("frames")) {
            const Bytes frame = test::load_hex("totem/" + frame_name + ".hex");
            PackedBody packed = accepted(decode_packed(accepted(decode_mcast(frame)).body, false));
            ASSERT_EQ(packed.continuation(), last) << frame_name;
            last = packed.fragmented();
            for (std::size_t i = 0; i < packed.count(); ++i) {
                const ByteView entry = packed.entry(i);
                pending.insert(pending.end(), entry.begin(), entry.end());
                if (i + 1 == packed.count() && last != 0) break;
                messages.push_back(message_json(pending, false));
                pending.clear();
            }
        }
        EXPECT_EQ(messages, sequence.at("messages")) << sequence.at("name");
    }
}

}  // namespace
}  // namespace motet::wire
