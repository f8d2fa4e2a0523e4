// Every order of crashes, starts, partitions and merges of a few nodes, to a stated depth, for every combination of options.
//
// The world is asynchronous in the way that matters: any set of running nodes can form a ring at any time, while all others
// go on believing in the ring they were in. A ring can also be given up half way, or be counted by one member only. After
// each step no two nodes may be quorate that report disjoint members. What an option promises besides is checked too.
//
// Without arguments: what fits `make check`. --deep: some minutes. --only NAME: one combination. Exit status 1: a promise is
// broken; the shortest way there is printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include "workers/quorum/core_votes.h"

namespace {

using namespace motet;
using namespace motet::quorum;

using Mask = unsigned;

struct Combination {
    const char* name;
    bool two_node = false, wait_for_all = false, last_man = false, tie_breaker = false, downscale = false, device = false;
    TieBreaker tie = TieBreaker::lowest;
    std::vector<NodeId> list = {};
    const char* unsafe = nullptr;   // why two quorate parts are to be found here; null: there must be none
    std::vector<std::uint32_t> votes = {};
};

// Messages of one node's step; everything else is of no interest here.
class Sent final : public Effects {
public:
    void send(ByteView message) override { messages.emplace_back(message.begin(), message.end()); }
    void nodes_changed() override {}
    void decided() override {}
    void expected_votes_changed(std::uint32_t) override {}
    void step_done() override {}
    void device_registered(bool) override {}
    void store_expected_votes(std::uint32_t) override {}
    void note(const std::string&) override {}
    std::vector<Bytes> messages;
};

struct Node {
    bool up = false;
    bool seen_all = false;      // was in a counted ring of all, or with one that had been
    unsigned ring = 0;          // nodes with the same number share a ring; 0: none
    Mask reported = 0;          // members of the last counted ring
    bool partly = false;        // which not all of its members counted, or a ring was given up since
    Votes votes;
};

enum class Kind : std::uint8_t { start, crash, leave, form, begin, count_one, window };
struct Action {
    Kind kind;
    Mask nodes = 0;
    bool grant = false;
};

std::string text(Mask nodes) {
    std::string s = "{";
    for (unsigned i = 0; i < 8; ++i)
        if (nodes >> i & 1) s += (s.size() > 1 ? " " : "") + std::to_string(i + 1);
    return s + "}";
}

std::string text(const Action& a) {
    static const char* const names[] = {"start", "crash", "leave", "ring", "ring given up half way", "ring counted by its first node only", "window passes"};
    return std::string(names[static_cast<int>(a.kind)]) + " " + text(a.nodes) + (a.grant ? " with the device's vote" : "");
}

class World {
public:
    World(const Combination& c, unsigned n) : c_(&c), nodes_(n) {}

    static Settings settings(const Combination& c, unsigned n, unsigned i) {
        Settings s;
        s.self = i + 1;
        s.provider = Provider::votequorum;
        s.listed = n;
        s.expected_votes = 0;
        for (unsigned k = 0; k < n; ++k) s.expected_votes += k < c.votes.size() ? c.votes[k] : 1;
        s.votes = i < c.votes.size() ? c.votes[i] : 1;
        s.two_node = c.two_node;
        s.wait_for_all = c.wait_for_all;
        s.last_man_standing = c.last_man;
        s.auto_tie_breaker = c.tie_breaker;
        s.tie_breaker = c.tie;
        s.tie_breaker_nodes = c.list;
        s.allow_downscale = s.expected_votes_tracking = c.downscale;
        if (c.device) {
            s.device.configured = true;
            s.device.votes = 1;
            s.expected_votes += 1;
        }
        return s;
    }

