// Requests of 1.x clients. As with Corosync 1.x whatever fails for a reason in the database is ACCESS.
#include "workers/confdb/core/objects.h"

#include <algorithm>
#include <array>

#include "workers/confdb/core/read_only.h"

namespace motet::confdb {

namespace client = wire::objects_client;
using client::Request;

namespace {

Code code_of(Stored stored) { return stored == Stored::ok || stored == Stored::unchanged ? Code::ok : Code::access; }

std::string text_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

void Objects::on_request(ConnId id, Request type, std::uint64_t request, ByteView payload) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.closing) return;
    Connection& conn = found->second;
    malformed_ = conn.open == (type == Request::open);
    if (!malformed_) handle(id, conn, type, request, payload);
    if (!malformed_) return;
    conn.closing = true;
    out_.close(id, Output::Close::violation);
}

void Objects::on_disconnect(ConnId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    untrack(id, found->second);
    connections_.erase(found);
}

void Objects::reply(ConnId id, std::uint64_t request, Code code, std::uint32_t info, ByteView more) {
    const client::Reply reply{static_cast<std::uint32_t>(code), info};
    const std::array<ByteView, 2> pieces{bytes_of(reply), more};
    out_.reply(id, request, pieces);
}

void Objects::handle(ConnId id, Connection& conn, Request type, std::uint64_t request, ByteView payload) {
    std::uint64_t number = 0;
    switch (type) {
        case Request::open:
            malformed_ = !payload.empty();
            conn.open = true;
            if (!malformed_) reply(id, request, Code::ok);
            return;
        case Request::create: {
            const Code code = on_create(payload, number);
            if (!malformed_) reply(id, request, code, 0, bytes_of(number));
            return;
        }
        case Request::destroy: {
            malformed_ = !take(payload, number) || !payload.empty();
            if (malformed_) return;
            const Object* object = store_.object(number);
            const bool may = object != nullptr && may_destroy(*object);
            return reply(id, request, may ? code_of(store_.destroy(number)) : Code::access);
        }
        case Request::parent:
        case Request::name: {
            malformed_ = !take(payload, number) || !payload.empty();
            if (malformed_) return;
            const Object* object = store_.object(number);
            if (object == nullptr) return reply(id, request, Code::access);
            if (type == Request::name) return reply(id, request, Code::ok, 0, as_bytes(object->name()));
            const ObjectId parent = object->parent() != nullptr ? object->parent()->id() : kRoot;
            return reply(id, request, Code::ok, 0, bytes_of(parent));
        }
        case Request::put: case Request::replace: case Request::erase: case Request::add: {
            std::uint32_t info = 0;
            const Code code = on_key_write(type, payload, info);
            if (!malformed_) reply(id, request, code, info);
            return;
        }
        case Request::get: case Request::key_at: return on_read(id, type, request, payload);
        case Request::children: return on_children(id, request, payload);
        case Request::track: {
            const Code code = on_track(id, conn, payload);
            if (!malformed_) reply(id, request, code);
            return;
        }
        case Request::untrack_all:
            malformed_ = !payload.empty();
            if (malformed_) return;
            untrack(id, conn);
            return reply(id, request, Code::ok);
        case Request::reload:
            malformed_ = !payload.empty();
            if (malformed_) return;
            // As the stock parser of 1.x: nothing is read, both notices are given.
            on_reload(Reload::start);
            on_reload(Reload::end);
            return reply(id, request, Code::ok);
        case Request::finalize:
            reply(id, request, Code::ok);
            conn.closing = true;
            return out_.close(id, Output::Close::orderly);
    }
    malformed_ = true;
}

bool Objects::may_write(const Object* object, std::string_view key) const {
    if (object == nullptr || !object->prefix()) return object != nullptr;
    return !is_read_only(*object->prefix() + std::string(key));
}

// As the key would be afterwards; what the store refuses anyway is its business.
bool Objects::permitted(const Object& object, std::string_view key, Request type, std::uint32_t value_type, ByteView value, std::int64_t delta) const {
    if (gate_ == nullptr || !object.prefix()) return true;
    const std::string flat = *object.prefix() + std::string(key);
    const Key* known = object.find(key);
    if (type == Request::put) {
        const Value after{static_cast<Type>(value_type), text_of(value)};
        return gate_->permits(flat, &after);
    }
    if (known == nullptr) return true;
    if (type == Request::erase) return gate_->permits(flat, nullptr);
    Value after = known->value;
    if (type == Request::replace) after.bytes = text_of(value);
    else add_to(after.bytes, delta);
    return gate_->permits(flat, &after);
}

