// Proves the oracle: runs that are falsified on purpose, one way per mutant, must be reported with a fitting property.
// A mutant that no seed of its range exposes is a failure of the oracle.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "libs/base/log.h"
#include "tests/sim/prng.h"
#include "tests/sim/run.h"

namespace {

using namespace motet;
using namespace motet::sim;

// Falsifies the n-th fitting event of a run once; what "fitting" means is the mutant's business.
class Once : public Mutator {
public:
    explicit Once(std::uint64_t seed) : wait_(static_cast<unsigned>(Prng(seed, 9).below(40))) {}

protected:
    // True exactly once per run.
    bool now() {
        if (done_ || wait_-- > 0) return false;
        return done_ = true;
    }
    bool done_ = false;

private:
    unsigned wait_;
};

bool is_message(const Seen& s) { return s.kind == Entry::Kind::deliver && s.life < kGone; }
bool others_leave(const Seen& s, std::uint32_t reason) {
    return s.kind == Entry::Kind::view && s.life < kGone &&
           std::any_of(s.view.left.begin(), s.view.left.end(), [&](const Address& a) { return a.reason == reason && a.node != s.node; });
}

struct DropMessage : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (!(is_message(s) && now())) out.push_back(std::move(s));
    }
};
struct DeliverTwice : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (is_message(s) && now()) out.push_back(s);
        out.push_back(std::move(s));
    }
};
// Two messages of different senders, next to each other at one process.
struct SwapMessages : Once {
    using Once::Once;
    std::map<std::uint32_t, Seen> held;
    void seen(Seen s, std::vector<Seen>& out) override {
        const auto waiting = held.find(s.conn);
        if (waiting != held.end()) {
            const Seen first = waiting->second;
            held.erase(waiting);
            out.push_back(std::move(s));
            out.push_back(first);
            return;
        }
        if (is_message(s) && now()) held[s.conn] = std::move(s);
        else out.push_back(std::move(s));
    }
};
struct FlipBit : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (is_message(s) && s.bytes.size() > 20 && now()) s.bytes[s.bytes.size() - 1] ^= 4;
        out.push_back(std::move(s));
    }
};
struct CutShort : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (is_message(s) && s.bytes.size() > 20 && now()) s.bytes.pop_back();
        out.push_back(std::move(s));
    }
};
struct WrongSender : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (is_message(s) && now()) s.sender.second ^= 1;
        out.push_back(std::move(s));
    }
};
struct HideDeparture : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (!(others_leave(s, 3) && now())) out.push_back(std::move(s));
    }
};
struct HideOneMember : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (s.kind == Entry::Kind::view && s.view.members.size() > 2 && now())
            std::erase_if(s.view.members, [&, n = 0](const Address& a) mutable { return a.node != s.node && n++ == 0; });
        out.push_back(std::move(s));
    }
};
// The departure of a process comes before its last message.
struct DepartureEarly : Once {
    using Once::Once;
    std::map<std::uint32_t, Seen> last;
    void seen(Seen s, std::vector<Seen>& out) override {
        const auto before = last.find(s.conn);
        if (before != last.end()) {
            const Seen message = before->second;
            last.erase(before);
            const bool same = (others_leave(s, 2) || others_leave(s, 5)) && s.view.left.size() == 1 && s.view.left[0].key() == message.sender;
            if (same && now()) {
                out.push_back(std::move(s));
                out.push_back(message);
                return;
            }
            out.push_back(message);
        }
        if (is_message(s)) last[s.conn] = std::move(s);
        else out.push_back(std::move(s));
    }
};
struct WrongReason : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (others_leave(s, 3) && now()) s.view.left[0].reason = 2;
        out.push_back(std::move(s));
    }
};
struct JoinTwice : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (s.kind == Entry::Kind::view && !s.view.joined.empty() && now()) out.push_back(s);
        out.push_back(std::move(s));
    }
};
// Everything before the own join view is lost but one message, which comes first.
struct MessageBeforeJoin : Once {
    using Once::Once;
    std::map<std::uint32_t, Seen> join;
    void seen(Seen s, std::vector<Seen>& out) override {
        const auto waiting = join.find(s.conn);
        if (waiting != join.end() && s.kind == Entry::Kind::deliver) {
            const Seen view = waiting->second;
            join.erase(waiting);
            out.push_back(std::move(s));
            out.push_back(view);
            return;
        }
        if (waiting != join.end()) {
            out.push_back(waiting->second);
            join.erase(waiting);
        }
        const bool own = s.kind == Entry::Kind::view && s.view.joined.size() == 1 && s.view.joined[0].node == s.node;
        if (own && !done_) join[s.conn] = std::move(s);
        else out.push_back(std::move(s));
    }
};
struct MessageAfterLeave : Once {
    using Once::Once;
    std::map<std::uint32_t, Seen> last;
    void seen(Seen s, std::vector<Seen>& out) override {
        const bool leave = s.kind == Entry::Kind::view && s.view.left.size() == 1 && s.view.left[0].node == s.node && s.view.left[0].reason == 2;
        const std::uint32_t conn = s.conn;
        if (is_message(s)) last[conn] = s;
        out.push_back(std::move(s));
        if (leave && last.count(conn) && now()) out.push_back(last[conn]);
    }
};
// A message moves from one ring into the next at one process.
struct AcrossRings : Once {
    using Once::Once;
    std::map<std::uint32_t, Seen> held;
    void seen(Seen s, std::vector<Seen>& out) override {
        const auto waiting = held.find(s.conn);
        const bool ring = s.kind == Entry::Kind::ring;
        const bool release = waiting != held.end() && is_message(s) && rings_.count(s.conn);
        if (release) {
            out.push_back(waiting->second);
            held.erase(waiting);
        } else if (waiting != held.end() && ring) rings_.insert(s.conn);
        else if (waiting == held.end() && held.empty() && is_message(s) && now()) {
            held[s.conn] = std::move(s);
            return;
        }
        out.push_back(std::move(s));
    }
    std::set<std::uint32_t> rings_;
};
struct HideRing : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (!(s.kind == Entry::Kind::ring && s.life < kGone && now())) out.push_back(std::move(s));
    }
};
struct WrongRingMembers : Once {
    using Once::Once;
    void seen(Seen s, std::vector<Seen>& out) override {
        if (s.kind == Entry::Kind::ring && s.ring.members.size() > 1 && now()) s.ring.members.pop_back();
        out.push_back(std::move(s));
    }
};

