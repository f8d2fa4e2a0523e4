// Goal: whatever store a worker's process has just made when it ends, its clients and membership see what they would have seen
// without that. Method: one script of deliveries and requests; every run ends the process at another crash point (all of them,
// and two in a row), a successor goes on, and the outcome is compared with that of the run nobody disturbed. Then five rules
// of the protocol are left out, one at a time: the comparison must find each.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "libs/base/crash_point.h"
#include "tests/unit/libs/worker/rig.h"

namespace motet {
void (*crash_hook)(const char*) = nullptr;
std::string_view chosen_defect;
}  // namespace motet

namespace motet::worker {
namespace {

struct Died {};
std::uint64_t points = 0, die_at = 0, die_again = 0;
std::map<std::string, unsigned> where_died;

void count_points(const char* where) {
    if (++points != die_at) return;
    die_at = std::exchange(die_again, 0) == 0 ? 0 : points + 7;
    ++where_died[where];
    throw Died();
}

// Its state is a number and who is connected. Messages and requests that begin with "p" leave it alone.
class SumEngine final : public Engine {
public:
    SumEngine(Host& host, std::deque<std::function<void()>>& steps) : host_(host), steps_(steps) {}

    void on_sync_started() override { synchronised_ = false; }
    void on_init(const feed::Init& init) override { sum_ += init.members.size(); }
    void on_process(feed::Step step) override {
        const std::string text = "sync of " + std::to_string(sum_);
        const ByteView piece = as_bytes(text);
        host_.submit_sync(step.round, std::span(&piece, 1));
        host_.sync_done(step.service, step.round);
    }
    void on_activate(feed::Step) override { tell_all("activated"); }
    void on_abort(feed::Step) override {}
    void on_complete(const feed::Complete&) override { synchronised_ = true; }
    void on_message(const feed::Message& message) override {
        if (is_pure(message)) return give(message.body);
        sum_ += message.body.size();
        tell_all("changed");   // two events of one cause
        give(message.body);
    }
    void on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { clients_.push_back(conn); }
    void on_disconnect(ConnId conn) override {
        std::erase(clients_, conn);
        tell_all("gone");
        const ByteView piece = as_bytes("left");
        host_.submit(conn, std::span(&piece, 1), Guarantee::agreed, true, true);
    }
    enum : std::uint16_t { kSubmit = 1, kAsk = 2, kChange = 3, kEnd = 4 };
    void on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override {
        if (type == kSubmit) return host_.submit(conn, std::span(&payload, 1), Guarantee::agreed, true, true);
        if (type == kEnd) return host_.close(conn, Close::orderly);
        if (type == kChange) {
            sum_ += payload[0];
            host_.submit(conn, std::span(&payload, 1), Guarantee::agreed, true, false);
            tell_all("asked for");
            host_.submit(conn, std::span(&payload, 1), Guarantee::agreed, false, true);
        }
        const ByteView answer{reinterpret_cast<const std::uint8_t*>(&sum_), sizeof sum_};
        host_.reply(conn, request, std::span(&answer, 1));
    }
    bool synchronised() const override { return synchronised_; }
    std::string status_json() override { return "{}"; }

    // The script goes on whenever the worker has nothing to do.
    Instant outside_due() const override { return steps_.empty() ? kNever : Instant{}; }
    Bytes look_outside(Instant) override {
        if (steps_.empty()) return {};
        const auto step = std::move(steps_.front());
        steps_.pop_front();
        crash_hook = nullptr;   // the script plays the others, who stay alive
        step();
        crash_hook = count_points;
        return {};
    }

    bool snapshot(Bytes& out) const override {
        Writer to(out);
        to.u64(sum_);
        to.u8(synchronised_);
        for (const ConnId conn : clients_) to.u64(conn);
        return true;
    }
    Status restore(ByteView state) override {
        Reader in(state);
        sum_ = in.u64();
        synchronised_ = in.u8() != 0;
        while (in.ok() && in.remaining() > 0) clients_.push_back(in.u64());
        if (!in.ok()) return error("cut short");
        return Done{};
    }
    bool is_pure(const feed::Message& message) const override { return !message.body.empty() && message.body[0] == 'p'; }
    bool is_pure_request(ConnId, std::uint16_t type) const override { return type == kSubmit || type == kAsk; }

private:
    void give(ByteView body) {
        for (const ConnId conn : clients_) host_.event(conn, 1, std::span(&body, 1));
    }
    void tell_all(const char* what) {
        const std::string text = what + std::string(" ") + std::to_string(sum_);
        const ByteView piece = as_bytes(text);
        for (const ConnId conn : clients_) host_.event(conn, 2, std::span(&piece, 1));
    }
    Host& host_;
    std::deque<std::function<void()>>& steps_;
    std::uint64_t sum_ = 0;
    bool synchronised_ = false;
    std::vector<ConnId> clients_;
};

class Scripted final : public WorkerTest {
public:
    // What the world has seen at the end.
    struct Outcome {
        std::vector<std::string> submitted, events[3], replies;
        friend bool operator==(const Outcome&, const Outcome&) = default;
    };

