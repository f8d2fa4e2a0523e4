// A complete service: counters with names, the same on every node. Adding goes through the ring, so all nodes add in one order; reading
// is answered by the node that is asked; every client hears of every change. A node that joins is told the counters by the others.
//
//   services:
//     - name: counter
//       program: /usr/libexec/counter/counter
//       id: 41
//       x-counters-max: 1000
#include <motet/service/service.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace motet::service;

namespace {

enum Request : std::uint16_t { kAdd = 1, kRead = 2 };    // kAdd: i64, then the name; no reply. kRead: the name; i64 as the reply
enum Event : std::uint16_t { kChanged = 1 };             // i64, then the name
constexpr std::size_t kNameMax = 64, kCountersMax = 100'000;

std::vector<std::uint8_t> packed(std::int64_t value, std::string_view name) {
    std::vector<std::uint8_t> out(sizeof value + name.size());
    std::memcpy(out.data(), &value, sizeof value);
    std::memcpy(out.data() + sizeof value, name.data(), name.size());
    return out;
}

// False: not what packed() makes. All nodes of one cluster have one byte order here.
bool unpack(View bytes, std::int64_t& value, std::string& name) {
    if (bytes.size() < sizeof value || bytes.size() > sizeof value + kNameMax) return false;
    std::memcpy(&value, bytes.data(), sizeof value);
    name.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof value, bytes.size() - sizeof value);
    return true;
}

class Counter final : public Engine {
public:
    Counter(const Settings& settings, Host& host) : host_(host) {
        if (const auto wanted = settings.own.find("x-counters-max"); wanted != settings.own.end())
            counters_max_ = std::min<std::size_t>(std::strtoul(wanted->second.c_str(), nullptr, 10), kCountersMax);
    }

    // Everybody who has counted tells what it has and how far it has counted. A node that is new, or whose engine was started
    // anew, has not.
    void on_sync(Ring, std::span<const Node>, std::span<const Node>) override {
        told_.clear();
        heard_.clear();
        if (changes_ == 0) return;
        for (const auto& [name, value] : counters_) host_.sync_multicast(packed(value, name));
        host_.sync_multicast(packed(changes_, ""));   // an empty name: the end
    }
    void on_sync_message(Node from, View message) override {
        std::int64_t value = 0;
        std::string name;
        if (!unpack(message, value, name)) return;
        if (name.empty()) heard_[from] = value;
        else if (told_[from].size() < counters_max_) told_[from][name] = value;
    }
    // Parts that were apart may differ: those who have counted furthest are right, of equals the lowest node. All decide alike.
    void on_ring() override {
        const auto best = std::max_element(heard_.begin(), heard_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        if (best == heard_.end()) return;
        const bool news = counters_ != told_[best->first];
        counters_ = told_[best->first];
        changes_ = best->second;
        if (news)
            for (const auto& [name, value] : counters_) tell(name, value);
    }

    void on_message(Node, View message) override {
        std::int64_t delta = 0;
        std::string name;
        if (!unpack(message, delta, name) || name.empty()) return;
        if (!counters_.contains(name) && counters_.size() >= counters_max_) return;
        // Wraps instead of overflowing: on every node alike.
        std::int64_t& value = counters_[name];
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(delta));
        ++changes_;
        tell(name, value);
    }

    void on_connect(Connection connection, std::int32_t, std::uint32_t, std::uint32_t) override { clients_.insert(connection); }
    void on_disconnect(Connection connection) override { clients_.erase(connection); }
    void on_request(Connection connection, std::uint16_t type, std::uint64_t request, View payload) override {
        const std::vector<std::uint8_t> copy(payload.begin(), payload.end());   // the client can change the original
        std::int64_t value = 0;
        std::string name;
        if (type == kAdd && unpack(copy, value, name) && !name.empty()) return host_.multicast(copy);
        if (type == kRead && copy.size() <= kNameMax) {
            const auto found = counters_.find(std::string(copy.begin(), copy.end()));
            return host_.reply(connection, request, packed(found == counters_.end() ? 0 : found->second, ""));
        }
        host_.log(Level::warning, "a client sent a request that makes no sense and is cut off");
        host_.close(connection);
    }
    std::string status() override { return "{\"counters\":" + std::to_string(counters_.size()) + ",\"clients\":" + std::to_string(clients_.size()) + "}"; }

private:
    void tell(const std::string& name, std::int64_t value) {
        for (const Connection c : clients_) host_.event(c, kChanged, packed(value, name));
    }

    Host& host_;
    std::int64_t changes_ = 0;
    std::size_t counters_max_ = 1000;
    std::map<std::string, std::int64_t> counters_;
    std::set<Connection> clients_;
    // Of the synchronisation under way.
    std::map<Node, std::map<std::string, std::int64_t>> told_;
    std::map<Node, std::int64_t> heard_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {.name = "counter", .make = [](const Settings& settings, Host& host) -> std::unique_ptr<Engine> {
        return std::make_unique<Counter>(settings, host);
    }});
}
