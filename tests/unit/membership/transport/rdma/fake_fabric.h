// A fabric in memory: devices by address, datagrams delivered at once or lost, every call able to fail on demand.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "membership/transport/rdma/fabric.h"

namespace motet::transport::rdma {

class FakeFabric;

// The switch between the devices.
struct FakeSwitch {
    std::map<std::string, FakeFabric*> devices;
    std::uint32_t queue_pairs = 100;
    bool groups = true;                                          // join works
    std::set<std::pair<std::string, std::string>> cut;           // from, to: datagrams and queries vanish
    std::set<std::string> deaf_to_group;                         // receives no multicast
    std::uint64_t carried = 0;
    bool passes(const std::string& from, const std::string& to) const { return !cut.contains({from, to}); }
};

class FakeFabric final : public Fabric {
public:
    explicit FakeFabric(FakeSwitch& fabric_switch) : switch_(fabric_switch) {}
    ~FakeFabric() override { close(false); }

    // What goes wrong next.
    std::string open_error;
    Posted post_result = Posted::ok;
    bool repost_works = true, arm_works = true, complete_sends = true, resolve_works = true, asks_answered = true;
    std::uint32_t mtu = 1024;
    std::deque<Event> events;
    std::deque<Condition> conditions;
    std::deque<Completion> completions;
    // What is to be asserted.
    int opens = 0, closes = 0, joins = 0, arms = 0;
    bool last_close_removed = false;
    std::set<Handle> live_handles;
    std::set<Ticket> live_tickets;
    std::set<Asker> live_askers;
    std::vector<Bytes> sent;
    std::uint32_t posted_receives = 0, queue_pair = 0;
    FabricConfig config;

    Result<Opened> open(const FabricConfig& wanted) override {
        ++opens;
        if (!open_error.empty()) return error("%s", open_error.c_str());
        config = wanted;
        queue_pair = ++switch_.queue_pairs;
        switch_.devices[config.address] = this;
        posted_receives = config.receive_depth;
        free_receives_.clear();
        for (std::uint32_t i = 0; i < config.receive_depth; ++i) free_receives_.push_back(i);
        receives_.assign(config.receive_depth, {});
        sends_.assign(config.send_slots, Bytes(mtu));
        return Opened{"fake0", 1, mtu, queue_pair, 0};
    }
    void close(bool removed) override {
        ++closes;
        last_close_removed = removed;
        for (auto it = switch_.devices.begin(); it != switch_.devices.end();) it = it->second == this ? switch_.devices.erase(it) : std::next(it);
        live_handles.clear();
        targets_.clear();
        live_tickets.clear();
        live_askers.clear();
        in_group = false;
        completions.clear();
        events.clear();
    }
    std::span<const int> descriptors() const override { return {}; }
    bool next(Event& event) override {
        if (events.empty()) return false;
        event = events.front();
        events.pop_front();
        return true;
    }
    bool next(Condition& condition) override {
        if (conditions.empty()) return false;
        condition = conditions.front();
        conditions.pop_front();
        return true;
    }