    Scripted() : WorkerTest(ring::kCapacityMin, 1u << 20) {
        make_engine = [this](Host& host) { return std::make_unique<SumEngine>(host, steps); };
        for (ConnId id = 1; id <= 3; ++id) clients_.push_back(std::make_unique<ipc::ScriptedClient>(id));
        script();
    }
    void TestBody() override {}

    Outcome go() {
        for (unsigned lives = 0; lives < 5; ++lives) {
            start_with_state();
            for (const auto& client : clients_)
                if (!dropped_.contains(client->id())) connect(*client, lives != 0);
            tell(control::Type::go);
            try {
                run();
                break;
            } catch (const Died&) {
                hear();
                if (steps.empty()) break;   // it was about to stop
            }
        }
        EXPECT_TRUE(steps.empty());
        return outcome_;
    }

private:
    // What the supervisor would hear before it starts a successor.
    void hear() {
        for (const std::string& line : heard_by_supervisor())
            if (line.starts_with("drop ")) dropped_.insert(std::stoull(line.substr(5)));
    }
    void messages(std::initializer_list<std::string_view> bodies) {
        for (const std::string_view body : bodies) {
            std::uint8_t header[feed::kMessageHeaderSize];
            feed::encode_message_header(1, false, false, header);
            const ByteView pieces[] = {header, as_bytes(body)};
            ASSERT_EQ(delivery->push(static_cast<std::uint16_t>(feed::Delivery::message), 0, pieces), ring::Push::ok);
        }
        publish();
    }
    void read(std::size_t client, std::size_t limit) {
        ring::Record record;
        auto& from = *clients_[client];
        for (std::size_t n = 0; n < limit && from.events->next(record) == ring::Pull::record; ++n)
            outcome_.events[client].push_back(std::to_string(record.type) + ":" + std::string(as_text(record.payload.first(std::min<std::size_t>(record.payload.size(), 40)))));
        if (from.events->release()) from.token('s'), from.events->space_served();
    }
    void note_reply(std::size_t client) {
        const auto& page = clients_[client]->worker_page();
        std::uint64_t value = 0;
        std::memcpy(&value, clients_[client]->mailbox().data(), sizeof value);
        outcome_.replies.push_back(std::to_string(page.reply_seq.load()) + "=" + std::to_string(value));
    }
    void collect() {
        for (const Submitted& s : take_submits())
            outcome_.submitted.push_back(std::to_string(static_cast<int>(s.kind)) + " " + std::to_string(s.header.conn) + " " + s.body);
    }
    void script() {
        const std::string large = "p" + std::string(20'000, 'l'), changing = "c" + std::string(30'000, 'm');
        then([this] {
            deliver(feed::Delivery::sync_started);
            Bytes bytes;
            feed::encode_init({.service = 2, .round = 9, .ring = {1, 4}, .members = {1, 2}, .continuing = {1}}, bytes);
            deliver(feed::Delivery::init, bytes);
            for (const auto type : {feed::Delivery::process, feed::Delivery::activate}) {
                bytes.clear();
                feed::encode_step({2, 9}, bytes);
                deliver(type, bytes);
            }
            deliver_complete();
        });
        then([this] { collect(); });
        then([this] { messages({"p one", "change", "p two", "p three", "another change", "p four"}); });
        then([this] {
            for (int i = 0; i < 3; ++i) clients_[0]->post(SumEngine::kSubmit, as_bytes("from one " + std::to_string(i)));
            clients_[1]->post(SumEngine::kSubmit, as_bytes("from two"));
            clients_[0]->post(SumEngine::kChange, as_bytes("x"));
            clients_[0]->post(SumEngine::kSubmit, as_bytes("after the change"));
        });
        then([this] { note_reply(0), collect(), read(0, 1000); });
        then([this] { clients_[1]->post(SumEngine::kAsk); });
        then([this] { note_reply(1); });
        for (int i = 0; i < 8; ++i) then([this, large, changing] { messages({large, changing, large}), read(0, 1000); });   // two fall behind
        then([this] { read(0, 1000), read(1, 7); });
        then([this] { read(0, 1000), read(1, 1000); });
        then([this] { messages({"p between"}); });
        then([this] { read(1, 1000), read(2, 3), clients_[2]->post(SumEngine::kChange, as_bytes("y")); });
        then([this] { note_reply(2), collect(); });
        then([this] { clients_[0]->post(SumEngine::kSubmit, as_bytes("last words")), clients_[0]->post(SumEngine::kEnd); });
        then([this] { messages({"c behind the end", "p last"}); });
        then([this] { collect(); });
        for (int i = 0; i < 12; ++i) then([this] { read(0, 1000), read(1, 1000), read(2, 1000); });
        then([this] {
            EXPECT_TRUE(clients_[0]->cut());
            EXPECT_EQ(clients_[0]->reason(), ring::CutReason::orderly);
            EXPECT_FALSE(clients_[1]->cut());
            collect();
            tell(control::Type::stop);
        });
    }

