// The tree as 1.x clients use it.
#include <utility>

#include "workers/confdb/core/store.h"

namespace motet::confdb {
namespace {

constexpr std::size_t kNameMax = 255;
constexpr unsigned kSiblingTries = 65536;

}  // namespace

// "node." for the first of a name, "node.1." … for further ones; an object no flat name can lead to has none.
std::optional<std::string> Store::free_prefix(const Object& parent, std::string_view name) const {
    if (!parent.prefix_ || name.empty() || name.find('.') != std::string_view::npos || !is_flat_prefix(name)) return std::nullopt;
    const std::string base = *parent.prefix_ + std::string(name) + ".";
    if (base.size() > kNameMax) return std::nullopt;
    if (!by_prefix_.contains(base)) return base;
    std::size_t siblings = 0;
    for (const auto& child : parent.children_) siblings += child->name_ == name;
    for (std::size_t n = siblings; n < siblings + kSiblingTries; ++n) {
        std::string numbered = base + std::to_string(n) + ".";
        if (numbered.size() > kNameMax) break;
        if (!by_prefix_.contains(numbered)) return numbered;
    }
    return std::nullopt;
}

Stored Store::create(ObjectId parent, std::string_view name, ObjectId& id) {
    Object* above = find_object(parent);
    if (above == nullptr) return Stored::absent;
    if (name.size() > kNameMax) return Stored::too_long;
    const Object* object = add_object(above, name, free_prefix(*above, name), false);
    if (object == nullptr) return Stored::full;
    id = object->id_;
    return Stored::ok;
}

Stored Store::destroy(ObjectId id) {
    Object* object = find_object(id);
    if (object == nullptr || object == &root_) return Stored::absent;
    Object* parent = object->parent_;
    ++version_;
    announce_end(*object, true);
    remove_keys(*object);   // for the flat map's watchers, who know keys only
    remove_tree(*object);
    prune(parent);
    return Stored::ok;
}

Stored Store::put(ObjectId id, std::string_view key, Value value) {
    Object* object = find_object(id);
    if (object == nullptr) return Stored::absent;
    if (key.size() > kNameMax) return Stored::too_long;
    if (const std::size_t size = size_of(value.type); size != 0 && value.bytes.size() != size) return Stored::bad_type;
    return assign(*object, key, std::move(value), true);
}

Stored Store::replace(ObjectId id, std::string_view name, std::string_view bytes) {
    Object* object = find_object(id);
    if (object == nullptr) return Stored::absent;
    const auto known = object->by_name_.find(name);
    if (known == object->by_name_.end()) return Stored::absent;
    // 1.x does not look at the size; a number of another size would be nonsense to every reader of the flat map.
    Value value{known->second->value.type, std::string(bytes)};
    if (const std::size_t size = size_of(value.type); size != 0 && bytes.size() != size) return Stored::bad_type;
    return change(*known->second, std::move(value), ChangeKind::replaced);
}

Stored Store::erase(ObjectId id, std::string_view name) {
    Object* object = find_object(id);
    if (object == nullptr) return Stored::absent;
    const auto known = object->by_name_.find(name);
    if (known == object->by_name_.end()) return Stored::absent;
    remove(*known->second);
    prune(object);
    return Stored::ok;
}

Stored Store::add(ObjectId id, std::string_view name, std::int64_t delta) {
    Object* object = find_object(id);
    if (object == nullptr) return Stored::absent;
    const auto known = object->by_name_.find(name);
    return known == object->by_name_.end() ? Stored::absent : add(known->second, delta);
}

}  // namespace motet::confdb
