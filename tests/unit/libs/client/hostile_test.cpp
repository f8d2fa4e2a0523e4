// A worker that was broken into may write anything into its segment. The library answers CS_ERR_LIBRARY and the process
// it lives in goes on.
#include <random>

#include "tests/unit/libs/client/cpg_fixture.h"

namespace motet::test {
namespace {

class Hostile : public CpgTest {
protected:
    // One bad event ends the link, for good, without a callback.
    void expect_refused(std::uint16_t type, const Bytes& payload, const char* what) {
        daemon->raw_event(type, payload);
        EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        EXPECT_TRUE(deliveries.empty() && changes.empty() && rings.empty()) << what;
        unsigned id = 0;
        EXPECT_EQ(cpg_local_get(handle, &id), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY) << what;
        ASSERT_EQ(open(handle), CS_OK);
    }
    void expect_refused(wire::Event type, const Bytes& payload, const char* what) {
        expect_refused(static_cast<std::uint16_t>(type), payload, what);
    }
    ring::SegmentPage* page_ = nullptr;
    template <class T>
    static Bytes with(const T& header, std::size_t more) {
        Bytes bytes;
        append(bytes, header);
        bytes.resize(bytes.size() + more);
        return bytes;
    }
};

TEST_F(Hostile, EventsOfUnknownTypeOrWrongSize) {
    expect_refused(999, Bytes(64), "unknown type");
    expect_refused(0, {}, "type 0");
    for (const auto type : {wire::Event::deliver, wire::Event::confchg, wire::Event::totem_confchg, wire::Event::deliver_part}) {
        expect_refused(type, {}, "empty");
        expect_refused(type, Bytes(3), "truncated");
    }
}

TEST_F(Hostile, DeliverThatClaimsMoreOrLessThanItHas) {
    expect_refused(wire::Event::deliver, with(wire::DeliverEvent{name_of("g"), 1, 1, 100}, 99), "too long a claim");
    expect_refused(wire::Event::deliver, with(wire::DeliverEvent{name_of("g"), 1, 1, 0xFFFFFFFF}, 10), "huge claim");
    expect_refused(wire::Event::deliver, with(wire::DeliverEvent{name_of("g"), 1, 1, 1}, 2), "bytes behind");
    wire::Name name;
    name.length = wire::kNameMax + 1;
    expect_refused(wire::Event::deliver, with(wire::DeliverEvent{name, 1, 1, 1}, 1), "long name");
}

TEST_F(Hostile, ListsThatClaimMoreThanTheyHave) {
    expect_refused(wire::Event::confchg, with(wire::ConfchgEvent{name_of("g"), 2, 0, 0}, 12), "one of two");
    expect_refused(wire::Event::confchg, with(wire::ConfchgEvent{name_of("g"), 0xFFFFFFFF, 0xFFFFFFFF, 2}, 0), "overflow");
    expect_refused(wire::Event::confchg, with(wire::ConfchgEvent{name_of("g"), 0x80000000, 0x80000000, 0}, 0), "wraps to 0 in 32 bits");
    expect_refused(wire::Event::totem_confchg, with(wire::TotemEvent{1, 3, 9}, 8), "two of three nodes");
    expect_refused(wire::Event::totem_confchg, with(wire::TotemEvent{1, 0x40000000, 9}, 0), "times 4 is 0");
}

TEST_F(Hostile, PartsThatDoNotFitTogether) {
    const auto part = [](std::uint32_t total, std::uint32_t offset, std::uint32_t length, std::size_t has) {
        return with(wire::DeliverPartEvent{name_of("g"), 1, 1, total, offset, length}, has);
    };
    expect_refused(wire::Event::deliver_part, part(10, 5, 5, 5), "starts in the middle");
    expect_refused(wire::Event::deliver_part, part(10, 0, 11, 11), "longer than the whole");
    expect_refused(wire::Event::deliver_part, part(10, 0, 5, 4), "shorter than claimed");
    expect_refused(wire::Event::deliver_part, part(10, 0, 0, 0), "empty");
    expect_refused(wire::Event::deliver_part, part(0, 0, 0, 0), "of nothing");
    expect_refused(wire::Event::deliver_part, part(wire::kMessageMax + 1, 0, 5, 5), "of too much");
    expect_refused(wire::Event::deliver_part, part(10, 0xFFFFFFFF, 11, 11), "offset that wraps");
    daemon->event(wire::Event::deliver_part, part(10, 0, 5, 5));
    expect_refused(wire::Event::deliver_part, part(10, 4, 5, 5), "overlap");
    daemon->event(wire::Event::deliver_part, part(10, 0, 5, 5));
    expect_refused(wire::Event::deliver_part, part(11, 5, 5, 5), "another total");
    daemon->event(wire::Event::deliver_part, part(10, 0, 5, 5));
    expect_refused(wire::Event::deliver_part, part(10, 0, 5, 5), "started twice");
    daemon->event(wire::Event::deliver_part, part(10, 0, 5, 5));
    expect_refused(wire::Event::deliver, with(wire::DeliverEvent{name_of("g"), 1, 1, 1}, 1), "interrupted");
}

TEST_F(Hostile, ImpossibleCursors) {
    for (const std::uint64_t head : {std::uint64_t{8}, std::uint64_t{1} << 40, UINT64_MAX, std::uint64_t{(2u << 20) + 16}}) {
        daemon->page().head = head;
        EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << head;
        EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
        ASSERT_EQ(open(handle), CS_OK);
    }
    for (const std::uint64_t tail : {std::uint64_t{8}, std::uint64_t{1} << 40, UINT64_MAX}) {
        daemon->pause(true);   // or it would put its own tail there again
        daemon->page().tail = tail;
        std::string text(100'000, 't');
        iovec iov{text.data(), text.size()};
        cs_error_t result;
        for (int i = 0; i < 100 && (result = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1)) == CS_OK;) ++i;
        EXPECT_EQ(result, CS_ERR_LIBRARY) << tail;
        EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
        daemon->pause(false);
        ASSERT_EQ(open(handle), CS_OK);
    }
}

TEST_F(Hostile, RecordHeadersThatLie) {
    for (const std::uint32_t length : {0xFFFFFFFFu, 0x7FFFFFFFu, 4096u, 33u}) {
        const ring::RecordHeader header{length, 1, 3, 0, 1};
        std::memcpy(daemon->ring_data(), &header, sizeof header);
        daemon->page().head = 48;
        EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << length;
        EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
        ASSERT_EQ(open(handle), CS_OK);
    }
}

TEST_F(Hostile, RepliesThatLie) {
    Bytes reply;
    daemon->set_answer([&reply](const Seen& s) -> std::optional<Bytes> {
        if (s.type == static_cast<std::uint16_t>(wire::Request::local)) return reply;
        return {};
    });
    const Bytes lies[] = {Bytes(1), Bytes(7), reply_of(1), reply_of(0, std::uint32_t{7}), reply_of(101), reply_of(0xFFFFFFFF),
                          Bytes(65536)};
    for (const Bytes& lie : lies) {
        reply = lie;
        unsigned id = 5;
        EXPECT_EQ(cpg_local_get(handle, &id), CS_ERR_LIBRARY);
        EXPECT_EQ(id, 5u);
        EXPECT_EQ(cpg_local_get(handle, &id), CS_ERR_LIBRARY);
        EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
        ASSERT_EQ(open(handle), CS_OK);
    }
}

TEST_F(Hostile, ReplyLongerThanTheMailbox) {
    daemon->set_answer([this](const Seen& s) -> std::optional<Bytes> {
        if (s.type != static_cast<std::uint16_t>(wire::Request::local)) return {};
        auto& page = *page_;
        page.reply_len = 0xFFFFFFFF;
        page.reply_seq = s.number;
        page.reply_futex = static_cast<std::uint32_t>(s.number);
        return Bytes{};
    });
    page_ = &daemon->page();
    unsigned id = 0;
    EXPECT_EQ(cpg_local_get(handle, &id), CS_ERR_LIBRARY);
}

TEST_F(Hostile, MembershipCountThatLies) {
    daemon->set_answer([](const Seen& s) -> std::optional<Bytes> {
        if (s.type != static_cast<std::uint16_t>(wire::Request::membership)) return {};
        return reply_of(CS_OK, std::uint32_t{0xFFFFFFFF});
    });
    cpg_name g = group_named("g");
    cpg_address members[CPG_MEMBERS_MAX];
    int entries = 0;
    // Bounded by the array; entries that were not sent read as zero.
    EXPECT_EQ(cpg_membership_get(handle, &g, members, &entries), CS_OK);
    EXPECT_EQ(entries, CPG_MEMBERS_MAX);
    EXPECT_EQ(members[127].nodeid, 0u);
}

TEST_F(Hostile, GroupNameInAnIterationIsBounded) {
    daemon->set_answer([](const Seen& s) -> std::optional<Bytes> {
        if (s.type != static_cast<std::uint16_t>(wire::Request::iteration_next)) return {};
        wire::Name name;
        name.length = 0xFFFF;
        return reply_of(CS_OK, std::uint32_t{1}, std::uint32_t{1}, name);
    });
    cpg_iteration_handle_t it = 0;
    ASSERT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, nullptr, &it), CS_OK);
    cpg_iteration_description_t d;
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_OK);
    EXPECT_EQ(d.group.length, 128u);
}

