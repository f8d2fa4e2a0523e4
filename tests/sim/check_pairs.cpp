// What two processes of one group hear in one ring, event by event: equal as long as both are in the regular part;
// equal to the end if they go on together; holes only behind the transitional configuration.
#include <algorithm>
#include <map>

#include "tests/sim/checkers.h"

namespace motet::sim {
namespace {

// The part of a log between two announced rings, without the ring change itself.
struct Stretch {
    std::uint32_t life = 0;
    RingId ring, next;             // next.seq 0: none announced after it
    std::size_t begin = 0, end = 0;
    bool from_join = false;        // begins with its own join instead of a ring
    const Change* change = nullptr;
};

class Pairs {
public:
    explicit Pairs(History& h) : h_(h) {}

    void run() {
        std::map<std::pair<std::uint32_t, std::pair<std::uint64_t, NodeId>>, std::vector<Stretch>> rings;
        for (const Life& life : h_.lives)
            for (const Stretch& s : cut(life)) rings[{life.group, {s.ring.seq, s.ring.rep}}].push_back(s);
        for (const auto& [where, stretches] : rings)
            for (std::size_t i = 0; i < stretches.size(); ++i)
                for (std::size_t j = i + 1; j < stretches.size(); ++j) {
                    if (h_.violations.size() >= History::kViolationsMax) return;
                    compare(stretches[i], stretches[j]);
                }
    }

private:
    std::vector<Stretch> cut(const Life& life) const {
        std::vector<Stretch> all;
        std::size_t i = 0, change = 0;
        const auto& log = life.log;
        bool first = true;
        while (i < log.size()) {
            Stretch s;
            s.life = life.id;
            s.begin = i;
            s.from_join = first;
            first = false;
            s.ring = log[i].ring;
            while (i < log.size() && !log[i].in_change) {
                if (log[i].kind != Entry::Kind::ring) s.ring = log[i].ring;
                ++i;
            }
            s.end = i;
            while (i < log.size() && log[i].in_change && log[i].kind != Entry::Kind::ring) ++i;
            if (i < log.size() && log[i].kind == Entry::Kind::ring) {
                s.next = h_.rings[log[i].index].ring;
                ++i;
            }
            while (change < life.changes.size() && life.changes[change].to.seq < s.next.seq) ++change;
            if (s.next.seq != 0 && change < life.changes.size() && life.changes[change].to == s.next) {
                s.change = &life.changes[change];
                s.ring = s.change->from;
            } else if (s.begin == s.end && !s.from_join && !all.empty()) s.ring = all.back().next;
            all.push_back(s);
        }
        return all;
    }

    // Behind a hole the members differ by what the hole took.
    bool same(const Entry& a, const Entry& b, bool members_too = true) const {
        if (a.kind != b.kind) return false;
        if (a.kind == Entry::Kind::deliver) return a.index == b.index;
        const View &v = h_.views[a.index], &w = h_.views[b.index];
        const auto equal = [](std::vector<Address> x, std::vector<Address> y) {
            const auto less = [](const Address& p, const Address& q) { return p.key() < q.key(); };
            std::sort(x.begin(), x.end(), less);
            std::sort(y.begin(), y.end(), less);
            return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const Address& p, const Address& q) { return p.key() == q.key() && p.reason == q.reason; });
        };
        return (!members_too || equal(v.members, w.members)) && equal(v.left, w.left) && equal(v.joined, w.joined);
    }

    // Places in `s` at which the process of `other` joins.
    std::vector<std::size_t> joins_of(const Stretch& s, const Life& other) const {
        std::vector<std::size_t> places;
        const auto& log = h_.lives[s.life].log;
        for (std::size_t i = s.begin; i < s.end; ++i) {
            if (log[i].kind != Entry::Kind::view) continue;
            for (const Address& a : h_.views[log[i].index].joined)
                if (a.node == other.node && a.pid == other.pid) places.push_back(i);
        }
        return places;
    }

    void compare(const Stretch& a, const Stretch& b) {
        if (a.life == b.life) return;
        const Life &p = h_.lives[a.life], &q = h_.lives[b.life];
        if (!a.from_join && !b.from_join) {
            report(judge(a, a.begin, b, b.begin), a, b);
            return;
        }
        if (h_.ambiguous(p) || h_.ambiguous(q)) return;
        // Align on the later join: the other one saw it.
        if (a.from_join) {
            const auto places = joins_of(b, p);
            if (!places.empty() && !(b.from_join && places.front() == b.begin)) {
                align(a, b, places);
                return;
            }
        }
        if (b.from_join) {
            const auto places = joins_of(a, q);
            if (!places.empty() && !(a.from_join && places.front() == a.begin)) align(b, a, places);
        }
    }

