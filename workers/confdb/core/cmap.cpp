// Requests of cmap clients. A record of the wrong shape costs the client its connection, anything else an error code.
#include "workers/confdb/core/cmap.h"

#include <algorithm>
#include <array>

#include "workers/confdb/core/read_only.h"

namespace motet::confdb {

namespace client = wire::cmap_client;
using client::Request;

namespace {

constexpr std::uint8_t kNul = 0;

// As text: what stands before the first NUL.
std::string_view shown_text(const Value& value) {
    const std::string_view bytes = value.bytes;
    return value.type == Type::text ? bytes.substr(0, bytes.find('\0')) : bytes;
}

// Corosync's answer to any name that cannot be a key.
bool good_name(std::string_view key) { return is_flat_name(key); }

}  // namespace

std::size_t shown_length(const Value& value) { return shown_text(value).size() + (value.type == Type::text ? 1 : 0); }

void Cmap::on_connect(ConnId conn) { connections_.try_emplace(conn); }

void Cmap::on_disconnect(ConnId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    for (const auto& [number, track] : found->second.tracks) remove(found->second, track);
    connections_.erase(found);
}

void Cmap::on_request(ConnId id, Request type, std::uint64_t request, ByteView payload) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.closing) return;
    Connection& conn = found->second;
    if (!conn.open && type != Request::open) return violate(id, conn);
    malformed_ = false;
    Code code = Code::ok;
    switch (type) {
        case Request::open: return on_open(id, conn, request, payload);
        case Request::get: return on_get(id, conn, request, payload);
        case Request::next: return on_next(id, conn, request, payload);
        case Request::set: code = on_set(conn, payload); break;
        case Request::erase: code = on_erase(conn, payload); break;
        case Request::add: code = on_add(conn, payload); break;
        case Request::track: code = on_track(id, conn, payload); break;
        case Request::untrack: code = on_untrack(conn, payload); break;
        case Request::finalize:
            reply(id, request, Code::ok);
            conn.closing = true;
            return out_.close(id, Output::Close::orderly);
        default: malformed_ = true;
    }
    if (malformed_) return violate(id, conn);
    reply(id, request, code);
}

void Cmap::reply(ConnId id, std::uint64_t request, Code code) {
    const client::Reply reply{static_cast<std::uint32_t>(code), 0};
    const std::array<ByteView, 1> pieces{bytes_of(reply)};
    out_.reply(id, request, pieces);
}

void Cmap::violate(ConnId id, Connection& conn) {
    conn.closing = true;
    out_.close(id, Output::Close::violation);
}

void Cmap::on_open(ConnId id, Connection& conn, std::uint64_t request, ByteView payload) {
    std::uint32_t map = 0;
    if (conn.open || !take(payload, map) || !payload.empty()) return violate(id, conn);
    if (map != client::kIcmap && map != client::kStats) return reply(id, request, Code::not_exist);
    conn.open = true;
    conn.statistics = map == client::kStats;
    reply(id, request, Code::ok);
}

Code Cmap::write_statistics(std::string_view key, bool set) {
    constexpr std::string_view kClear = "stats.clear.";
    if (!key.starts_with(kClear)) return Code::access;
    const std::string_view group = key.substr(kClear.size());
    if (set) {
        for (const std::string_view known : {"knet", "ipc", "totem", "schedmiss", "all"}) {
            if (!group.starts_with(known)) continue;
            statistics_.clear(known);
            return Code::ok;
        }
    }
    return Code::not_supported;
}

Code Cmap::on_set(Connection& conn, ByteView payload) {
    client::SetRequest head;
    std::string key;
    if (!take(payload, head) || head.key_length > client::kKeyMax + 1 || !take_text(payload, head.key_length, key)) {
        malformed_ = true;
        return Code::ok;
    }
    if (conn.statistics) return write_statistics(key, true);
    if (head.type == 0 || head.type > kTypeMax || payload.size() > client::kValueMax) return Code::invalid_param;
    Value value{static_cast<Type>(head.type), std::string(payload.begin(), payload.end())};
    if (value.type == Type::text) {
        // It may end before its NUL or with it, not behind it.
        const std::size_t length = std::min(value.bytes.size(), value.bytes.find('\0'));
        if (value.bytes.size() > length + 1) return Code::invalid_param;
        value.bytes.resize(length);
    } else if (const std::size_t size = size_of(value.type); size != 0 && value.bytes.size() != size)
        return Code::invalid_param;
    if (!good_name(key)) return Code::name_too_long;
    if (is_read_only(key)) return Code::access;
    if (gate_ != nullptr && !gate_->permits(key, &value)) return Code::invalid_param;
    switch (store_.set(key, std::move(value))) {
        case Stored::ok: case Stored::unchanged: return Code::ok;
        case Stored::full: return Code::no_space;
        default: return Code::invalid_param;
    }
}