// Depth is bounded by the store.
bool Objects::may_destroy(const Object& object) const {
    return std::ranges::none_of(object.keys(), [](const auto& key) { return !key->flat.empty() && is_read_only(key->flat); }) &&
           std::ranges::all_of(object.children(), [this](const auto& child) { return may_destroy(*child); });
}

Code Objects::on_create(ByteView payload, ObjectId& created) {
    std::uint64_t parent = 0;
    malformed_ = !take(payload, parent) || payload.size() > client::kNameMax;
    return malformed_ ? Code::ok : code_of(store_.create(parent, text_of(payload), created));
}

Code Objects::on_key_write(Request type, ByteView payload, std::uint32_t& info) {
    client::KeyRequest head;
    std::string key;
    malformed_ = !take(payload, head) || head.key_length > client::kNameMax || !take_text(payload, head.key_length, key) ||
                 payload.size() > client::kValueMax || head.type > kTypeMax || (type == Request::erase && !payload.empty());
    std::int64_t delta = 0;
    if (!malformed_ && type == Request::add) malformed_ = !take(payload, delta) || !payload.empty();
    if (malformed_) return Code::ok;
    const Object* object = store_.object(head.object);
    if (!may_write(object, key) || !permitted(*object, key, type, head.type, payload, delta)) return Code::access;
    switch (type) {
        case Request::put: return code_of(store_.put(head.object, key, {static_cast<Type>(head.type), text_of(payload)}));
        case Request::replace: return code_of(store_.replace(head.object, key, text_of(payload)));
        case Request::erase: return code_of(store_.erase(head.object, key));
        default: break;
    }
    const Code code = code_of(store_.add(head.object, key, delta));
    if (code != Code::ok) return code;
    const std::string& bytes = store_.object(head.object)->find(key)->value.bytes;
    std::memcpy(&info, bytes.data(), std::min(bytes.size(), sizeof info));
    // A short integer is widened as its type says.
    const Value& value = store_.object(head.object)->find(key)->value;
    if (is_integer(value.type)) info = static_cast<std::uint32_t>(value.integer());
    return code;
}

void Objects::on_read(ConnId id, Request type, std::uint64_t request, ByteView payload) {
    client::ReadRequest head;
    malformed_ = !take(payload, head) || payload.size() > client::kNameMax || (type == Request::key_at && !payload.empty());
    if (malformed_) return;
    const Object* object = store_.object(head.object);
    const Key* key = nullptr;
    if (object != nullptr && type == Request::get) key = object->find(text_of(payload));
    if (object != nullptr && type == Request::key_at && head.index < object->keys().size()) key = object->keys()[head.index].get();
    if (key == nullptr) return reply(id, request, Code::access);
    if (head.version != 0 && head.version != key->version) return reply(id, request, Code::try_again);
    if (head.offset > key->value.bytes.size()) {
        malformed_ = true;
        return;
    }
    client::ReadReply answer;
    answer.reply = {static_cast<std::uint32_t>(Code::ok), static_cast<std::uint32_t>(key->value.type)};
    answer.version = key->version;
    answer.length = static_cast<std::uint32_t>(key->value.bytes.size());
    const std::string_view name = type == Request::key_at ? std::string_view(key->name) : std::string_view();
    answer.key_length = static_cast<std::uint32_t>(name.size());
    const std::size_t room = wire::confdb_client::kReplyMax - sizeof answer - name.size();
    const std::array<ByteView, 3> pieces{bytes_of(answer), as_bytes(name), as_bytes(std::string_view(key->value.bytes).substr(head.offset, room))};
    out_.reply(id, request, pieces);
}

void Objects::on_children(ConnId id, std::uint64_t request, ByteView payload) {
    client::ChildrenRequest head;
    malformed_ = !take(payload, head) || payload.size() > client::kNameMax;
    if (malformed_) return;
    const std::string name = text_of(payload);
    batch_.clear();
    std::uint32_t count = 0;
    if (const Object* parent = store_.object(head.parent); parent != nullptr) {
        const auto& all = parent->children();
        auto at = std::ranges::upper_bound(all, head.after, {}, [](const auto& child) { return child->id(); });
        for (; at != all.end(); ++at) {
            const Object& child = **at;
            if (head.named != 0 && child.name() != name) continue;
            const client::ChildEntry entry{child.id(), child.name().size()};
            if (batch_.size() + sizeof entry + child.name().size() > wire::confdb_client::kReplyMax - sizeof(client::Reply)) break;
            Writer out(batch_);
            out.bytes(bytes_of(entry));
            out.bytes(as_bytes(child.name()));
            ++count;
        }
    }
    reply(id, request, Code::ok, count, batch_);
}

}  // namespace motet::confdb
