// The flat half of the store and what both halves share: finding, changing and removing keys and objects.
#include "workers/confdb/core/store.h"

#include <algorithm>
#include <utility>

#include "workers/confdb/core/names.h"

namespace motet::confdb {

const Key* Object::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

Store::Store(Listener& listener, Limits limits) : listener_(listener), limits_(limits) {
    root_.id_ = kRoot;
    root_.prefix_ = "";
    by_id_[kRoot] = &root_;
    by_prefix_[""] = &root_;
}

Store::~Store() = default;

const Key* Store::find(std::string_view flat) const {
    const auto found = flat_.find(flat);
    return found == flat_.end() ? nullptr : found->second;
}

const Key* Store::next(std::string_view prefix, std::string_view after) const {
    const auto at = after.empty() || after < prefix ? flat_.lower_bound(prefix) : flat_.upper_bound(after);
    if (at == flat_.end() || !std::string_view(at->first).starts_with(prefix)) return nullptr;
    return at->second;
}

Object* Store::find_object(ObjectId id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}
const Object* Store::object(ObjectId id) const { return find_object(id); }

// The object whose key `flat` is, made if necessary. Null: `why`.
Object* Store::owner_of(std::string_view flat, std::string_view& key, Stored& why) {
    Object* object = &root_;
    std::string_view rest = flat;
    for (;;) {
        const Segment segment = next_segment(flat, rest);
        if (segment.last) {
            key = rest;
            return object;
        }
        const std::string_view prefix = flat.substr(0, flat.size() - segment.rest.size());
        if (const auto known = by_prefix_.find(prefix); known != by_prefix_.end()) {
            object = known->second;
        } else {
            Object* made = add_object(object, segment.name, std::string(prefix), true);
            if (made == nullptr) {
                prune(object);
                why = Stored::full;
                return nullptr;
            }
            object = made;
        }
        rest = segment.rest;
    }
}

Stored Store::set(std::string_view flat, Value value) {
    if (const auto found = flat_.find(flat); found != flat_.end()) return change(*found->second, std::move(value), ChangeKind::replaced);
    std::string_view key;
    Stored why = Stored::ok;
    Object* object = owner_of(flat, key, why);
    if (object == nullptr) return why;
    why = assign(*object, key, std::move(value), false);
    if (why != Stored::ok) prune(object);
    return why;
}

Stored Store::erase(std::string_view flat) {
    const auto found = flat_.find(flat);
    if (found == flat_.end()) return Stored::absent;
    Object* owner = found->second->owner;
    remove(*found->second);
    prune(owner);
    return Stored::ok;
}

Stored Store::add(std::string_view flat, std::int64_t delta) {
    const auto found = flat_.find(flat);
    return found == flat_.end() ? Stored::absent : add(found->second, delta);
}

// 1.x also counts in untyped values of the size of an int.
Stored Store::add(Key* key, std::int64_t delta) {
    Value value = key->value;
    if (!is_integer(value.type) && !(value.type == Type::binary && value.bytes.size() == sizeof(int))) return Stored::bad_type;
    add_to(value.bytes, delta);
    return change(*key, std::move(value), ChangeKind::replaced);
}

Object* Store::add_object(Object* parent, std::string_view name, std::optional<std::string> prefix, bool implied) {
    const std::size_t cost = name.size() + (prefix ? prefix->size() : 0);
    if (by_id_.size() >= limits_.objects || bytes_ + cost > limits_.bytes || parent->depth_ >= limits_.depth) return nullptr;
    auto object = std::make_unique<Object>();
    Object* raw = object.get();
    raw->id_ = next_id_++;
    raw->parent_ = parent;
    raw->name_ = name;
    raw->prefix_ = std::move(prefix);
    raw->implied_ = implied;
    raw->depth_ = parent->depth_ + 1;
    bytes_ += cost;
    by_id_[raw->id_] = raw;
    if (raw->prefix_) by_prefix_[*raw->prefix_] = raw;
    parent->children_.push_back(std::move(object));
    ++version_;
    if (!quiet_) listener_.on_object_created(*raw);
    return raw;
}

Key& Store::insert_key(Object& object, std::string_view name, Value value) {
    auto owned = std::make_unique<Key>();
    Key& key = *owned;
    key.name = name;
    key.value = std::move(value);
    key.owner = &object;
    key.version = ++version_;
    // A dot in the name of a key made through the tree would make its flat name ambiguous.
    if (object.prefix_ && name.find('.') == std::string_view::npos) {
        std::string flat = *object.prefix_ + std::string(name);
        if (is_flat_name(flat)) key.flat = std::move(flat);
    }
    object.keys_.push_back(std::move(owned));
    object.by_name_[key.name] = &key;
    if (!key.flat.empty()) flat_[key.flat] = &key;
    bytes_ += key.name.size() + key.flat.size() + key.value.bytes.size();
    ++key_count_;
    return key;
}

Stored Store::assign(Object& object, std::string_view name, Value value, bool always_created) {
    if (value.bytes.size() > limits_.value) return Stored::too_long;
    if (const auto known = object.by_name_.find(name); known != object.by_name_.end())
        return change(*known->second, std::move(value), always_created ? ChangeKind::created : ChangeKind::replaced);
    if (key_count_ >= limits_.keys || bytes_ + 2 * name.size() + value.bytes.size() > limits_.bytes) return Stored::full;
    Key& key = insert_key(object, name, std::move(value));
    if (!quiet_) listener_.on_key({ChangeKind::created, &object, key.name, key.flat, nullptr, &key.value});
    return Stored::ok;
}

Stored Store::change(Key& key, Value value, ChangeKind kind) {
    if (value.bytes.size() > limits_.value) return Stored::too_long;
    if (kind == ChangeKind::replaced && key.value == value) return Stored::unchanged;
    if (value.bytes.size() > key.value.bytes.size() && bytes_ + value.bytes.size() - key.value.bytes.size() > limits_.bytes)
        return Stored::full;
    bytes_ += value.bytes.size();
    bytes_ -= key.value.bytes.size();
    std::swap(key.value, value);   // `value` is the old one from here
    key.version = ++version_;
    if (!quiet_) listener_.on_key({kind, key.owner, key.name, key.flat, &value, &key.value});
    return Stored::ok;
}

void Store::remove(Key& key, bool with_object) {
    Object& object = *key.owner;
    ++version_;
    if (!quiet_) listener_.on_key({ChangeKind::deleted, &object, key.name, key.flat, &key.value, nullptr, with_object});
    if (!key.flat.empty()) flat_.erase(key.flat);
    bytes_ -= key.name.size() + key.flat.size() + key.value.bytes.size();
    --key_count_;
    object.by_name_.erase(key.name);
    std::erase_if(object.keys_, [&](const auto& owned) { return owned.get() == &key; });
}

// Objects that exist only because of a key below them go with it.
void Store::prune(Object* object) {
    while (object->implied_ && object->keys_.empty() && object->children_.empty()) {
        Object* parent = object->parent_;
        ++version_;
        announce_end(*object, true);
        remove_tree(*object);
        object = parent;
    }
}

// Recursion here and below is bounded by the limit of depth.
void Store::announce_end(const Object& object, bool top) {
    if (quiet_) return;
    listener_.on_object_deleted(object, top);
    for (const auto& child : object.children_) announce_end(*child, false);
}

void Store::remove_keys(Object& object) {
    while (!object.keys_.empty()) remove(*object.keys_.back(), true);
    for (const auto& child : object.children_) remove_keys(*child);
}

// Of objects without keys.
void Store::remove_tree(Object& object) {
    while (!object.children_.empty()) remove_tree(*object.children_.back());
    bytes_ -= object.name_.size() + (object.prefix_ ? object.prefix_->size() : 0);
    if (object.prefix_) by_prefix_.erase(*object.prefix_);
    by_id_.erase(object.id_);
    const Object* gone = &object;
    std::erase_if(object.parent_->children_, [gone](const auto& owned) { return owned.get() == gone; });
}

}  // namespace motet::confdb
