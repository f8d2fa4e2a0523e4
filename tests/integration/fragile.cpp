// A service with two requests that no engine should have: one ends the process, one never comes back. The third counts, exactly once
// each; its state outlives the process.
#include <motet/service/service.h>

#include <cstdlib>
#include <cstring>
#include <map>

using namespace motet::service;

namespace {

enum Request : std::uint16_t { kCount = 1, kAbort = 2, kLoop = 3 };

class Fragile final : public Engine {
public:
    explicit Fragile(Host& host) : host_(host) {}
    void on_sync(Ring, std::span<const Node>, std::span<const Node>) override {}
    void on_sync_message(Node, View) override {}
    void on_ring() override {}
    void on_message(Node, View) override {}
    void on_connect(Connection connection, std::int32_t, std::uint32_t, std::uint32_t) override { counts_[connection] = 0; }
    void on_disconnect(Connection connection) override { counts_.erase(connection); }
    void on_request(Connection connection, std::uint16_t type, std::uint64_t request, View) override {
        if (type == kAbort) std::abort();
        if (type == kLoop)
            for (volatile unsigned spin = 0;; spin = spin + 1) {}
        const std::uint64_t count = ++counts_[connection];
        std::uint8_t bytes[sizeof count];
        std::memcpy(bytes, &count, sizeof count);
        host_.reply(connection, request, bytes);
        host_.event(connection, kCount, bytes);
    }
    bool save(std::vector<std::uint8_t>& out) const override {
        for (const auto& [connection, count] : counts_) {
            const std::uint64_t both[] = {connection, count};
            const auto* at = reinterpret_cast<const std::uint8_t*>(both);
            out.insert(out.end(), at, at + sizeof both);
        }
        return true;
    }
    bool restore(View state) override {
        for (; state.size() >= 2 * sizeof(std::uint64_t); state = state.subspan(2 * sizeof(std::uint64_t))) {
            std::uint64_t both[2];
            std::memcpy(both, state.data(), sizeof both);
            counts_[both[0]] = both[1];
        }
        return state.empty();
    }

private:
    Host& host_;
    std::map<Connection, std::uint64_t> counts_;
};

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, {.name = "fragile", .make = [](const Settings&, Host& host) -> std::unique_ptr<Engine> { return std::make_unique<Fragile>(host); }});
}