    unsigned size() const { return static_cast<unsigned>(nodes_.size()); }
    Mask all() const { return (1u << size()) - 1; }
    Mask up() const {
        Mask m = 0;
        for (unsigned i = 0; i < size(); ++i)
            if (nodes_[i].up) m |= 1u << i;
        return m;
    }
    // Nobody believes in a ring that is no more.
    bool settled() const {
        for (unsigned i = 0; i < size(); ++i)
            if (nodes_[i].up && (nodes_[i].ring == 0 || sharing(i) != nodes_[i].reported)) return false;
        return true;
    }
    bool one_ring_of_all() const { return settled() && up() == all() && nodes_[0].reported == all(); }
    // Nodes of one ring have counted the same last. (Where a ring was counted by some of its members only, they may decide
    // differently about the next one; never so that two parts are quorate.)
    bool same_memory(Mask nodes) const {
        for (unsigned i = 0; i < size(); ++i)
            for (unsigned k = 0; k < i; ++k)
                if ((nodes >> i & 1) != 0 && (nodes >> k & 1) != 0 && nodes_[i].ring == nodes_[k].ring && nodes_[i].ring != 0 &&
                    (nodes_[i].reported != nodes_[k].reported || nodes_[i].partly || nodes_[k].partly))
                    return false;
        return true;
    }
    bool quorate(unsigned i) const { return nodes_[i].up && nodes_[i].votes.quorate(); }

    std::vector<Action> actions(bool interruptions) const {
        std::vector<Action> list;
        for (unsigned i = 0; i < size(); ++i) {
            list.push_back({Kind::start, 1u << i});
            if (nodes_[i].up) list.push_back({Kind::crash, 1u << i});
            if (nodes_[i].up && c_->downscale) list.push_back({Kind::leave, 1u << i});
        }
        const Mask running = up();
        for (Mask s = running; s != 0; s = (s - 1) & running) {
            if (c_->device && may_grant(s)) list.push_back({Kind::form, s, true});
            list.push_back({Kind::form, s});
            if (!interruptions) continue;
            list.push_back({Kind::begin, s});
            if ((s & (s - 1)) != 0) list.push_back({Kind::count_one, s});
        }
        if (c_->last_man && settled()) list.push_back({Kind::window, running});
        return list;
    }

    void take(const Action& a) {
        switch (a.kind) {
            case Kind::start:
                for_each(a.nodes, [&](unsigned i) {
                    nodes_[i] = Node{};
                    nodes_[i].up = true;
                    nodes_[i].votes = Votes(settings(*c_, size(), i));
                });
                break;
            case Kind::crash: for_each(a.nodes, [&](unsigned i) { nodes_[i] = Node{}; }); break;
            case Kind::leave:
                for_each(a.nodes, [&](unsigned i) {
                    Sent out;
                    nodes_[i].votes.leave(out);
                    deliver(sharing(i), i, out);
                    nodes_[i] = Node{};
                });
                break;
            case Kind::window:
                for_each(a.nodes, [&](unsigned i) {
                    Sent out;
                    nodes_[i].votes.on_time(Instant{1}, out);                        // the timer learns its start
                    nodes_[i].votes.on_time(Instant{1} + seconds(3600), out);
                });
                break;
            default: ring(a);
        }
        relabel();
    }

    // Empty: all promises are kept. `before`: the world that `a` was taken in.
    std::string broken(const World& before, const Action& a) const {
        for (unsigned i = 0; i < size(); ++i)
            for (unsigned k = i + 1; k < size(); ++k)
                if (quorate(i) && quorate(k) && (nodes_[i].reported & nodes_[k].reported) == 0)
                    return "two quorate parts: " + text(nodes_[i].reported) + " and " + text(nodes_[k].reported);
        if (a.kind != Kind::form) return "";
        unsigned agree = 0, members = 0;
        bool unseen = false;
        for_each(a.nodes, [&](unsigned i) {
            ++members;
            agree += quorate(i);
            unseen = unseen || (quorate(i) && !nodes_[i].seen_all);
        });
        if (agree != 0 && agree != members && !c_->device && before.same_memory(a.nodes)) return "the members of " + text(a.nodes) + " decide differently";
        if (c_->wait_for_all && unseen) return "quorate without ever having seen all, or one who had";
        if (c_->tie_breaker && before.one_ring_of_all() && before.quorate(0) && members * 2 == size() && c_->votes.empty() &&
            before.nodes_[0].votes.expected_votes() == size()) {
            const bool wins = (a.nodes >> winner() & 1) != 0;
            if (wins != (agree != 0)) return "the tie of " + text(a.nodes) + " is decided against auto_tie_breaker_node";
        }
        if (c_->device && !c_->wait_for_all && a.grant && before.one_ring_of_all() && before.quorate(0) && agree == 0 && members * 2 >= size())
            return "half of the nodes with the device's vote are not quorate";
        return "";
    }

