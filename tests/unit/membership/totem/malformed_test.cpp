// What a peer may claim, and that none of it ends the process: every prefix and many mutations of every frame type.
#include "tests/unit/membership/totem/net.h"

#include "libs/wire/commit_token.h"
#include "libs/wire/hold_cancel.h"
#include "libs/wire/join.h"
#include "libs/wire/merge_detect.h"

namespace motet::totem::test {
namespace {

// One frame of each type (and an encapsulated mcast), as sent by a ring that lost a member under load.
std::map<std::string, Bytes> one_of_each() {
    Net net({.nodes = {1, 2, 3}});
    std::map<std::string, Bytes> frames;
    net.seen = [&](NodeId, NodeId, ByteView frame) {
        const auto header = wire::decode_header(frame);
        std::string type = wire::name(header->type);
        if (header->encapsulated == wire::kEncapsulated) type += " encapsulated";
        if (frame.size() > frames[type].size()) frames[type] = Bytes(frame.begin(), frame.end());
    };
    net.start_all();
    EXPECT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(2_s);
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 3 && frame[3] == 1; };
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(net.node(2).submit(numbered(2, i, 900)));
    net.run_for(5_ms);
    net.kill(2);
    net.drop = nullptr;
    EXPECT_TRUE(net.run_until_formed({1, 3}, 20_s));
    net.run_for(5_s);
    EXPECT_TRUE(net.node(3).submit("wake"));
    net.run_for(5_s);
    return frames;
}

std::uint64_t dropped(const Counters& c) {
    return c.dropped_malformed + c.dropped_unlisted + c.dropped_foreign_ring + c.dropped_duplicate + c.dropped_out_of_window + c.dropped_state;
}

TEST(Malformed, EveryPrefixOfEveryFrameIsDroppedAndCounted) {
    const auto frames = one_of_each();
    EXPECT_EQ(frames.size(), 7u);
    for (const auto& [type, frame] : frames) {
        Net net({.nodes = {1, 2, 3}});
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
        const RingId ring = net.node(3).core.ring();
        // An mcast's body carries its own lengths; of it, only what cuts the header is malformed to this layer.
        const std::size_t end = type.find("mcast") == 0 ? wire::kMcastHeaderSize : frame.size();
        for (std::size_t size = 0; size < end; ++size) {
            const std::uint64_t before = net.node(3).core.counters().dropped_malformed;
            net.inject(3, ByteView{frame}.first(size));
            EXPECT_EQ(net.node(3).core.counters().dropped_malformed, before + 1) << type << " of " << size << " bytes";
        }
        net.run_for(1_s);
        EXPECT_EQ(net.node(3).core.ring(), ring) << type;
    }
}

TEST(Malformed, MutatedFramesEndNoProcessAndTheRingFormsAgain) {
    const auto frames = one_of_each();
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        Net net({.nodes = {1, 2, 3}, .seed = seed});
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
        const auto draw = [&](std::size_t below) { return static_cast<std::size_t>(net.draw() * static_cast<double>(below)); };
        for (int i = 0; i < 3000; ++i) {
            auto chosen = frames.begin();
            std::advance(chosen, static_cast<std::ptrdiff_t>(draw(frames.size())));
            // Half of them carry the live ring's id, so that they get past the first checks.
            Bytes frame = chosen->second;
            Node& target = net.node(1 + static_cast<NodeId>(draw(3)));
            if (draw(2) == 0) {
                const RingId ring = target.core.ring();
                const std::size_t at = std::map<int, std::size_t>{{0, 29}, {1, 25}, {2, 17}, {4, 17}, {5, 13}}[frame[3]];
                if (at != 0) {
                    std::memcpy(frame.data() + at, &ring.rep, 4);
                    std::memcpy(frame.data() + at + 4, &ring.seq, 8);
                }
            }
            for (std::size_t n = 1 + draw(4); n > 0; --n) frame[5 + draw(frame.size() - 5)] = static_cast<std::uint8_t>(draw(3) == 0 ? 0xff : draw(256));
            net.inject(target.id, frame);
            if (draw(4) == 0) target.submit(numbered(target.id, i, 10 + draw(3000)), draw(3) == 0 ? Guarantee::safe : Guarantee::agreed);
            if (draw(3) == 0) net.run_for(Duration{static_cast<std::int64_t>(draw(3'000'000))});
            if (draw(200) == 0) net.run_for(4_s);
        }
        net.start_all();
        const auto later = net.now + 60_s;
        ASSERT_TRUE(net.run_until([&] { return net.now > later || net.formed({1, 2, 3}); }, 120_s));
        EXPECT_TRUE(net.formed({1, 2, 3})) << "seed " << seed << "\n" << net.node(1).core.describe() << "\n" << net.node(2).core.describe() << "\n" << net.node(3).core.describe();
        for (Node* each : net.alive()) EXPECT_GT(dropped(each->core.counters()), 100u);
    }
}

