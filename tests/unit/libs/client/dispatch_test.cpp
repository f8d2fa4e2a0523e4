// cpg_dispatch: its four flags, the descriptor's readability, nesting, finalize inside callbacks, and dying services.
#include <fcntl.h>
#include <pthread.h>

#include <atomic>
#include <thread>

#include "tests/unit/libs/client/cpg_fixture.h"

namespace motet::test {
namespace {

class Dispatch : public CpgTest {};

TEST_F(Dispatch, AllHandlesEverythingQueuedAndOkWhenNothingIs) {
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_OK);
    daemon->deliver("g", 3, 44, "one");
    daemon->deliver("g", 3, 44, "");
    daemon->deliver("g", 4, 45, "three");
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_OK);
    ASSERT_EQ(deliveries.size(), 3u);
    EXPECT_EQ(deliveries[0].text, "one");
    EXPECT_EQ(deliveries[0].group, "g");
    EXPECT_EQ(deliveries[1].text, "");
    EXPECT_EQ(deliveries[2].nodeid, 4u);
    EXPECT_EQ(deliveries[2].pid, 45u);
}

TEST_F(Dispatch, OneNonblockingHandlesOneOrSaysTryAgain) {
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
    daemon->deliver("g", 1, 1, "a");
    daemon->deliver("g", 1, 1, "b");
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_OK);
    EXPECT_EQ(deliveries.size(), 1u);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_OK);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(deliveries.size(), 2u);
}

TEST_F(Dispatch, OneWaitsForAnEventFromAnotherThread) {
    std::thread later([&] { daemon->deliver("g", 1, 1, "late"); });
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    later.join();
    ASSERT_EQ(deliveries.size(), 1u);
}

// Goal: every event queued is announced by the descriptor, however it is consumed; and the descriptor is quiet otherwise.
TEST_F(Dispatch, DescriptorIsReadableExactlyWhileEventsAreQueued) {
    EXPECT_FALSE(readable());
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 3; ++i) daemon->deliver("g", 1, 1, "x");
        for (int left = 3; left > 0; --left) {
            EXPECT_TRUE(readable()) << left;
            EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
        }
        EXPECT_FALSE(readable());
    }
}

// An event that arrives between the last look at the queue and the arming may have no token: the kick asks for one.
TEST_F(Dispatch, EventPublishedDuringTheLastCallbackIsAnnouncedAfterwards) {
    daemon->deliver("g", 1, 1, "first");
    during = [&](cpg_handle_t) {
        during = nullptr;
        daemon->deliver("g", 1, 1, "second");
    };
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    EXPECT_TRUE(readable());
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    EXPECT_EQ(deliveries.size(), 2u);
    EXPECT_FALSE(readable());
}

TEST_F(Dispatch, SpuriousTokenDoesNotBlockAMainLoop) {
    ASSERT_FALSE(readable());   // takes the descriptor
    daemon->spurious_token();
    ASSERT_TRUE(readable());
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    EXPECT_TRUE(deliveries.empty());
    EXPECT_FALSE(readable());
}

TEST_F(Dispatch, OneIgnoresSpuriousTokensWhenNobodyPolls) {
    daemon->spurious_token();
    std::thread later([&] { daemon->deliver("g", 1, 1, "x"); });
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    later.join();
    EXPECT_EQ(deliveries.size(), 1u);
}

TEST_F(Dispatch, ConfchgCarriesItsThreeLists) {
    Bytes bytes;
    append(bytes, wire::ConfchgEvent{name_of("grp"), 2, 1, 1});
    for (const wire::MemberEntry& m : {wire::MemberEntry{1, 10, 0}, {2, 20, 0}, {3, 30, 3}, {2, 20, 1}}) append(bytes, m);
    daemon->event(wire::Event::confchg, bytes);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].group, "grp");
    ASSERT_EQ(changes[0].members.size(), 2u);
    EXPECT_EQ(changes[0].members[1].pid, 20u);
    ASSERT_EQ(changes[0].left.size(), 1u);
    EXPECT_EQ(changes[0].left[0].nodeid, 3u);
    EXPECT_EQ(changes[0].left[0].reason, static_cast<std::uint32_t>(CPG_REASON_NODEDOWN));
    ASSERT_EQ(changes[0].joined.size(), 1u);
    EXPECT_EQ(changes[0].joined[0].reason, static_cast<std::uint32_t>(CPG_REASON_JOIN));
}