    std::vector<std::unique_ptr<ipc::ScriptedClient>> clients_;
    std::set<ConnId> dropped_;
    Outcome outcome_;
};

class Poisoned final : public WorkerTest {
public:
    void TestBody() override {}
    void go() {
        make_engine = [this](Host& host) { return std::make_unique<SumEngine>(host, steps); };
        ipc::ScriptedClient bad(1), good(2);
        for (auto* one : {&bad, &good}) clients_.push_back(one);
        bad.post(SumEngine::kSubmit, as_bytes("before"));
        const std::uint64_t after_first = bad.requests->head();
        bad.post(SumEngine::kSubmit, as_bytes("poison"));
        bad.post(SumEngine::kSubmit, as_bytes("behind it"));
        good.post(SumEngine::kSubmit, as_bytes("of another"));
        start_with_state();
        control::Header header{.type = static_cast<std::uint32_t>(control::Type::quarantine), .a = 1, .b = after_first + 32};
        ASSERT_TRUE(control::send(supervisor, header));
        connect(bad), connect(good);
        tell(control::Type::go);
        then([] {});
        then([this] { tell(control::Type::stop); });
        run();
        for (const Submitted& s : take_submits())
            if (s.body != "left") submitted.push_back(s.body);
        for (auto* one : clients_) reasons_.push_back(one->reason());
    }
    ring::CutReason reason(std::size_t client) const { return reasons_.at(client); }
    std::vector<std::string> submitted;

private:
    std::vector<ipc::ScriptedClient*> clients_;
    std::vector<ring::CutReason> reasons_;
};

struct Crash : testing::Test {
    Crash() {
        crash_hook = count_points;
        points = die_at = die_again = 0;
        expected = Scripted().go();
        all_points = points;
    }
    ~Crash() override {
        crash_hook = nullptr;
        chosen_defect = {};
    }
    Scripted::Outcome end_at(std::uint64_t point, bool twice = false) {
        points = 0;
        die_at = point;
        die_again = twice ? 1 : 0;
        return Scripted().go();
    }
    Scripted::Outcome expected;
    std::uint64_t all_points = 0;
};

TEST_F(Crash, TheScriptTouchesWhatItIsAbout) {
    EXPECT_EQ(expected.replies.size(), 3u);
    EXPECT_EQ(expected.submitted.size(), 2u + 4 + 2 + 1 + 2 + 1 + 1);
    EXPECT_EQ(expected.events[1].size(), expected.events[2].size());
    EXPECT_GT(expected.events[1].size(), 40u);
    EXPECT_GT(all_points, 200u);
}

TEST_F(Crash, AtAnyPointNothingIsLostDoubledOrReordered) {
    for (std::uint64_t point = 1; point <= all_points && !HasFailure(); ++point) {
        const Scripted::Outcome seen = end_at(point);
        EXPECT_EQ(seen.submitted, expected.submitted) << "at point " << point;
        for (int c = 0; c < 3; ++c) EXPECT_EQ(seen.events[c], expected.events[c]) << "client " << c << " at point " << point;
        EXPECT_EQ(seen.replies, expected.replies) << "at point " << point;
    }
    for (const char* where : {"ring: behind a commit slot", "ring: behind a head", "ring: behind a tail", "journal: before an entry counts",
                              "journal: behind the entry", "backlog: before an item counts", "backlog: behind an item",
                              "backlog: before its end moves", "reply: before it counts", "link: marked as over", "link: closed and nobody told"})
        EXPECT_GT(where_died[where], 0u) << where;
}

TEST_F(Crash, NorWhenTheSuccessorEndsTooWhileItTakesUp) {
    for (std::uint64_t point = 1; point <= all_points && !HasFailure(); point += 2)
        EXPECT_TRUE(end_at(point, true) == expected) << "at point " << point;
}

// The supervisor says which request has ended two workers: the third does not touch it, nor what comes behind it.
TEST_F(Crash, TheClientOfAPoisonedRequestIsCutOffAndNobodyElse) {
    crash_hook = nullptr;
    Poisoned run;
    run.go();
    EXPECT_EQ(run.submitted, (std::vector<std::string>{"before", "of another"}));
    EXPECT_EQ(run.reason(0), ring::CutReason::poison);
    EXPECT_EQ(run.reason(1), ring::CutReason::stopping);
}

TEST_F(Crash, EveryRuleThatIsLeftOutIsMissed) {
    for (const char* rule : {"no redo scan", "no id comparison", "state before events", "position ignored", "overflow move without comparison"}) {
        chosen_defect = rule;
        unsigned noticed = 0;
        for (std::uint64_t point = 1; point <= all_points && noticed == 0; ++point) noticed += !(end_at(point) == expected);
        EXPECT_GT(noticed, 0u) << rule;
    }
}

}  // namespace
}  // namespace motet::worker