// --- at the edges of the cores

// The worker of one node never gets one message.
struct LoseRecord : Once {
    using Once::Once;
    bool fed(NodeId, FeedRecord& r) override { return !(r.kind == FeedRecord::Kind::message && r.body.size() > 184 && now()); }
};
// A node is forgotten, or counted in by mistake, among those that came along.
struct ForgetContinuing : Once {
    using Once::Once;
    bool fed(NodeId node, FeedRecord& r) override {
        if (r.kind == FeedRecord::Kind::init && r.continuing.size() > 1 && r.ring.seq > 10 && !std::exchange(done_, true))
            r.continuing.erase(r.continuing.begin() + (r.continuing[0] == node ? 1 : 0));
        return true;
    }
};
struct ForgetDeparture : Mutator {
    explicit ForgetDeparture(std::uint64_t) {}
    // As Corosync does: departures of a synchronisation that the next ring interrupts are forgotten.
    bool fed(NodeId, FeedRecord& r) override {
        if (r.kind == FeedRecord::Kind::init) r.continuing = r.members;
        return true;
    }
};
struct SafeAsAgreed : Mutator {
    explicit SafeAsAgreed(std::uint64_t) {}
    Guarantee submitted(NodeId, Guarantee) override { return Guarantee::agreed; }
};
// One node never hears what another one says of its processes at a ring change.
struct LoseJoinLists : Mutator {
    explicit LoseJoinLists(std::uint64_t) {}
    bool fed(NodeId node, FeedRecord& r) override {
        const bool join_list = r.kind == FeedRecord::Kind::message && r.body.size() >= 4 && r.body[0] == 2 && r.body[2] == 2;
        return !(join_list && node == 2 && r.from == 1);
    }
};
// A message reaches one worker as another node's.
struct WrongNode : Once {
    using Once::Once;
    bool fed(NodeId, FeedRecord& r) override {
        if (r.kind != FeedRecord::Kind::message || r.body.size() <= 200) return true;
        if (now()) r.from = r.from == 1 ? 2 : 1;
        return true;
    }
};

