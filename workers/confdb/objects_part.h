// The 1.x object database as a part of the worker.
#pragma once
#include "workers/confdb/core/objects.h"
#include "workers/confdb/host_output.h"
#include "workers/confdb/part.h"

namespace motet::confdb {

class ObjectsPart final : public Part {
public:
    ObjectsPart(const Shared& shared, const Gate& gate) : host_(shared.host), out_(shared.host), core_(shared.store, out_, &gate) { shared.changes.add(core_); }

    wire::confdb_client::Part number() const override { return wire::confdb_client::Part::objects; }
    void on_process(feed::Step step) override { host_.sync_done(step.service, step.round); }
    void on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { core_.on_connect(conn); }
    void on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) override {
        core_.on_request(conn, static_cast<wire::objects_client::Request>(number), request, payload);
    }
    void on_disconnect(ConnId conn) override { core_.on_disconnect(conn); }
    bool is_pure_request(std::uint8_t number) const override {
        using Request = wire::objects_client::Request;
        const auto request = static_cast<Request>(number);
        return request == Request::get || request == Request::key_at || request == Request::children || request == Request::parent ||
               request == Request::name;
    }
    void save(Writer& out) const override { core_.save(out); }
    bool restore(Reader& in) override { return core_.restore(in); }

private:
    worker::Host& host_;
    HostOutput out_;
    Objects core_;
};

}  // namespace motet::confdb