    void align(const Stretch& joiner, const Stretch& witness, const std::vector<std::size_t>& places) {
        Finding first;
        for (const std::size_t place : places) {
            const Finding f = judge(joiner, joiner.begin, witness, place);
            if (f.property == nullptr) return;
            if (first.property == nullptr) first = f;
        }
        report(first, joiner, witness);
    }

    struct Finding {
        const char* property = nullptr;
        std::string what;
    };

    void report(const Finding& f, const Stretch& a, const Stretch& b) {
        if (f.property == nullptr) return;
        h_.violate(f.property, "in ring %s, then %s and %s: %s and %s: %s", text(a.ring).c_str(), text(a.next).c_str(), text(b.next).c_str(),
                   text(h_, a.life).c_str(), text(h_, b.life).c_str(), f.what.c_str());
    }

    std::string show(const Stretch& s, std::size_t i) const {
        if (i >= s.end) return "nothing more";
        const Entry& e = h_.lives[s.life].log[i];
        std::string part = e.transitional ? " (transitional)" : "";
        if (e.kind == Entry::Kind::deliver) {
            const Message& m = h_.messages[e.index];
            return "message " + std::to_string(e.index) + (m.safe ? " SAFE" : "") + " of " + text(h_, m.life) + part;
        }
        std::string out = "a view event";
        for (const Address& x : h_.views[e.index].left) out += " -" + std::to_string(x.node) + "/" + std::to_string(x.pid);
        for (const Address& x : h_.views[e.index].joined) out += " +" + std::to_string(x.node) + "/" + std::to_string(x.pid);
        return out + " of " + std::to_string(h_.views[e.index].members.size()) + part;
    }

    bool together(const Stretch& a, const Stretch& b) const {
        if (a.next.seq == 0 || a.next != b.next || a.change == nullptr || b.change == nullptr) return false;
        const Life &p = h_.lives[a.life], &q = h_.lives[b.life];
        return !a.change->left.count({q.node, q.pid}) && !b.change->left.count({p.node, p.pid});
    }

    Finding judge(const Stretch& a, std::size_t i, const Stretch& b, std::size_t j) {
        const auto &x = h_.lives[a.life].log, &y = h_.lives[b.life].log;
        while (i < a.end && j < b.end && same(x[i], y[j])) ++i, ++j;
        const bool a_more = i < a.end, b_more = j < b.end;
        if (!a_more && !b_more) return {};
        const std::string what = "one continues with " + show(a, i) + ", the other with " + show(b, j);
        if (together(a, b)) {
            if (a_more && b_more) {
                if (x[i].kind != y[j].kind || x[i].kind == Entry::Kind::view) return {"O7", what};
                return {"S2", what};
            }
            return {"S1", what};
        }
        if (!a_more || !b_more) {
            // One is a prefix of the other: it failed, left, or went elsewhere. A leaver must have heard all up to its leave.
            return {};
        }
        const bool a_regular = !x[i].transitional, b_regular = !y[j].transitional;
        if (a_regular && b_regular) {
            if (x[i].kind == Entry::Kind::view && y[j].kind == Entry::Kind::view) return {"V6", what};
            if (x[i].kind != y[j].kind) return {"O7", what};
            return {h_.lives[a.life].end == Life::End::failed || h_.lives[b.life].end == Life::End::failed ? "S3" : "O4", what};
        }
        // Whoever has a hole is in its transitional part; behind it only those who come along are heard.
        if (const Finding f = hole(b, j, a, i); f.property != nullptr) return f;
        return hole(a, i, b, j);
    }

    // `s` from i on, in its transitional part, against `other` from j on: what `other` hears before something both hear,
    // and `s` does not, is a hole of `s`.
    Finding hole(const Stretch& s, std::size_t i, const Stretch& other, std::size_t j) {
        const auto &x = h_.lives[s.life].log, &y = h_.lives[other.life].log;
        const auto along = h_.came_along.find({h_.lives[s.life].node, s.ring.seq});
        for (; i < s.end; ++i) {
            bool common = false;
            for (std::size_t k = j; k < other.end && !common; ++k) common = same(x[i], y[k], false);
            if (!common) continue;
            if (same(x[i], y[j], false)) {
                ++j;
                continue;
            }
            // y[j] is missing in s before x[i].
            if (!x[i].transitional)
                return {"O4", "a hole in the regular part: " + show(other, j) + " is missing before " + show(s, i)};
            ++h_.figures.holes;
            if (along == h_.came_along.end()) return {};
            for (std::size_t k = i; k < s.end; ++k) {
                if (x[k].kind != Entry::Kind::deliver) continue;
                const NodeId sender = h_.lives[h_.messages[x[k].index].life].node;
                if (!along->second.count(sender))
                    return {"O5", "behind a hole (" + show(other, j) + " is missing) " + show(s, k) + " is delivered, whose node did not come along"};
            }
            return {};
        }
        return {};
    }

    History& h_;
};

}  // namespace

void check_pairs(History& h) { Pairs(h).run(); }

}  // namespace motet::sim