    // Equal worlds have equal keys; a key of 128 bits is taken for the world.
    struct Key {
        std::uint64_t a, b;
        bool operator==(const Key&) const = default;
    };
    Key key(Bytes& scratch) const {
        scratch.clear();
        for (const Node& n : nodes_) {
            scratch.push_back(n.up);
            if (!n.up) continue;
            scratch.push_back(static_cast<std::uint8_t>(n.seen_all | n.partly << 1));
            scratch.push_back(static_cast<std::uint8_t>(n.ring));
            scratch.push_back(static_cast<std::uint8_t>(n.reported));
            n.votes.save(scratch);
        }
        Key k{0x9E3779B97F4A7C15ull, 0xC2B2AE3D27D4EB4Full};
        for (std::size_t i = 0; i < scratch.size(); i += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, scratch.data() + i, std::min<std::size_t>(8, scratch.size() - i));
            k.a = (k.a ^ word) * 0xFF51AFD7ED558CCDull;
            k.a ^= k.a >> 32;
            k.b = (k.b + word) * 0xC4CEB9FE1A85EC53ull;
            k.b ^= k.b >> 29;
        }
        return k;
    }

private:
    template <class Do>
    void for_each(Mask nodes, Do action) const {
        for (unsigned i = 0; i < size(); ++i)
            if (nodes >> i & 1) action(i);
    }
    Mask sharing(unsigned i) const {
        Mask m = 0;
        for (unsigned k = 0; k < size(); ++k)
            if (nodes_[k].up && nodes_[i].ring != 0 && nodes_[k].ring == nodes_[i].ring) m |= 1u << k;
        return m;
    }
    unsigned winner() const {
        if (c_->tie == TieBreaker::lowest) return 0;
        if (c_->tie == TieBreaker::highest) return size() - 1;
        return c_->list.front() - 1;
    }
    // The device takes its vote from everybody else, and waits until that was counted, before it gives it.
    bool may_grant(Mask s) const {
        for (unsigned i = 0; i < size(); ++i)
            if (nodes_[i].up && (s >> i & 1) == 0 &&
                ((nodes_[i].votes.us().flags & wire::votequorum::kQdeviceCastVote) != 0 || (quorate(i) && (nodes_[i].reported & s) == 0)))
                return false;
        return true;
    }
    void deliver(Mask to, unsigned from, const Sent& sent) {
        Sent answers;
        for (const Bytes& message : sent.messages) {
            for_each(to, [&](unsigned k) { nodes_[k].votes.message(from + 1, message, false, answers); });
            if (answers.messages.empty()) continue;
            Sent next;
            next.messages.swap(answers.messages);
            deliver(to, from, next);  // only a registration is answered, and by its own sender
        }
    }
    void poll(unsigned i, bool vote, Sent& out) {
        nodes_[i].votes.poll_device("D", vote, nodes_[i].votes.ring(), out);
    }
    void ring(const Action& a) {
        std::vector<NodeId> members;
        for_each(a.nodes, [&](unsigned i) { members.push_back(i + 1); });
        const std::vector<Node> before = nodes_;
        bool all_seen = a.nodes == all();
        for_each(a.nodes, [&](unsigned i) { all_seen = all_seen || before[i].seen_all; });
        for_each(a.nodes, [&](unsigned i) {
            std::vector<NodeId> continuing;
            for_each(a.nodes, [&](unsigned k) {
                if (k == i || (before[i].ring != 0 && before[k].ring == before[i].ring)) continuing.push_back(k + 1);
            });
            nodes_[i].votes.init({members.front(), 1}, members, continuing);
            nodes_[i].ring = size() + 1;
            nodes_[i].partly = a.kind != Kind::form;
            nodes_[i].seen_all = all_seen;
        });
        std::vector<Sent> sent(size());
        for_each(a.nodes, [&](unsigned i) {
            nodes_[i].votes.process(sent[i]);
            if (c_->device && nodes_[i].votes.waiting_for_device()) poll(i, a.grant, sent[i]);
        });
        for_each(a.nodes, [&](unsigned i) {
            if (a.kind == Kind::begin && i % 2 != 0) return;  // half of the messages come through
            deliver(a.nodes, i, sent[i]);
        });
        if (a.kind == Kind::begin) return;
        bool first = true;
        for_each(a.nodes, [&](unsigned i) {
            if (a.kind == Kind::count_one && !first) return;
            first = false;
            Sent out;
            nodes_[i].votes.activate(out);
            nodes_[i].reported = a.nodes;
        });
        if (!c_->device || a.kind != Kind::form) return;
        for_each(a.nodes, [&](unsigned i) {
            Sent out;
            if (!nodes_[i].votes.device_registered()) nodes_[i].votes.register_device("D", out);
            deliver(a.nodes, i, out);
            Sent vote;
            poll(i, a.grant, vote);
            deliver(a.nodes, i, vote);
        });
    }
    // Rings are numbered by the lowest node in them, so that equal worlds look equal.
    void relabel() {
        std::vector<unsigned> old;
        for (const Node& n : nodes_) old.push_back(n.ring);
        for (unsigned i = 0; i < size(); ++i) {
            if (old[i] == 0) continue;
            unsigned first = i;
            for (unsigned k = 0; k < i; ++k)
                if (old[k] == old[i]) {
                    first = k;
                    break;
                }
            nodes_[i].ring = first + 1;
        }
    }

