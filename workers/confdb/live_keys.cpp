#include "workers/confdb/live_keys.h"

#include <array>

#include "libs/base/log.h"
#include "libs/config/schema.h"
#include "workers/confdb/fill.h"

namespace motet::confdb {
namespace {

constexpr std::array<std::string_view, 6> kSections{"allow_unencrypted", "totem.", "nodelist.", "quorum.", "logging.", "resources."};

// As the file would have it.
std::string text_of(const Value& value) {
    if (!is_integer(value.type)) return value.bytes.substr(0, value.bytes.find('\0'));
    const bool is_signed = value.type == Type::i8 || value.type == Type::i16 || value.type == Type::i32 || value.type == Type::i64;
    return is_signed ? std::to_string(static_cast<std::int64_t>(value.integer())) : std::to_string(value.integer());
}

}  // namespace

// The store's, not the one that this process was started with: a successor must come to the same answers.
config::Snapshot LiveKeys::configuration() const {
    config::Snapshot out;
    for (const std::string_view section : kSections) {
        std::string last;
        while (const Key* key = shared_.store.next(section, last)) {
            last = key->flat;
            if (key->value.bytes.size() <= config::kValueMax) out.set(last, text_of(key->value));
        }
    }
    return out;
}

bool LiveKeys::permits(std::string_view flat, const Value* value) const {
    if (!config::is_live(flat)) return true;
    const std::string key(flat);
    const auto refused = [&](const std::string& why) {
        MOTET_LOG(warning, "a client's change of %s is refused: %s", key.c_str(), why.c_str());
        return false;
    };
    config::LiveChanges change;
    if (value == nullptr) {
        change.emplace(key, std::nullopt);
    } else {
        const std::string text = value->bytes.size() <= config::kValueMax ? text_of(*value) : std::string();
        if (value->bytes.size() > config::kValueMax) return refused("it is longer than a value of the configuration can be");
        if (typed(flat, text).type != value->type) return refused("its type is not that of the key; see motet.yaml(5) and cmap_keys(7)");
        change.emplace(key, text);
    }
    const auto fresh = config::with_changes(configuration(), change);
    return fresh || refused(fresh.error().text);
}

void LiveKeys::on_key(const KeyChange& change) {
    if (paused_ || change.flat.empty() || !config::is_live(change.flat)) return;
    pending_[std::string(change.flat)] = change.after != nullptr ? std::optional(text_of(*change.after)) : std::nullopt;
    derive_ = true;
}

void LiveKeys::settle() {
    if (!std::exchange(derive_, false)) return;
    for (auto& [key, value] : derived_keys(configuration()))
        if (key.starts_with("runtime.config.")) shared_.store.set(key, std::move(value));
}

void LiveKeys::on_time(Instant now) {
    if (pending_.empty() || now < next_) return;
    control::Header header;
    header.type = static_cast<std::uint32_t>(control::Type::change);
    shared_.host.tell(header, config::encode(pending_));
    pending_.clear();
    next_ = now + kPause;
}

void LiveKeys::save(Writer& out) const {
    const Bytes pending = config::encode(pending_);
    out.u64(static_cast<std::uint64_t>(next_.ns));
    out.u32(static_cast<std::uint32_t>(pending.size()));
    out.bytes(pending);
}

bool LiveKeys::restore(Reader& in) {
    next_ = Instant{static_cast<std::int64_t>(in.u64())};
    const std::uint32_t size = in.u32();
    auto pending = config::decode_live(in.bytes(size));
    if (!in.ok() || !pending) return false;
    pending_ = std::move(*pending);
    return true;
}

}  // namespace motet::confdb
