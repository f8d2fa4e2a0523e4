// Listens to a store and keeps what it heard as lines; plays the clients of the confdb cores.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "workers/confdb/core/cmap.h"
#include "workers/confdb/core/fanout.h"
#include "workers/confdb/core/objects.h"
#include "workers/confdb/core/store.h"

namespace motet::confdb {

struct Heard final : Listener {
    std::vector<std::string> lines;
    void on_key(const KeyChange& c) override {
        static const char* const kNames[] = {"created", "replaced", "deleted"};
        lines.push_back(std::string(kNames[static_cast<int>(c.kind)]) + " " + std::string(c.flat.empty() ? c.key : c.flat) +
                        (c.before != nullptr ? " " + c.before->bytes : " -") + (c.after != nullptr ? " " + c.after->bytes : " -"));
    }
    void on_object_created(const Object& o) override { lines.push_back("object " + o.name()); }
    void on_object_deleted(const Object& o, bool top) override { lines.push_back((top ? "gone " : "with it ") + o.name()); }
};

// Takes what a core says to its clients.
struct Clients final : Output {
    struct Event {
        ConnId conn;
        std::uint16_t type;
        Bytes bytes;
    };
    std::vector<Event> events;
    std::map<ConnId, Close> closed;
    Bytes last;   // reply
    std::uint64_t answered = 0;

    static Bytes joined(std::span<const ByteView> pieces) {
        Bytes all;
        for (const ByteView piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
        return all;
    }
    void reply(ConnId, std::uint64_t request, std::span<const ByteView> pieces) override {
        answered = request;
        last = joined(pieces);
    }
    void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) override { events.push_back({conn, type, joined(pieces)}); }
    void close(ConnId conn, Close why) override { closed[conn] = why; }
    Code code() const {
        wire::confdb_client::Reply reply;
        EXPECT_GE(last.size(), sizeof reply);
        if (last.size() >= sizeof reply) std::memcpy(&reply, last.data(), sizeof reply);
        return static_cast<Code>(reply.error);
    }
};

struct NoStatistics final : Statistics {
    ValueMap all;
    std::string cleared;
    const ValueMap& read() override { return all; }
    void clear(std::string_view group) override { cleared = group; }
};

template <class... Parts>
Bytes record(const Parts&... parts) {
    Bytes out;
    const auto add = [&out](const auto& part) {
        if constexpr (std::is_convertible_v<decltype(part), std::string_view>) {
            const std::string_view text = part;
            out.insert(out.end(), text.begin(), text.end());
        } else {
            const ByteView bytes = bytes_of(part);
            out.insert(out.end(), bytes.begin(), bytes.end());
        }
    };
    (add(parts), ...);
    return out;
}

}  // namespace motet::confdb