    const Combination* c_;
    std::vector<Node> nodes_;
};

struct Hash {
    std::size_t operator()(const World::Key& k) const { return k.a; }
};

struct Limits {
    unsigned depth;
    std::size_t worlds;
    bool interruptions;
};

struct Outcome {
    std::size_t worlds = 0, steps = 0;
    unsigned depth = 0;
    bool complete = false;       // no further worlds can be reached
    std::string broken;
    std::vector<Action> trace;
};

Outcome search(const Combination& c, unsigned n, const Limits& limits) {
    Outcome out;
    struct Came {
        std::size_t from;
        Action by;
    };
    std::vector<Came> history;
    std::unordered_set<World::Key, Hash> known;
    std::vector<std::pair<World, std::size_t>> now, next;
    Bytes scratch;
    World start(c, n);
    for (unsigned i = 0; i < n; ++i) start.take({Kind::start, 1u << i});
    known.insert(start.key(scratch));
    history.push_back({0, {Kind::start, start.all()}});
    now.emplace_back(start, 0);
    // Further beginnings: a ring of all; its majority and the rest; the same after the window of last_man_standing.
    const Mask most = (1u << (n / 2 + 1)) - 1;
    std::vector<Action> begin = {{Kind::form, start.all(), c.device}, {Kind::form, most}};
    if (most != start.all()) begin.push_back({Kind::form, start.all() & ~most});
    if (c.last_man) begin.push_back({Kind::window, start.all()});
    World further = start;
    for (const Action& a : begin) {
        further.take(a);
        history.push_back({history.size() - 1, a});
        if (known.insert(further.key(scratch)).second) now.emplace_back(further, history.size() - 1);
    }
    for (; out.depth < limits.depth && !now.empty(); ++out.depth) {
        for (const auto& [world, at] : now) {
            for (const Action& action : world.actions(limits.interruptions)) {
                World then = world;
                then.take(action);
                ++out.steps;
                out.broken = then.broken(world, action);
                const bool fresh = known.insert(then.key(scratch)).second;
                if (fresh || !out.broken.empty()) history.push_back({at, action});
                if (!out.broken.empty()) {
                    for (std::size_t k = history.size() - 1; k != 0; k = history[k].from) out.trace.push_back(history[k].by);
                    std::reverse(out.trace.begin(), out.trace.end());
                    out.worlds = known.size();
                    return out;
                }
                if (!fresh) continue;
                next.emplace_back(std::move(then), history.size() - 1);
                if (known.size() >= limits.worlds) {
                    out.worlds = known.size();
                    return out;
                }
            }
        }
        now.swap(next);
        next.clear();
    }
    out.complete = now.empty();
    out.worlds = known.size();
    return out;
}

