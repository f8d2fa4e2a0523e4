// The frame between a scripted engine, a scripted membership and scripted clients, in one thread.
#include "tests/unit/libs/worker/rig.h"

#include <thread>

namespace motet::worker {
namespace {

TEST_F(WorkerTest, StartsServesAndStops) {
    ipc::ScriptedClient client(5);
    connect(client);
    tell(control::Type::go);
    then([&] { client.post(2, as_bytes("question")); });
    then([&] { EXPECT_EQ(client.worker_page().reply_seq.load(), 1u); });
    then_stop();
    run();
    EXPECT_EQ(as_text(client.mailbox().first(8)), "question");
    EXPECT_EQ(settings.self, 1u);
    EXPECT_EQ(settings.services, service_set(2));
    EXPECT_EQ(settings.incarnation, 4u);
    EXPECT_EQ(settings.config.number_or("workers.spin_us", 0), 5u);
    EXPECT_EQ(heard_by_supervisor(), (std::vector<std::string>{"ready", "drop 5"}));
    EXPECT_EQ(client.reason(), ring::CutReason::stopping);
    EXPECT_TRUE(client.hung());
}

TEST_F(WorkerTest, ARequestBecomesASubmissionWithItsOrigin) {
    ipc::ScriptedClient client(5);
    connect(client);
    then([&] {
        client.post(1, as_bytes("first"));
        client.post(1, as_bytes("second"));
    });
    then_stop();
    run();
    const auto all = take_submits();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].kind, feed::Submit::multicast);
    EXPECT_EQ(all[0].body, "first");
    EXPECT_EQ(all[0].header.conn, 5u);
    EXPECT_EQ(all[0].header.req_after, 32u);
    EXPECT_EQ(all[1].header.req_after, 64u);
    EXPECT_EQ(all[1].header.unit_first, 1);
}

TEST_F(WorkerTest, TheStepsOfASynchronisationReachTheEngineAndTheClientsWait) {
    ipc::ScriptedClient client(5);
    connect(client);
    const auto waits = [&] { return (client.worker_page().flow_control.load() & ring::kFlowSync) != 0; };
    then([&] {});  // the client is taken over
    then([&] {
        EXPECT_TRUE(waits());  // not synchronised yet
        deliver(feed::Delivery::sync_started);
        Bytes init;
        feed::encode_init({.service = 2, .round = 9, .ring = {1, 4}, .members = {1, 2, 3}, .continuing = {1}}, init);
        deliver(feed::Delivery::init, init);
        deliver_round(feed::Delivery::process, 9);
        deliver_round(feed::Delivery::abort, 9);
        deliver_round(feed::Delivery::activate, 10);
    });
    then([&] {
        EXPECT_TRUE(waits());
        deliver_complete();
    });
    then([&] {
        EXPECT_FALSE(waits());
        deliver(feed::Delivery::sync_started);
    });
    then([&] { EXPECT_TRUE(waits()); });
    then_stop();
    run();
    engine_heard.resize(7);
    EXPECT_EQ(engine_heard, (std::vector<std::string>{"sync_started", "init 3", "process 9", "abort 9", "activate 10",
                                                      "complete", "sync_started"}));
    const auto all = take_submits();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].kind, feed::Submit::sync_multicast);
    EXPECT_EQ(all[0].header.round, 9u);
    EXPECT_EQ(all[0].body, "sync message");
    EXPECT_EQ(all[1].kind, feed::Submit::sync_done);
}

TEST_F(WorkerTest, MessagesReachEveryClientWithTheirPosition) {
    ipc::ScriptedClient first(5), second(6);
    connect(first);
    connect(second);
    then([&] {
        deliver_message(as_bytes("one"));
        deliver_message(as_bytes("two"));
    });
    then_stop();
    run();
    EXPECT_EQ(first.read_events(), (std::vector<std::uint64_t>{32, 64}));
    EXPECT_EQ(second.read_events(), (std::vector<std::uint64_t>{32, 64}));
    EXPECT_TRUE(delivery->consumer_caught_up());
}

// Goal: a full submit ring stops requests, loses none, and leaves room for synchronisation.
TEST_F(WorkerTest, AFullSubmitRingHoldsRequestsBackButNotSynchronisation) {
    ipc::ScriptedClient client(5);
    connect(client);
    const std::string payload(3000, 'x');
    constexpr std::size_t kRequests = 150;  // 450 kB into a ring of 256 KiB
    std::size_t posted = 0;
    const auto post_more = [&] {
        while (posted < kRequests) {
            const ByteView piece = as_bytes(payload);
            if (client.requests->push(1, posted + 1, std::span(&piece, 1)) != ring::Push::ok) break;
            ++posted;
        }
        client.publish();
    };
    std::vector<Submitted> all;
    then(post_more);
    then(post_more);
    then([&] {
        EXPECT_LT(posted, kRequests);
        EXPECT_FALSE(client.requests->consumer_caught_up());
        EXPECT_NE(client.worker_page().flow_control.load() & ring::kFlowCritical, 0u);
        Bytes init;
        feed::encode_init({.service = 2, .round = 9, .ring = {1, 4}, .members = {1}, .continuing = {1}}, init);
        deliver(feed::Delivery::init, init);
    });
    then([&] {
        all = take_submits();
        ASSERT_GE(all.size(), 2u);
        EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const Submitted& s) { return s.kind == feed::Submit::sync_done; }));  // went in although requests were held back
        EXPECT_LT(all.size(), kRequests);
    });
    for (int i = 0; i < 16; ++i) {
        then(post_more);
        then([&] {
            const auto more = take_submits();
            all.insert(all.end(), more.begin(), more.end());
        });
    }
    then([&] { EXPECT_EQ(client.worker_page().flow_control.load() & ring::kFlowCritical, 0u); });
    then_stop();
    run();
    EXPECT_EQ(all.size(), kRequests + 2);
    EXPECT_TRUE(client.requests->consumer_caught_up());
}

