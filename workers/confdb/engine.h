// The confdb worker in the frame all workers share: one store, and parts that serve it to clients and to other nodes.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "libs/worker/engine.h"
#include "workers/confdb/core/fanout.h"
#include "workers/confdb/core/store.h"
#include "workers/confdb/live_keys.h"
#include "workers/confdb/pages.h"
#include "workers/confdb/part.h"

namespace motet::confdb {

class Engine final : public worker::Engine {
public:
    Engine(const worker::Settings& settings, worker::Host& host);

    void on_sync_started() override;
    void on_init(const feed::Init& init) override;
    void on_process(feed::Step step) override;
    void on_activate(feed::Step step) override;
    void on_abort(feed::Step step) override;
    void on_complete(const feed::Complete& complete) override;
    void on_message(const feed::Message& message) override;
    void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) override;
    void on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override;
    void on_disconnect(ConnId conn) override;
    Instant deadline() const override;
    void on_time(Instant now) override;
    bool synchronised() const override { return synchronised_; }
    std::string status_json() override;
    std::uint32_t service_of(ConnId conn) const override;
    void on_told(control::Message& message) override;
    Instant outside_due() const override;
    Bytes look_outside(Instant now) override;
    void on_outside(ByteView news) override;
    bool snapshot(Bytes& out) const override;
    Status restore(ByteView state) override;
    bool is_pure_request(ConnId conn, std::uint16_t type) const override;

private:
    struct Client {
        std::int32_t pid = 0;
        std::uint32_t uid = 0, gid = 0;
        Part* part = nullptr;   // null before its first request
    };
    Part* serving(std::uint32_t service) const;
    Part* numbered(wire::confdb_client::Part number) const;
    void settle();

    worker::Host& host_;
    worker::Settings settings_;
    Fanout changes_;
    Store store_;
    LiveKeys live_;
    Pages pages_;
    std::vector<std::unique_ptr<Part>> parts_;
    std::map<ConnId, Client> clients_;
    bool synchronised_ = false;
};

}  // namespace motet::confdb