TEST_F(Dispatch, EmptyListsHavePointersThatMayBeLookedAt) {
    Bytes bytes;
    append(bytes, wire::ConfchgEvent{name_of("grp"), 0, 0, 0});
    daemon->event(wire::Event::confchg, bytes);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_TRUE(changes[0].pointers);
    EXPECT_TRUE(changes[0].members.empty());
}

TEST_F(Dispatch, MembersBeyond128StayComplete) {
    Bytes bytes;
    append(bytes, wire::ConfchgEvent{name_of("big"), 1000, 0, 0});
    for (std::uint32_t i = 0; i < 1000; ++i) append(bytes, wire::MemberEntry{i + 1, 5, 0});
    daemon->event(wire::Event::confchg, bytes);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_OK);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].members.size(), 1000u);
    EXPECT_EQ(changes[0].members.back().nodeid, 1000u);
}

TEST_F(Dispatch, TotemConfchgCarriesRingAndNodes) {
    Bytes bytes;
    append(bytes, wire::TotemEvent{2, 3, 0x123456789});
    for (const std::uint32_t n : {2u, 5u, 9u}) append(bytes, n);
    daemon->event(wire::Event::totem_confchg, bytes);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    ASSERT_EQ(rings.size(), 1u);
    EXPECT_EQ(rings[0].ring.nodeid, 2u);
    EXPECT_EQ(rings[0].ring.seq, 0x123456789u);
    EXPECT_EQ(rings[0].nodes, (std::vector<std::uint32_t>{2, 5, 9}));
}

TEST_F(Dispatch, EventsWithoutCallbackAreTakenAndCounted) {
    cpg_handle_t mute = 0;
    ASSERT_EQ(cpg_initialize(&mute, nullptr), CS_OK);
    daemon->deliver("g", 1, 1, "x");
    EXPECT_EQ(cpg_dispatch(mute, CS_DISPATCH_ONE), CS_OK);
    EXPECT_EQ(cpg_dispatch(mute, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
    EXPECT_TRUE(deliveries.empty());
    EXPECT_EQ(cpg_finalize(mute), CS_OK);
}

TEST_F(Dispatch, NestedDispatchHandlesTheFollowingEvent) {
    daemon->deliver("g", 1, 1, "outer");
    daemon->deliver("g", 1, 1, "inner");
    std::vector<std::string> after;
    during = [&](cpg_handle_t h) {
        during = nullptr;
        EXPECT_EQ(cpg_dispatch(h, CS_DISPATCH_ONE), CS_OK);
        after.push_back(deliveries.back().text);
    };
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    EXPECT_EQ(after, std::vector<std::string>{"inner"});
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
}

TEST_F(Dispatch, FinalizeInACallbackEndsTheDispatch) {
    daemon->deliver("g", 1, 1, "a");
    daemon->deliver("g", 1, 1, "b");
    during = [&](cpg_handle_t h) { EXPECT_EQ(cpg_finalize(h), CS_OK); };
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(deliveries.size(), 1u);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_BAD_HANDLE);
    handle = 0;
}

TEST_F(Dispatch, EveryCallWorksInsideACallback) {
    daemon->deliver("g", 1, 1, "a");
    during = [&](cpg_handle_t h) {
        unsigned id = 0;
        EXPECT_EQ(cpg_local_get(h, &id), CS_OK);
        EXPECT_EQ(id, 7u);
        const cpg_name g = group_named("g");
        EXPECT_EQ(cpg_join(h, &g), CS_OK);
        iovec iov{id == 7 ? &id : nullptr, sizeof id};
        EXPECT_EQ(cpg_mcast_joined(h, CPG_TYPE_AGREED, &iov, 1), CS_OK);
        EXPECT_EQ(cpg_leave(h, &g), CS_OK);
    };
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::multicast).payload.size(), sizeof(wire::MulticastRequest) + 4);
}