const Combination kCombinations[] = {
    {.name = "majority"},
    {.name = "unequal votes", .votes = {3, 1, 1, 2, 1}},
    {.name = "wait_for_all", .wait_for_all = true},
    {.name = "tie lowest", .tie_breaker = true},
    {.name = "tie highest", .tie_breaker = true, .tie = TieBreaker::highest},
    {.name = "tie list", .tie_breaker = true, .tie = TieBreaker::list, .list = {2, 1, 3}},
    {.name = "tie lowest, wait_for_all", .wait_for_all = true, .tie_breaker = true},
    {.name = "tie list, wait_for_all", .wait_for_all = true, .tie_breaker = true, .tie = TieBreaker::list, .list = {3, 2}},
    {.name = "last_man_standing, wait_for_all", .wait_for_all = true, .last_man = true},
    {.name = "last_man_standing, wait_for_all, tie", .wait_for_all = true, .last_man = true, .tie_breaker = true},
    {.name = "downscale", .downscale = true},
    {.name = "downscale, wait_for_all", .wait_for_all = true, .downscale = true},
    {.name = "downscale, tie, wait_for_all", .wait_for_all = true, .tie_breaker = true, .downscale = true},
    {.name = "downscale, last_man_standing, wait_for_all", .wait_for_all = true, .last_man = true, .downscale = true},
    {.name = "all options", .wait_for_all = true, .last_man = true, .tie_breaker = true, .downscale = true},
    {.name = "device", .device = true},
    {.name = "device, wait_for_all", .wait_for_all = true, .device = true},
    {.name = "two_node, wait_for_all", .two_node = true, .wait_for_all = true,
     .unsafe = "each of the two nodes goes on alone; fencing has to choose"},
    {.name = "last_man_standing alone", .last_man = true,
     .unsafe = "a node that restarted knows nothing of a lowered expectation; wait_for_all: 0 has to be written for this"},
};

}  // namespace

int main(int argc, char** argv) {
    bool deep = false;
    std::string only;
    unsigned only_nodes = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--deep") == 0) deep = true;
        else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
        else if (std::strcmp(argv[i], "--nodes") == 0 && i + 1 < argc) only_nodes = static_cast<unsigned>(std::atoi(argv[++i]));
        else {
            std::fprintf(stderr, "usage: %s [--deep] [--only NAME] [--nodes N]\n", argv[0]);
            return 2;
        }
    }
    int bad = 0;
    std::size_t worlds = 0, steps = 0;
    for (const Combination& c : kCombinations) {
        if (!only.empty() && only != c.name) continue;
        bool found = false;
        for (unsigned n = 2; n <= (c.two_node ? 2u : 5u); ++n) {
            if (only_nodes != 0 && n != only_nodes) continue;
            // Corosync and the checks of the configuration refuse or ignore a tie breaker for an odd number without wait_for_all.
            if (c.tie_breaker && !c.wait_for_all && n % 2 == 1) continue;
            if (c.tie == TieBreaker::list && n < 3) continue;
            const std::size_t most = deep ? 400'000 : 20'000;
            const Limits limits{deep ? 40u : 30u, most, n <= 4 || deep};
            const auto begin = std::chrono::steady_clock::now();
            const Outcome o = search(c, n, limits);
            const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            worlds += o.worlds;
            steps += o.steps;
            found = found || !o.broken.empty();
            const bool expected = c.unsafe != nullptr && !o.broken.empty();
            std::printf("%s - %s, %u nodes: %s; %zu worlds, %zu steps, %s%u steps deep (%.1f s)\n",
                        o.broken.empty() || expected ? "ok" : "not ok", c.name, n,
                        o.broken.empty() ? "no two quorate parts" : (expected ? "two quorate parts, as documented" : o.broken.c_str()),
                        o.worlds, o.steps, o.complete ? "all there are, " : "", o.depth, took);
            if (!o.broken.empty() && !expected) {
                ++bad;
                for (const Action& a : o.trace) std::printf("#   %s\n", text(a).c_str());
                std::printf("#   => %s\n", o.broken.c_str());
            }
            std::fflush(stdout);
        }
        if (c.unsafe != nullptr && !found && only_nodes == 0) {
            ++bad;
            std::printf("not ok - %s: no way to two quorate parts found, although %s\n", c.name, c.unsafe);
        }
    }
    std::printf("# %zu worlds, %zu steps\n", worlds, steps);
    return bad != 0;
}