void Cmap::on_get(ConnId id, Connection& conn, std::uint64_t request, ByteView payload) {
    client::GetRequest head;
    if (!take(payload, head) || payload.size() > client::kKeyMax + 1) return violate(id, conn);
    char copy[client::kKeyMax + 1];
    std::copy(payload.begin(), payload.end(), reinterpret_cast<std::uint8_t*>(copy));
    const std::string_view key(copy, payload.size());

    const Value* value = nullptr;
    if (conn.statistics) {
        const ValueMap& all = statistics_.read();
        if (const auto found = all.find(key); found != all.end()) value = &found->second;
    } else if (const Key* found = store_.find(key)) {
        value = &found->value;
    }
    client::ValueReply answer;
    if (value == nullptr) return reply(id, request, key.size() > client::kKeyMax ? Code::name_too_long : Code::not_exist);
    answer.reply = {static_cast<std::uint32_t>(Code::ok), static_cast<std::uint32_t>(value->type)};
    answer.length = shown_length(*value);
    const std::string_view text = shown_text(*value);
    if (head.wants_value != 0 && text.size() > wire::confdb_client::kReplyMax - sizeof answer - 1) return reply(id, request, Code::too_big);
    const std::array<ByteView, 3> pieces{bytes_of(answer), as_bytes(text), {&kNul, value->type == Type::text ? std::size_t{1} : 0}};
    out_.reply(id, request, std::span(pieces).first(head.wants_value != 0 ? 3 : 1));
}

Code Cmap::on_erase(Connection& conn, ByteView payload) {
    std::string key(payload.begin(), payload.end());
    if (key.size() > client::kKeyMax) return Code::name_too_long;
    if (conn.statistics) return write_statistics(key, false);
    if (is_read_only(key)) return Code::access;
    if (gate_ != nullptr && store_.find(key) != nullptr && !gate_->permits(key, nullptr)) return Code::invalid_param;
    return store_.erase(key) == Stored::ok ? Code::ok : Code::not_exist;
}

Code Cmap::on_add(Connection& conn, ByteView payload) {
    std::int64_t delta = 0;
    if (!take(payload, delta)) {
        malformed_ = true;
        return Code::ok;
    }
    std::string key(payload.begin(), payload.end());
    if (key.size() > client::kKeyMax) return Code::name_too_long;
    if (conn.statistics) return write_statistics(key, false);
    if (is_read_only(key)) return Code::access;
    // Untyped values count for 1.x only.
    if (const Key* known = store_.find(key); known != nullptr) {
        if (!is_integer(known->value.type)) return Code::invalid_param;
        Value after = known->value;
        add_to(after.bytes, delta);
        if (gate_ != nullptr && !gate_->permits(key, &after)) return Code::invalid_param;
    }
    switch (store_.add(key, delta)) {
        case Stored::ok: case Stored::unchanged: return Code::ok;
        case Stored::absent: return Code::not_exist;
        default: return Code::invalid_param;
    }
}

void Cmap::on_next(ConnId id, Connection& conn, std::uint64_t request, ByteView payload) {
    client::NextRequest head;
    std::string prefix;
    if (!take(payload, head) || head.prefix_length > client::kKeyMax || !take_text(payload, head.prefix_length, prefix) ||
        payload.size() > client::kKeyMax)
        return violate(id, conn);
    std::string after(payload.begin(), payload.end());

    batch_.clear();
    std::uint32_t count = 0;
    const std::size_t most = std::min<std::size_t>(head.most, client::kBatchMax);
    const auto add = [&](std::string_view key, const Value& value) {
        constexpr std::size_t kRoom = wire::confdb_client::kReplyMax - sizeof(client::Reply);
        const client::NextEntry entry{static_cast<std::uint16_t>(key.size()), static_cast<std::uint16_t>(value.type),
                                      static_cast<std::uint32_t>(shown_length(value))};
        if (count == most || batch_.size() + sizeof entry + key.size() > kRoom) return false;
        Writer out(batch_);
        out.bytes(bytes_of(entry));
        out.bytes(as_bytes(key));
        ++count;
        return true;
    };
    if (conn.statistics) {
        const ValueMap& all = statistics_.read();
        for (auto at = after.empty() || after < prefix ? all.lower_bound(prefix) : all.upper_bound(after);
             at != all.end() && at->first.starts_with(prefix) && add(at->first, at->second); ++at) {
        }
    } else {
        for (const Key* key = store_.next(prefix, after); key != nullptr && add(key->flat, key->value); key = store_.next(prefix, key->flat)) {
        }
    }
    const client::Reply answer{static_cast<std::uint32_t>(Code::ok), count};
    const std::array<ByteView, 2> pieces{bytes_of(answer), batch_};
    out_.reply(id, request, pieces);
}

}  // namespace motet::confdb