struct Mutant {
    const char* name;
    std::function<std::unique_ptr<Mutator>(std::uint64_t)> make;
    std::set<std::string> fitting;   // properties of which at least one must be reported
};

template <class T>
Mutant mutant(const char* name, std::set<std::string> fitting) {
    return {name, [](std::uint64_t seed) -> std::unique_ptr<Mutator> { return std::make_unique<T>(seed); }, std::move(fitting)};
}

}  // namespace

int main(int argc, char** argv) {
    motet::log::set_level(motet::log::Level::error);
    const std::uint64_t seeds_max = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300;
    const Mutant all[] = {
        mutant<DropMessage>("one delivered message is dropped", {"O6", "S1", "S2", "B4"}),
        mutant<DeliverTwice>("a message is delivered twice", {"B2"}),
        mutant<SwapMessages>("two adjacent events are swapped at one process", {"O1", "O2", "S2", "O7"}),
        mutant<FlipBit>("a bit of a message is flipped", {"B7"}),
        mutant<CutShort>("a message loses its last byte", {"B1", "B7"}),
        mutant<WrongSender>("a message is shown as another process's", {"B1"}),
        mutant<HideDeparture>("a departure by node loss is hidden", {"C5", "V5", "V2"}),
        mutant<HideOneMember>("a member is missing in one view", {"V2", "V5"}),
        mutant<DepartureEarly>("a departure is announced before the last message", {"V7", "V11"}),
        mutant<WrongReason>("a departure at a ring change has a wrong reason", {"V8"}),
        mutant<JoinTwice>("a join is announced twice", {"V2"}),
        mutant<MessageBeforeJoin>("a message comes before the own join", {"V3"}),
        mutant<MessageAfterLeave>("a message comes after the own leave", {"V4"}),
        mutant<AcrossRings>("a message moves into the next ring", {"B5", "S1", "S2", "O1", "O2"}),
        mutant<HideRing>("a ring is not announced", {"C4"}),
        mutant<WrongRingMembers>("a ring is announced without one of its members", {"C3"}),
        mutant<LoseRecord>("the worker of one node misses a message", {"O6", "S1", "S2", "B4", "E3"}),
        mutant<ForgetContinuing>("one node forgets that another came along", {"C5", "V10"}),
        mutant<ForgetDeparture>("departures of a ring change are forgotten", {"C5", "V10"}),
        mutant<SafeAsAgreed>("SAFE messages are delivered like AGREED ones", {"A1", "A2"}),
        mutant<LoseJoinLists>("one node misses the join lists of another", {"V5", "V10", "E2", "V7"}),
        mutant<WrongNode>("a message reaches one worker as another node's", {"B1", "O6", "S1", "S2", "B4"}),
    };
    int missed = 0;
    for (const Mutant& m : all) {
        std::uint64_t seed = 1;
        std::string property, evidence;
        for (; seed <= seeds_max && property.empty(); ++seed) {
            const auto mutator = m.make(seed);
            const Verdict v = run_plan(draw_plan(seed), mutator.get());
            for (const Violation& x : v.violations)
                if (property.empty() && m.fitting.count(x.property)) property = x.property, evidence = x.text;
        }
        std::printf("%-60s %s\n", m.name, property.empty() ? "NOT CAUGHT" : ("caught as " + property + " by seed " + std::to_string(seed - 1)).c_str());
        if (property.empty()) ++missed;
    }
    std::printf("sim_mutants: %zu mutants, %d not caught\n", std::size(all), missed);
    return missed != 0;
}