TEST_F(Dispatch, BlockingRunsUntilFinalizedByACallback) {
    for (int i = 0; i < 5; ++i) daemon->deliver("g", 1, 1, std::to_string(i));
    during = [&](cpg_handle_t h) {
        if (deliveries.size() == 5) cpg_finalize(h);
    };
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_BLOCKING), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(deliveries.size(), 5u);
    handle = 0;
}

TEST_F(Dispatch, UnknownFlagActsAsBlocking) {
    daemon->deliver("g", 1, 1, "a");
    during = [&](cpg_handle_t h) { cpg_finalize(h); };
    EXPECT_EQ(cpg_dispatch(handle, static_cast<cs_dispatch_flags_t>(77)), CS_ERR_BAD_HANDLE);
    handle = 0;
}

TEST_F(Dispatch, FinalizeFromAnotherThreadEndsABlockedDispatch) {
    std::atomic<bool> entered{false};
    daemon->deliver("g", 1, 1, "a");
    during = [&](cpg_handle_t) { entered = true; entered.notify_all(); };
    cs_error_t result = CS_OK;
    std::thread blocked([&] { result = cpg_dispatch(handle, CS_DISPATCH_BLOCKING); });
    entered.wait(false);
    EXPECT_EQ(cpg_finalize(handle), CS_OK);
    blocked.join();
    EXPECT_EQ(result, CS_ERR_BAD_HANDLE);
    handle = 0;
}

TEST_F(Dispatch, DeathEndsABlockedDispatchAndHangsUpTheDescriptor) {
    int fd = -1;
    ASSERT_EQ(cpg_fd_get(handle, &fd), CS_OK);
    cs_error_t result = CS_OK;
    std::thread blocked([&] { result = cpg_dispatch(handle, CS_DISPATCH_BLOCKING); });
    daemon->stop();
    blocked.join();
    EXPECT_EQ(result, CS_ERR_LIBRARY);
    pollfd p{fd, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, 0), 1);
    EXPECT_EQ(p.revents, POLLIN | POLLHUP);
    int again = -1;
    EXPECT_EQ(cpg_fd_get(handle, &again), CS_OK);
    EXPECT_EQ(again, fd);
}

TEST_F(Dispatch, AfterDeathEveryFlagIsLibraryAlsoWithEventsQueued) {
    daemon->deliver("g", 1, 1, "queued");
    daemon->stop();
    for (const auto flag : {CS_DISPATCH_ALL, CS_DISPATCH_ONE, CS_DISPATCH_BLOCKING, CS_DISPATCH_ONE_NONBLOCKING})
        EXPECT_EQ(cpg_dispatch(handle, flag), CS_ERR_LIBRARY);
    EXPECT_TRUE(deliveries.empty());
}

TEST_F(Dispatch, CutOffIsLibraryAndRevokedAccessIsAccess) {
    daemon->cut(ring::CutReason::backlog);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY);
    cpg_handle_t other = 0;
    ASSERT_EQ(open(other), CS_OK);
    daemon->cut(ring::CutReason::access);
    EXPECT_EQ(cpg_dispatch(other, CS_DISPATCH_ALL), CS_ERR_ACCESS);
    cpg_finalize(other);
}

// fence_virtd and others end a dispatching thread with pthread_cancel(): the handle stays usable for the rest.
TEST_F(Dispatch, CancelledThreadLeavesTheHandleUsable) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, [](void* h) -> void* {
        cpg_dispatch(*static_cast<cpg_handle_t*>(h), CS_DISPATCH_BLOCKING);
        return nullptr;
    }, &handle), 0);
    ASSERT_EQ(pthread_cancel(thread), 0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    EXPECT_EQ(result, PTHREAD_CANCELED);
    daemon->deliver("g", 1, 1, "x");
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    EXPECT_EQ(deliveries.size(), 1u);
    int fd = -1;
    ASSERT_EQ(cpg_fd_get(handle, &fd), CS_OK);
    EXPECT_EQ(cpg_finalize(handle), CS_OK);
    handle = 0;
    EXPECT_LT(fcntl(fd, F_GETFD), 0);   // no reference was left behind: the last one closes the socket
}