// Random words and random ring contents: whatever dispatch and sends answer, they answer.
TEST_F(Hostile, RandomScribbling) {
    std::mt19937_64 random(20260607);
    daemon->pause(true);   // and so keeps its half of the link mapped
    for (int round = 0; round < 300; ++round) {
        ring::SegmentPage& page = daemon->page();
        std::uint8_t* data = daemon->ring_data();
        for (int i = 0; i < 64; ++i) {
            const ring::RecordHeader header{static_cast<std::uint32_t>(random() % 300), static_cast<std::uint16_t>(random() % 6), 3, 0, random()};
            std::memcpy(data + random() % 256 * 16, &header, sizeof header);
            data[random() % 4096] = static_cast<std::uint8_t>(random());
        }
        page.head = random() % 4 == 0 ? random() : random() % 256 * 16;
        if (random() % 4 == 0) page.tail = random();
        if (random() % 4 == 0) page.arm = random();
        if (random() % 8 == 0) page.space_arm = random();
        char byte = 'x';
        iovec iov{&byte, 1};
        cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1);
        const cs_error_t dispatched = cpg_dispatch(handle, CS_DISPATCH_ALL);
        EXPECT_TRUE(dispatched == CS_OK || dispatched == CS_ERR_LIBRARY);
        if (page.tail.load() % 16 != 0 || dispatched != CS_OK) {
            daemon->hang_up();   // or finalize would wait for an answer
            EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
            daemon->pause(false);
            ASSERT_EQ(open(handle), CS_OK);
            daemon->pause(true);
        }
    }
    daemon->hang_up();
}

}  // namespace
}  // namespace motet::test