TEST(Malformed, ClaimsBeyondTheLimitsAreRefused) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    Node& node = net.node(1);
    const RingId ring = node.core.ring();
    const auto refused = [&](const Bytes& frame, std::uint64_t Counters::*counter) {
        const std::uint64_t before = node.core.counters().*counter;
        net.inject(1, frame);
        return node.core.counters().*counter == before + 1 && node.core.ring() == ring && node.core.state() == State::operational;
    };
    wire::Join join;
    join.header.nodeid = join.system_from = 2;
    join.ring_seq = ~std::uint64_t{0};
    Bytes frame;
    wire::encode_join(join, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_malformed)) << "a ring sequence that leaves no successor";

    join.ring_seq = ring.seq;
    join.proc_list.push(0);
    frame.clear();
    wire::encode_join(join, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_malformed)) << "node 0";

    wire::Mcast mcast;
    mcast.header.nodeid = mcast.system_from = 2;
    mcast.ring = ring;
    mcast.seq = 0x40000000;
    frame.clear();
    wire::encode_mcast(mcast, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_out_of_window));

    mcast.seq = 100;
    mcast.system_from = 1;
    frame.clear();
    wire::encode_mcast(mcast, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_malformed)) << "two originators";

    mcast.system_from = 2;
    mcast.header.encapsulated = wire::kEncapsulated;
    frame.clear();
    wire::encode_mcast(mcast, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_state)) << "encapsulated outside recovery";

    mcast.header.encapsulated = wire::kPlain;
    const Bytes body(wire::kFrameMax - 2 * wire::kMcastHeaderSize + 1);
    mcast.body = body;
    frame.clear();
    wire::encode_mcast(mcast, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_malformed)) << "could not be carried in recovery";

    wire::Token token;
    token.header.nodeid = 2;
    token.ring = ring;
    token.ring.rep += 1;
    frame.clear();
    wire::encode_token(token, frame);
    EXPECT_TRUE(refused(frame, &Counters::dropped_foreign_ring));
    frame.resize(wire::kTokenFrameMax + 1);
    EXPECT_TRUE(refused(frame, &Counters::dropped_malformed));
}

TEST(Malformed, FramesBeforeTheStartAreDropped) {
    const auto frames = one_of_each();
    Net net({.nodes = {1, 2, 3}});
    for (const auto& [type, frame] : frames) net.inject(1, frame);
    EXPECT_EQ(net.node(1).core.counters().dropped_state, frames.size());
    EXPECT_TRUE(net.node(1).frames_sent.empty());
}

TEST(Malformed, ABodyThatMakesNoSenseStillCountsForTheOrder) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    net.run_for(1_ms);
    bool garbled = false;
    net.drop = [&](NodeId, NodeId to, ByteView frame) {
        if (to != 2 || frame[3] != 1 || garbled) return false;
        garbled = true;
        Bytes bad(frame.begin(), frame.end());
        bad[wire::kMcastHeaderSize + 6] = 0xff;  // msg_count
        net.node(2).core.on_frame(bad, net.now, net.node(2));
        return true;
    };
    ASSERT_TRUE(net.node(1).submit("garbled on the way to node 2"));
    ASSERT_TRUE(net.run_until([&] { return garbled; }));
    ASSERT_TRUE(net.node(1).submit("next"));
    ASSERT_TRUE(net.run_until([&] { return net.node(2).delivered.size() == 1; }));
    EXPECT_EQ(net.node(2).texts(), std::vector<std::string>{"next"});
}

}  // namespace
}  // namespace motet::totem::test