TEST_F(Dispatch, ThreadsMayDispatchTheSameHandle) {
    constexpr int kEvents = 3000;
    static std::atomic<int> seen;
    seen = 0;
    cpg_callbacks_t callbacks{[](cpg_handle_t, const cpg_name*, std::uint32_t, std::uint32_t, void*, std::size_t) { ++seen; }, nullptr};
    cpg_handle_t shared = 0;
    ASSERT_EQ(cpg_initialize(&shared, &callbacks), CS_OK);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] { EXPECT_NE(cpg_dispatch(shared, CS_DISPATCH_BLOCKING), CS_OK); });
    for (int i = 0; i < kEvents; ++i) daemon->deliver("g", 1, 1, "x");
    while (seen < kEvents) std::this_thread::yield();
    cpg_finalize(shared);
    for (auto& t : threads) t.join();
    EXPECT_EQ(seen, kEvents);
}

Bytes part_of(std::uint32_t total, std::uint32_t offset, std::string_view text, std::uint32_t nodeid = 2) {
    Bytes bytes;
    append(bytes, wire::DeliverPartEvent{name_of("g"), nodeid, 9, total, offset, static_cast<std::uint32_t>(text.size())});
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
}

TEST_F(Dispatch, PartsBecomeOneDelivery) {
    daemon->event(wire::Event::deliver_part, part_of(9, 0, "abc"));
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
    daemon->event(wire::Event::deliver_part, part_of(9, 3, "defg"));
    daemon->event(wire::Event::deliver_part, part_of(9, 7, "hi"));
    daemon->deliver("g", 1, 1, "next");
    EXPECT_TRUE(readable());
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    ASSERT_EQ(deliveries.size(), 1u);
    EXPECT_EQ(deliveries[0].text, "abcdefghi");
    EXPECT_EQ(deliveries[0].nodeid, 2u);
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ALL), CS_OK);
    EXPECT_EQ(deliveries.size(), 2u);
}

// 16 MiB through a ring of 2: parts follow as space is given back.
TEST_F(Dispatch, LongestMessageArrivesWhole) {
    const std::string part(512 * 1024, 'p');
    std::thread sender([&] {
        for (std::uint32_t at = 0; at < wire::kMessageMax; at += part.size()) {
            const Bytes bytes = part_of(wire::kMessageMax, at, part);
            while (daemon->head() - daemon->client_tail() > (1u << 20)) std::this_thread::yield();
            daemon->event(wire::Event::deliver_part, bytes);
        }
    });
    EXPECT_EQ(cpg_dispatch(handle, CS_DISPATCH_ONE), CS_OK);
    sender.join();
    ASSERT_EQ(deliveries.size(), 1u);
    EXPECT_EQ(deliveries[0].text.size(), wire::kMessageMax);
    EXPECT_EQ(deliveries[0].text.find_first_not_of('p'), std::string::npos);
}

// Goal: no event is lost or reordered and no wake-up is missed when producer and dispatcher run freely.
TEST_F(Dispatch, ManyEventsWithPollAndOneInStep) {
    constexpr int kEvents = 20000;
    int fd = -1;
    ASSERT_EQ(cpg_fd_get(handle, &fd), CS_OK);
    std::thread sender([&] {
        for (int i = 0; i < kEvents; ++i) {
            while (daemon->head() - daemon->client_tail() > (1u << 20)) std::this_thread::yield();
            daemon->deliver("g", 1, 1, std::to_string(i));
        }
    });
    while (deliveries.size() < kEvents) {
        pollfd p{fd, POLLIN, 0};
        ASSERT_EQ(poll(&p, 1, 20000), 1) << "missed wake-up after " << deliveries.size();
        ASSERT_EQ(cpg_dispatch(handle, deliveries.size() % 3 == 0 ? CS_DISPATCH_ALL : CS_DISPATCH_ONE), CS_OK);
    }
    sender.join();
    for (int i = 0; i < kEvents; ++i) ASSERT_EQ(deliveries[static_cast<std::size_t>(i)].text, std::to_string(i));
}

}  // namespace
}  // namespace motet::test
