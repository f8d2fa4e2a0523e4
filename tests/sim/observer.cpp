// Recording and immediate checks; see observer.h.
#include "tests/sim/observer.h"

#include <algorithm>

#include "tests/sim/content.h"

namespace motet::sim {
namespace {

constexpr std::uint32_t kJoin = 1, kLeave = 2, kNodeDown = 3, kNodeUp = 4, kProcDown = 5;   // cpg_reason_t

std::string list(const std::vector<NodeId>& nodes) {
    std::string s = "{";
    for (const NodeId n : nodes) s += (s.size() > 1 ? " " : "") + std::to_string(n);
    return s + "}";
}

}  // namespace

// --- nodes

void Observer::node_reset(NodeId node) {
    NodeHistory& n = h_.nodes[node];
    n.formed.clear();
    n.pending_transitional.clear();
    worker_reset(node);
}

void Observer::worker_reset(NodeId node) {
    NodeHistory& n = h_.nodes[node];
    n.announced = n.formed.size();
    n.last_announced = {};
    n.last_members.clear();
    changing_.erase(node);
}

void Observer::node_event(NodeId node, const node::Event& event) {
    NodeHistory& n = h_.nodes[node];
    switch (event.kind) {
    case node::Event::Kind::transitional:
        n.pending_transitional = event.members;
        if (!n.formed.empty() && !n.formed.back().synchronised) ++h_.figures.sync_interrupted;
        break;
    case node::Event::Kind::regular:
        ++h_.figures.rings;
        if (event.ring.seq <= n.highest_seq)
            h_.violate("C1", "node %u forms ring %s after one with sequence %llu", node, text(event.ring).c_str(),
                       static_cast<unsigned long long>(n.highest_seq));
        n.highest_seq = event.ring.seq;
        if (std::find(event.members.begin(), event.members.end(), node) == event.members.end())
            h_.violate("C2", "node %u is not among the members %s of its ring %s", node, list(event.members).c_str(), text(event.ring).c_str());
        if (std::find(event.members.begin(), event.members.end(), event.ring.rep) == event.members.end())
            h_.violate("C2", "the representative of ring %s is not among its members %s", text(event.ring).c_str(), list(event.members).c_str());
        if (event.joined.size() > 0 && n.formed.size() > 0) ++h_.figures.merges;
        check_ring(event.ring, event.members, "Totem");
        n.formed.push_back({event.ring, n.pending_transitional, event.members, false});
        n.pending_transitional.clear();
        break;
    case node::Event::Kind::synchronised:
        for (Formed& f : n.formed)
            if (f.ring == event.ring) f.synchronised = true;
        break;
    }
}

void Observer::check_ring(RingId ring, const std::vector<NodeId>& members, const char* where) {
    std::vector<NodeId> sorted = members;
    std::sort(sorted.begin(), sorted.end());
    const auto [it, first] = h_.ring_members.emplace(ring, sorted);
    if (!first && it->second != sorted)
        h_.violate("C3", "ring %s has members %s and, in %s, %s", text(ring).c_str(), list(it->second).c_str(), where, list(sorted).c_str());
}

void Observer::change_begins(NodeId node, RingId ring) {
    NodeHistory& n = h_.nodes[node];
    std::size_t index = n.formed.size();
    for (std::size_t i = n.announced; i < n.formed.size(); ++i)
        if (n.formed[i].ring == ring) index = i;
    if (index == n.formed.size()) {
        h_.violate("C3", "node %u announces ring %s, which it did not form after the last one it announced", node, text(ring).c_str());
        return;
    }
    // Who came along through everything that was formed since the last announcement (white box).
    std::set<NodeId> along = n.last_members;
    for (std::size_t i = n.announced; i <= index; ++i) {
        const auto keep = [&](const std::vector<NodeId>& with) {
            std::erase_if(along, [&](NodeId x) { return x != node && std::find(with.begin(), with.end(), x) == with.end(); });
        };
        keep(n.formed[i].transitional);
        keep(n.formed[i].members);
    }
    h_.figures.superseded += index - n.announced;
    if (n.last_announced.seq != 0) h_.came_along[{node, n.last_announced.seq}] = along;
    n.announced = index + 1;

    Block& block = changing_[node];
    block = {};
    block.ring = ring;
    for (Life& life : h_.lives) {
        if (life.node != node || !life.announced || life.end != Life::End::alive) continue;
        Change c;
        c.from = n.last_announced;
        c.to = ring;
        c.before = life.view;
        block.changes[life.id] = c;
    }
    n.last_members = along;   // read by change_ends
}

void Observer::change_ends(NodeId node, RingId ring) {
    NodeHistory& n = h_.nodes[node];
    const auto found = changing_.find(node);
    if (found == changing_.end()) return;
    for (auto& [id, c] : found->second.changes) {
        Life& life = h_.lives[id];
        if (life.end == Life::End::failed) continue;
        c.after = life.view;
        for (const Key& who : c.before) {
            const bool along = n.last_members.count(who.first) != 0;
            if (!along && c.left.count(who) == 0)
                h_.violate("C5", "%s goes from ring %s to %s without a departure of node %u pid %u, whose node was outside a ring formed between",
                           text(h_, id).c_str(), text(c.from).c_str(), text(ring).c_str(), who.first, who.second);
        }
        if (life.log.empty() || life.log.back().kind != Entry::Kind::ring || h_.rings[life.log.back().index].ring != ring)
            h_.violate("C4", "%s: the change to ring %s does not end with its announcement", text(h_, id).c_str(), text(ring).c_str());
        else c.entry = life.log.size() - 1;
        life.changes.push_back(c);
    }
    n.last_announced = ring;
    for (const Formed& f : n.formed)
        if (f.ring == ring) n.last_members = {f.members.begin(), f.members.end()};
    changing_.erase(found);
}

// --- processes

std::uint32_t Observer::life_begins(NodeId node, std::uint32_t pid, const std::string& group) {
    Life life;
    life.id = static_cast<std::uint32_t>(h_.lives.size());
    life.node = node;
    life.pid = pid;
    const auto g = std::find(h_.groups.begin(), h_.groups.end(), group);
    life.group = static_cast<std::uint32_t>(g - h_.groups.begin());
    if (g == h_.groups.end()) h_.groups.push_back(group);
    lives_of_[{{node, pid}, life.group}].push_back(life.id);
    h_.lives.push_back(std::move(life));
    ++h_.figures.lives;
    return h_.lives.back().id;
}

void Observer::life_ends(std::uint32_t life) {
    if (life < h_.lives.size() && h_.lives[life].end == Life::End::alive) h_.lives[life].end = Life::End::failed;
}

std::uint32_t Observer::message_created(std::uint32_t life, std::uint32_t length, bool safe, bool refused, bool marker, Instant now) {
    Life& l = h_.lives[life];
    Message m;
    m.id = static_cast<std::uint32_t>(h_.messages.size());
    m.life = life;
    m.length = length;
    m.safe = safe;
    m.refused = refused;
    m.marker = marker;
    m.time = now;
    m.send_ring = announced(l.node);
    if (length < kContentHeader) m.tag = static_cast<std::uint8_t>(tags_[{l.node, l.pid}]++ % 251);
    for (auto e = l.log.rbegin(); e != l.log.rend(); ++e)
        if (e->kind == Entry::Kind::deliver) {
            m.last_delivered = e->index;
            break;
        }
    if (!refused) {
        m.seq = static_cast<std::uint32_t>(l.sent.size());
        l.sent.push_back(m.id);
    } else m.seq = kNone;
    h_.messages.push_back(m);
    ++h_.figures.sent;
    if (length > 100000) ++h_.figures.big;
    return m.id;
}

void Observer::message_refused(std::uint32_t id) {
    h_.messages[id].refused = true;
    ++h_.figures.refused;
}

void Observer::leave_accepted(std::uint32_t life) {
    h_.lives[life].leave_accepted = true;
    h_.lives[life].sent_before_leave = static_cast<std::uint32_t>(h_.lives[life].sent.size());
}

Entry Observer::entry(const Life& life, const Seen& event) const {
    Entry e;
    e.kind = event.kind;
    e.in_change = in_change(life.node);
    e.transitional = event.transitional;
    const auto n = h_.nodes.find(life.node);
    e.ring = n == h_.nodes.end() ? RingId{} : n->second.last_announced;
    e.time = event.time;
    return e;
}

void Observer::seen(const Seen& event) {
    if (event.kind == Entry::Kind::ring) {
        on_ring(event);
        return;
    }
    if (event.life == kNone) {
        h_.violate("V4", "node %u, handle %u: an event of group %s although the handle is in no group", event.node, event.conn, event.group.c_str());
        return;
    }
    Life& life = h_.lives[event.life];
    if (event.group != h_.groups[life.group])
        h_.violate("B1", "%s hears of group %s", text(h_, life.id).c_str(), event.group.c_str());
    if (life.end == Life::End::left) {
        h_.violate("V4", "%s hears something after its own leave", text(h_, life.id).c_str());
        return;
    }
    if (event.kind == Entry::Kind::deliver) on_deliver(life, event);
    else on_view(life, event);
}

// A short message is the next of that sender, after the last one heard, that looks like it.
std::uint32_t Observer::resolve_short(Life& life, const Seen& event) {
    const auto found = lives_of_.find({event.sender, life.group});
    if (found == lives_of_.end()) return kNone;
    const auto last = life.last_life.find(event.sender);
    for (const std::uint32_t l : found->second) {
        if (last != life.last_life.end() && l < last->second) continue;
        const auto next = life.next_seq.find(l);
        const std::uint32_t from = next == life.next_seq.end() ? 0 : next->second;
        const auto& sent = h_.lives[l].sent;
        for (std::uint32_t i = from; i < sent.size(); ++i) {
            const Message& m = h_.messages[sent[i]];
            if (m.length == event.bytes.size() && !life.delivered.count(m.id) && content_intact(event.bytes, m.id, m.tag)) return m.id;
        }
    }
    for (const Message& m : h_.messages)   // no such: a duplicate, or one out of order, or a refused one
        if (m.length == event.bytes.size() && h_.lives[m.life].node == event.sender.first && h_.lives[m.life].pid == event.sender.second &&
            content_intact(event.bytes, m.id, m.tag))
            return m.id;
    return kNone;
}

void Observer::on_deliver(Life& life, const Seen& event) {
    ++h_.figures.deliveries;
    const std::string me = text(h_, life.id);
    std::uint32_t id = kNone;
    if (event.bytes.size() < kContentHeader) id = resolve_short(life, event);
    else if (!read_content(event.bytes, id)) id = kNone;
    if (id >= h_.messages.size()) {
        h_.violate("B1", "%s delivers %zu bytes from node %u pid %u that nobody sent", me.c_str(), event.bytes.size(), event.sender.first, event.sender.second);
        return;
    }
    Message& m = h_.messages[id];
    const Life& sender = h_.lives[m.life];
    if (m.length != event.bytes.size() || !content_intact(event.bytes, id, m.tag))
        h_.violate("B7", "%s delivers message %u with other bytes or another length than sent", me.c_str(), id);
    if (sender.node != event.sender.first || sender.pid != event.sender.second || sender.group != life.group)
        h_.violate("B1", "%s delivers message %u of %s as from node %u pid %u", me.c_str(), id, text(h_, m.life).c_str(), event.sender.first, event.sender.second);
    if (m.refused) h_.violate("B3", "%s delivers message %u, which was refused", me.c_str(), id);
    if (!life.announced) h_.violate("V3", "%s delivers message %u before its own join", me.c_str(), id);
    if (in_change(life.node)) h_.violate("C4", "%s delivers message %u inside a ring change", me.c_str(), id);
    if (!life.delivered.insert(id).second) {
        h_.violate("B2", "%s delivers message %u twice", me.c_str(), id);
        return;
    }
    if (!life.view.count(event.sender)) h_.violate("V7", "%s delivers message %u of %s, which is not in its view", me.c_str(), id, text(h_, m.life).c_str());
    if (life.closed.count(m.life)) h_.violate("V11", "%s delivers message %u after the departure of %s", me.c_str(), id, text(h_, m.life).c_str());
    if (!m.refused) {
        const auto next = life.next_seq.find(m.life);
        if (next != life.next_seq.end()) {
            std::uint32_t expected = next->second;
            while (expected < sender.sent.size() && h_.messages[sender.sent[expected]].refused) ++expected;
            if (m.seq > expected)
                h_.violate("O6", "%s delivers message %u (number %u of %s) but not number %u before it (message %u), with the sender in view all the time",
                           me.c_str(), id, m.seq, text(h_, m.life).c_str(), expected, sender.sent[expected]);
            else if (m.seq < expected)
                h_.violate("O2", "%s delivers message %u (number %u of %s) after number %u", me.c_str(), id, m.seq, text(h_, m.life).c_str(), expected - 1);
        }
        life.next_seq[m.life] = m.seq + 1;
    }
    life.last_life[event.sender] = m.life;
    Entry e = entry(life, event);
    e.index = id;
    life.log.push_back(e);
    if (event.transitional) ++h_.figures.transitional_deliveries;
    if (m.safe) ++(event.transitional ? h_.figures.safe_transitional : h_.figures.safe_regular);
    if (e.ring.seq > m.send_ring.seq) ++h_.figures.straddled;
    const auto members = h_.ring_members.find(m.send_ring);
    if (e.ring.seq < m.send_ring.seq && members != h_.ring_members.end() &&
        std::find(members->second.begin(), members->second.end(), life.node) != members->second.end())
        h_.violate("B6", "%s delivers message %u in ring %s; it was sent in ring %s", me.c_str(), id, text(e.ring).c_str(), text(m.send_ring).c_str());
}

void Observer::on_view(Life& life, const Seen& event) {
    ++h_.figures.views;
    const std::string me = text(h_, life.id);
    const View& v = event.view;
    const Key self{life.node, life.pid};
    std::set<Key> members, joined, left;
    for (const Address& a : v.members) members.insert(a.key());
    for (const Address& a : v.joined) joined.insert(a.key());
    for (const Address& a : v.left) left.insert(a.key());
    if (members.size() != v.members.size() || joined.size() != v.joined.size() || left.size() != v.left.size())
        h_.violate("V2", "%s: a process is listed twice in one view event", me.c_str());
    if (!std::is_sorted(v.members.begin(), v.members.end(), [](const Address& a, const Address& b) { return a.key() < b.key(); }))
        h_.violate("V2", "%s: the members of a view are not in ascending order", me.c_str());

    const auto block = changing_.find(life.node);
    const bool changing = block != changing_.end();
    const bool first = !life.announced;
    if (first) {
        if (!joined.count(self)) h_.violate("V3", "%s: its first view event does not announce it", me.c_str());
        life.announced = true;
        life.view = members;
        if (!left.empty()) h_.violate("V2", "%s: its first view event has a left list", me.c_str());
    } else {
        for (const Key& k : left)
            if (!life.view.count(k)) h_.violate("V2", "%s: node %u pid %u leaves and was not in the view", me.c_str(), k.first, k.second);
        for (const Key& k : joined)
            if (life.view.count(k)) h_.violate("V2", "%s: node %u pid %u joins and was in the view already", me.c_str(), k.first, k.second);
        std::set<Key> expected = life.view;
        for (const Key& k : left) expected.erase(k);
        expected.insert(joined.begin(), joined.end());
        if (expected != members) {
            std::string what;
            for (const Key& k : expected)
                if (!members.count(k)) what += " missing " + std::to_string(k.first) + "/" + std::to_string(k.second);
            for (const Key& k : members)
                if (!expected.count(k)) what += " unexpected " + std::to_string(k.first) + "/" + std::to_string(k.second);
            h_.violate("V2", "%s: the view is not the one before, without those who left, with those who joined:%s", me.c_str(), what.c_str());
        }
        life.view = members;
    }
    const bool own_leave = left.count(self) != 0;
    if (own_leave == (members.count(self) != 0)) h_.violate("V1", "%s: its own place in the view is wrong", me.c_str());

    for (const Address& a : v.joined) {
        ++(a.reason == kNodeUp ? h_.figures.nodeup : h_.figures.rejoins);
        if (a.reason != (changing ? kNodeUp : kJoin))
            h_.violate("V8", "%s: node %u pid %u joins %s with reason %u", me.c_str(), a.node, a.pid, changing ? "at a ring change" : "inside a ring", a.reason);
    }
    for (const Address& a : v.left) {
        ++(a.reason == kNodeDown ? h_.figures.nodedown : a.reason == kProcDown ? h_.figures.procdown : h_.figures.left);
        const bool fits = a.reason == kProcDown || a.reason == (changing ? kNodeDown : kLeave);
        if (!fits) h_.violate("V8", "%s: node %u pid %u leaves %s with reason %u", me.c_str(), a.node, a.pid, changing ? "at a ring change" : "inside a ring", a.reason);
        // What was heard of it inside this ring is all there is; after a ring change its life may go on.
        for (auto it = life.next_seq.begin(); it != life.next_seq.end();) {
            const Life& sender = h_.lives[it->first];
            if (sender.node == a.node && sender.pid == a.pid) {
                if (a.reason != kNodeDown) life.closed.insert(it->first);
                it = life.next_seq.erase(it);
            } else ++it;
        }
    }
    if (changing) {
        Change& c = block->second.changes[life.id];
        int& phase = block->second.phase[life.id];
        const bool down = std::any_of(v.left.begin(), v.left.end(), [](const Address& a) { return a.reason == kNodeDown; });
        const int now = down ? 1 : !joined.empty() ? 2 : 3;
        if (now < phase || (!joined.empty() && !left.empty()))
            h_.violate("C4", "%s: view events of a ring change are not departures, arrivals, removals, in this order", me.c_str());
        phase = now;
        c.left.insert(left.begin(), left.end());
        // A node that came along is not lost.
        const auto& n = h_.nodes[life.node];
        for (const Address& a : v.left)
            if (a.reason == kNodeDown && n.last_members.count(a.node))
                h_.violate("C5", "%s: node %u pid %u leaves with its node on the way to ring %s, but the node came along through all rings between",
                           me.c_str(), a.node, a.pid, text(block->second.ring).c_str());
    }
    Entry e = entry(life, event);
    e.index = static_cast<std::uint32_t>(h_.views.size());
    h_.views.push_back(v);
    life.log.push_back(e);
    if (own_leave) {
        if (!life.leave_accepted) h_.violate("V1", "%s is told that it left, and did not ask for it", me.c_str());
        life.end = Life::End::left;
    }
}

void Observer::on_ring(const Seen& event) {
    NodeHistory& n = h_.nodes[event.node];
    check_ring(event.ring.ring, event.ring.members, "a notification");
    if (std::find(event.ring.members.begin(), event.ring.members.end(), event.node) == event.ring.members.end())
        h_.violate("C2", "node %u, handle %u is told of ring %s without its own node", event.node, event.conn, text(event.ring.ring).c_str());
    const auto block = changing_.find(event.node);
    if (block != changing_.end()) {
        if (event.ring.ring != block->second.ring)
            h_.violate("C3", "node %u, handle %u is told of ring %s in the change to %s", event.node, event.conn, text(event.ring.ring).c_str(),
                       text(block->second.ring).c_str());
        n.highest_client_seq = std::max(n.highest_client_seq, event.ring.ring.seq);
    } else if (event.ring.ring != n.last_announced) {
        h_.violate("C3", "node %u, handle %u is told of ring %s outside a ring change; the ring announced last is %s", event.node, event.conn,
                   text(event.ring.ring).c_str(), text(n.last_announced).c_str());
    }
    if (event.ring.ring.seq < n.highest_client_seq)
        h_.violate("C1", "node %u, handle %u is told of ring %s after sequence %llu", event.node, event.conn, text(event.ring.ring).c_str(),
                   static_cast<unsigned long long>(n.highest_client_seq));
    if (event.life == kNone) return;
    Life& life = h_.lives[event.life];
    if (!life.announced || life.end != Life::End::alive) return;
    if (block != changing_.end()) {
        int& phase = block->second.phase[life.id];
        if (phase == 4) h_.violate("C4", "%s is told of ring %s twice", text(h_, life.id).c_str(), text(event.ring.ring).c_str());
        phase = 4;
    } else return;   // the notification at the join; nothing changes
    Entry e = entry(life, event);
    e.index = static_cast<std::uint32_t>(h_.rings.size());
    h_.rings.push_back(event.ring);
    life.log.push_back(e);
}

}  // namespace motet::sim