TEST_F(WorkerTest, ADeadClientIsReportedToEngineAndSupervisor) {
    ipc::ScriptedClient client(5), other(6);
    connect(client);
    connect(other);
    then([&] {
        client.post(1, as_bytes("last words"));
        client.hang_up();
    });
    then([&] {});
    then([&] { EXPECT_EQ(heard_by_supervisor(), std::vector<std::string>{"drop 5"}); });
    then_stop();
    run();
    EXPECT_EQ(take_submits().at(0).body, "last words");
    EXPECT_EQ(engine_heard.at(0), "disconnect 5");
    EXPECT_EQ(other.reason(), ring::CutReason::stopping);
}

TEST_F(WorkerTest, EnginesCanCloseClients) {
    ipc::ScriptedClient orderly(5), wrong(6);
    connect(orderly);
    connect(wrong);
    then([&] {
        orderly.post(3);
        wrong.post(77);
    });
    then_stop();
    run();
    EXPECT_EQ(orderly.reason(), ring::CutReason::orderly);
    EXPECT_EQ(wrong.reason(), ring::CutReason::violation);
    const auto heard = heard_by_supervisor();
    EXPECT_EQ(
        std::count_if(heard.begin(), heard.end(), [](const std::string& s) { return s.starts_with("log connection 6"); }),
        1);
}

TEST_F(WorkerTest, AClientOfAPredecessorEndsCleanly) {
    ipc::ScriptedClient client(5);
    {
        loop::Poller poller = std::move(*loop::Poller::create());
        ipc::RecordingService nobody;
        ipc::Server predecessor(poller, nobody);
        ASSERT_TRUE(predecessor.adopt(client.connection_again()));
    }
    connect(client);
    then_stop();
    run();
    EXPECT_EQ(client.reason(), ring::CutReason::reset);
    EXPECT_TRUE(engine_heard.empty());  // neither connect nor disconnect
    EXPECT_EQ(heard_by_supervisor(), std::vector<std::string>{"drop 5"});
}

TEST_F(WorkerTest, TheStatusPageFollows) {
    then([&] { deliver_message(as_bytes("one")); });
    then([&] {});
    steps.push_back([this, until = loop::monotonic_now() + milliseconds(250)] {
        while (loop::monotonic_now() < until) {
        }  // the next page is due after 200 ms
    });
    then([&] {});
    then_stop();
    run();
    void* page = mmap(nullptr, metrics::kStatusPageSize, PROT_READ, MAP_SHARED, status_fd, 0);
    const auto status = metrics::read_status(page, metrics::kStatusPageSize);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->text, "{\"messages\":1}");
    munmap(page, metrics::kStatusPageSize);
}

TEST_F(WorkerTest, DumpWritesToTheLog) {
    then([&] { tell(control::Type::dump); });
    then([&] {});
    then_stop();
    run();
    const auto heard = heard_by_supervisor();
    ASSERT_EQ(heard.size(), 2u);
    EXPECT_EQ(heard[1], "log test: {\"messages\":0}");
}

// What membership may not do, and losing the supervisor, end the process with a word on why.
using WorkerDeathTest = WorkerTest;
TEST_F(WorkerDeathTest, ABrokenDeliveryRingIsFatal) {
    then([&] { membership_own.page()->head = 8; });
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
    const auto heard = heard_by_supervisor();
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0], "fatal test: the delivery ring holds impossible cursors or records");
}
TEST_F(WorkerDeathTest, ADeliveryThatDoesNotDecodeIsFatal) {
    then([&] { deliver(feed::Delivery::complete, as_bytes("short")); });
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}
TEST_F(WorkerDeathTest, ADeliveryOfUnknownTypeIsFatal) {
    then([&] { deliver(static_cast<feed::Delivery>(99), as_bytes("?")); });
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}
TEST_F(WorkerDeathTest, AnImpossibleSubmitCursorIsFatal) {
    ipc::ScriptedClient client(5);
    connect(client);
    then([&] {
        membership_own.page()->tail = 1u << 30;
        client.post(1, as_bytes("x"));
    });
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}
TEST_F(WorkerDeathTest, WithoutASupervisorTheWorkerEnds) {
    then([&] { shutdown(supervisor, SHUT_RDWR); });
    EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}

// Goal: no wake-up is lost between a worker that really sleeps, its membership and its client.
// Method: the worker in a thread of its own; membership and client in this one, one message outstanding or a few.
TEST_F(WorkerTest, PingPongWithASleepingWorker) {
    ipc::ScriptedClient client(5);
    connect(client);
    std::thread worker([this] { run(); });
    constexpr int kMessages = 3000;
    const Instant limit = loop::monotonic_now() + seconds(60);
    int posted = 0, submitted = 0, received = 0;
    while (received < kMessages && loop::monotonic_now() < limit) {
        while (posted < received + 1 + posted % 3 && posted < kMessages) client.post(1, as_bytes("ping")), ++posted;
        for (const auto& one : take_submits()) {
            EXPECT_EQ(one.body, "ping");
            deliver_message(as_bytes(one.body));
            ++submitted;
        }
        received += static_cast<int>(client.read_events().size());
        if (received % 7 == 0) client.events->arm();
        if (received % 5 == 0) submits->arm();
    }
    tell(control::Type::stop);
    worker.join();
    EXPECT_EQ(submitted, kMessages);
    EXPECT_EQ(received, kMessages);
}

}  // namespace
}  // namespace motet::worker
