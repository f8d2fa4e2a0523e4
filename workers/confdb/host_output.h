// The cores' Output on top of the frame's Host.
#pragma once
#include "libs/worker/engine.h"
#include "workers/confdb/core/output.h"

namespace motet::confdb {

class HostOutput final : public Output {
public:
    explicit HostOutput(worker::Host& host) : host_(host) {}
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override { host_.reply(conn, request, pieces); }
    void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) override { host_.event(conn, type, pieces); }
    void changed() override { host_.changed(); }
    void close(ConnId conn, Close why) override {
        host_.close(conn, why == Close::orderly ? worker::Close::orderly : worker::Close::violation);
    }

private:
    worker::Host& host_;
};

}  // namespace motet::confdb