    bool resolve_address(Ticket ticket, const std::string& peer) override {
        if (!resolve_works) return false;
        live_tickets.insert(ticket);
        asked_[ticket] = peer;
        events.push_back({.kind = Event::Kind::address_resolved, .ticket = ticket});
        return true;
    }
    bool resolve_route(Ticket ticket) override {
        events.push_back({.kind = Event::Kind::route_resolved, .ticket = ticket});
        return true;
    }
    bool ask(Ticket ticket, ByteView data) override {
        const std::string to = asked_[ticket];
        const auto peer = switch_.devices.find(to);
        if (peer == switch_.devices.end()) {
            events.push_back({.kind = Event::Kind::failed, .ticket = ticket, .status = 1});
            return true;
        }
        if (!asks_answered || !switch_.passes(config.address, to)) return true;    // silence
        FakeFabric& other = *peer->second;
        const Asker asker = ++other.last_asker_;
        other.live_askers.insert(asker);
        other.askers_[asker] = {this, ticket};
        other.events.push_back({.kind = Event::Kind::asked, .asker = asker, .data = Bytes(data.begin(), data.end())});
        return true;
    }
    void abandon(Ticket ticket) override { live_tickets.erase(ticket); }
    void accept(Asker asker, ByteView data) override {
        live_askers.erase(asker);
        const auto [who, ticket] = askers_[asker];
        if (!who->live_tickets.contains(ticket)) return;
        who->events.push_back({.kind = Event::Kind::answered, .ticket = ticket, .target = who->keep(config.address, queue_pair), .data = Bytes(data.begin(), data.end())});
    }
    void reject(Asker asker) override {
        live_askers.erase(asker);
        const auto [who, ticket] = askers_[asker];
        if (who->live_tickets.contains(ticket)) who->events.push_back({.kind = Event::Kind::failed, .ticket = ticket, .status = 2, .refused = true});
    }
    void forget(Handle handle) override { live_handles.erase(handle); }
    bool join(const std::string&) override {
        ++joins;
        in_group = switch_.groups;
        if (in_group) events.push_back({.kind = Event::Kind::joined, .target = keep("*", 0xffffff)});
        else events.push_back({.kind = Event::Kind::join_failed, .status = -22});
        return true;
    }
    void leave() override { in_group = false; }

    std::span<std::uint8_t> send_buffer(std::uint32_t slot) override { return sends_[slot]; }
    ByteView received(std::uint32_t slot, std::uint32_t length) override { return ByteView(receives_[slot]).first(length); }
    Posted post(std::span<const Send> all) override {
        if (post_result != Posted::ok) return post_result;
        for (const Send& s : all) {
            const ByteView bytes = ByteView(sends_[s.slot]).first(s.length);
            sent.emplace_back(bytes.begin(), bytes.end());
            if (s.signalled && complete_sends) completions.push_back({.send = true, .ok = true, .slot = s.slot});
            if (!live_handles.contains(s.target.handle)) continue;
            const auto& [address, queue] = targets_[s.target.handle];
            for (auto& [to, device] : switch_.devices) {
                if (address == "*" ? !device->in_group || switch_.deaf_to_group.contains(to) : to != address || device->queue_pair != queue) continue;
                if (switch_.passes(config.address, to)) device->deliver(bytes, queue_pair);
            }
        }
        return Posted::ok;
    }
    // As if it had come from a queue pair of the fabric.
    void deliver(ByteView bytes, std::uint32_t source) {
        if (free_receives_.empty()) return;
        const std::uint32_t slot = free_receives_.front();
        free_receives_.pop_front();
        --posted_receives;
        ++switch_.carried;
        receives_[slot].assign(bytes.begin(), bytes.end());
        completions.push_back({.send = false, .ok = true, .slot = slot, .length = static_cast<std::uint32_t>(bytes.size()), .source = source});
    }
    bool repost(std::span<const std::uint32_t> slots) override {
        for (const std::uint32_t slot : slots) free_receives_.push_back(slot);
        posted_receives += static_cast<std::uint32_t>(slots.size());
        return repost_works;
    }
    std::size_t poll(std::span<Completion> out) override {
        std::size_t n = 0;
        for (; n < out.size() && !completions.empty(); ++n) {
            out[n] = completions.front();
            completions.pop_front();
        }
        return n;
    }
    bool arm() override {
        ++arms;
        return arm_works;
    }

    bool in_group = false;

private:
    Target keep(const std::string& address, std::uint32_t queue) {
        const Handle handle = ++last_handle_;
        live_handles.insert(handle);
        targets_[handle] = {address, queue};
        return {handle, queue};
    }
    FakeSwitch& switch_;
    std::map<Ticket, std::string> asked_;
    std::map<Asker, std::pair<FakeFabric*, Ticket>> askers_;
    std::map<Handle, std::pair<std::string, std::uint32_t>> targets_;
    std::vector<Bytes> receives_, sends_;
    std::deque<std::uint32_t> free_receives_;
    Asker last_asker_ = 0;
    Handle last_handle_ = 0;
};

}  // namespace motet::transport::rdma
