// The store as bytes, for the successor of a worker that died: object by object, each with its keys, then its children.
// "MTCDB001", next id, version; an object: u64 id, u8 flags, name, prefix, u32 keys, u32 children; a key: name, u8 type,
// u64 version, value. Names and values are u32 lengths and bytes.
#include <string>

#include "workers/confdb/core/store.h"

namespace motet::confdb {
namespace {

constexpr std::uint64_t kMagic = 0x313030424443544D;   // "MTCDB001"
enum Flag : std::uint8_t { kImplied = 1, kHasPrefix = 2 };

void write(Writer& out, std::string_view text) {
    out.u32(static_cast<std::uint32_t>(text.size()));
    out.bytes(as_bytes(text));
}
std::string_view take(Reader& in) { return as_text(in.bytes(in.u32())); }

}  // namespace

void Store::save(const Object& object, Bytes& bytes) const {
    Writer out(bytes);
    out.u64(object.id_);
    out.u8(static_cast<std::uint8_t>((object.implied_ ? kImplied : 0) | (object.prefix_ ? kHasPrefix : 0)));
    write(out, object.name_);
    write(out, object.prefix_ ? std::string_view(*object.prefix_) : std::string_view());
    out.u32(static_cast<std::uint32_t>(object.keys_.size()));
    out.u32(static_cast<std::uint32_t>(object.children_.size()));
    for (const auto& key : object.keys_) {
        write(out, key->name);
        out.u8(static_cast<std::uint8_t>(key->value.type));
        out.u64(key->version);
        write(out, key->value.bytes);
    }
    for (const auto& child : object.children_) save(*child, bytes);
}

Bytes Store::save() const {
    Bytes bytes;
    Writer out(bytes);
    out.u64(kMagic);
    out.u64(next_id_);
    out.u64(version_);
    save(root_, bytes);
    return bytes;
}

bool Store::restore(Object& object, Reader& in) {
    const std::uint32_t keys = in.u32(), children = in.u32();
    if (!in.ok()) return false;
    for (std::uint32_t i = 0; i < keys; ++i) {
        const std::string_view name = take(in);
        Value value;
        value.type = static_cast<Type>(in.u8());
        const std::uint64_t version = in.u64();
        value.bytes = take(in);
        if (!in.ok() || static_cast<std::uint8_t>(value.type) > kTypeMax || object.by_name_.contains(name) || key_count_ >= limits_.keys ||
            bytes_ + name.size() + value.bytes.size() > limits_.bytes)
            return false;
        insert_key(object, name, std::move(value)).version = version;
    }
    for (std::uint32_t i = 0; i < children; ++i) {
        const std::uint64_t id = in.u64();
        const std::uint8_t flags = in.u8();
        const std::string_view name = take(in), prefix = take(in);
        if (!in.ok() || by_id_.contains(id) || ((flags & kHasPrefix) != 0 && by_prefix_.contains(prefix))) return false;
        next_id_ = id;
        Object* child = add_object(&object, name, (flags & kHasPrefix) != 0 ? std::optional<std::string>(prefix) : std::nullopt,
                                   (flags & kImplied) != 0);
        if (child == nullptr || !restore(*child, in)) return false;
    }
    return true;
}

bool Store::restore(ByteView saved) {
    Reader in(saved);
    const bool ours = in.u64() == kMagic;
    const std::uint64_t next_id = in.u64(), version = in.u64();
    const bool root = in.u64() == kRoot;
    in.u8();
    const bool nameless = take(in).empty() && take(in).empty();
    clear();
    quiet_ = true;
    const bool good = in.ok() && ours && root && nameless && restore(root_, in) && in.ok() && in.remaining() == 0;
    quiet_ = false;
    if (!good) clear();
    next_id_ = good ? next_id : 1;
    version_ = good ? version : 0;
    return good;
}

void Store::clear() {
    root_.children_.clear();
    root_.keys_.clear();
    root_.by_name_.clear();
    flat_.clear();
    by_id_ = {{kRoot, &root_}};
    by_prefix_.clear();
    by_prefix_[""] = &root_;
    bytes_ = key_count_ = 0;
}

}  // namespace motet::confdb
