// The object database: one tree of objects with ordered, typed keys, and the flat map of the same keys that cmap clients
// see. Pure: no I/O, no clock. Who listens is told every change, in order, once.
//
// Object and key names are byte strings. A key has a flat name (its objects' names and its own, joined by dots) when all of
// them consist of cmap's letters without dots and the whole has 3 to 255 bytes; other keys exist only in the tree. Siblings
// may share a name: the first is "node." in flat names, further ones "node.1.", "node.2." …, as far as these prefixes are
// free; an object without a free prefix exists only in the tree. The lists of a configuration, `nodelist.node.<n>`,
// `totem.interface.<n>` and `logging.logger_subsys.<name>`, are siblings named node, interface and logger_subsys.
//
// Setting a flat key makes the objects it needs; such objects vanish with their last key, created ones stay.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "workers/confdb/core/value.h"

namespace motet::confdb {

using ObjectId = std::uint64_t;
inline constexpr ObjectId kRoot = 0xFFFFFFFF00000000;

struct Limits {
    std::size_t objects = 65536, keys = 131072;   // of the whole store
    std::size_t bytes = 64u << 20;                // names and values
    std::size_t value = (1u << 20) - 4096;        // of one value
    std::size_t depth = 128;                      // objects above a key
};

class Object;

struct Key {
    std::string name;
    Value value;
    Object* owner = nullptr;
    std::string flat;           // empty: seen in the tree only
    std::uint64_t version = 0;  // number of the change that gave it its value
};

class Object {
public:
    ObjectId id() const { return id_; }
    const Object* parent() const { return parent_; }   // null: the root
    const std::string& name() const { return name_; }
    // Of flat names of its keys: empty for the root; nullopt: not in the flat map.
    const std::optional<std::string>& prefix() const { return prefix_; }
    const std::vector<std::unique_ptr<Object>>& children() const { return children_; }   // in order of creation
    const std::vector<std::unique_ptr<Key>>& keys() const { return keys_; }              // in order of creation
    const Key* find(std::string_view name) const;

private:
    friend class Store;
    ObjectId id_ = 0;
    Object* parent_ = nullptr;
    std::string name_;
    std::optional<std::string> prefix_;
    bool implied_ = false;      // made by a flat key: vanishes when empty
    std::size_t depth_ = 0;
    std::vector<std::unique_ptr<Object>> children_;
    std::vector<std::unique_ptr<Key>> keys_;
    std::map<std::string_view, Key*> by_name_;   // views into the keys
};

enum class ChangeKind : std::uint8_t { created, replaced, deleted };
struct KeyChange {
    ChangeKind kind{};
    const Object* object = nullptr;
    std::string_view key, flat;        // `flat` empty: none
    const Value* before = nullptr;     // null: was absent
    const Value* after = nullptr;      // null: is absent
    bool with_object = false;          // deleted because its object is: the tree's watchers have been told of that
};

class Listener {
public:
    virtual ~Listener() = default;
    // Called while the store still (deleted) or already (created, replaced) holds what is reported; must not change it.
    virtual void on_key(const KeyChange& change) = 0;
    virtual void on_object_created(const Object& object) = 0;
    // Before it and all below are gone: `top` for the object itself, then once for every object below it.
    virtual void on_object_deleted(const Object& object, bool top) = 0;
};

enum class Stored : std::uint8_t {
    ok,
    unchanged,   // the value was already this one: nobody is told
    absent,      // no such object or key
    bad_type,    // the type does not fit the operation, or the size the type
    too_long,    // a name or a value
    full,        // a limit of the store
};

class Store {
public:
    explicit Store(Listener& listener, Limits limits = {});
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // The flat map.
    const Key* find(std::string_view flat) const;
    Stored set(std::string_view flat, Value value);       // the caller has checked the name
    Stored erase(std::string_view flat);
    Stored add(std::string_view flat, std::int64_t delta);
    // The first key with this prefix behind `after` ("": the first of all); null at the end. Valid under any change.
    const Key* next(std::string_view prefix, std::string_view after) const;
    std::size_t flat_size() const { return flat_.size(); }

    // The tree. Objects are named by id; an id is never used again.
    const Object* object(ObjectId id) const;
    Stored create(ObjectId parent, std::string_view name, ObjectId& id);
    Stored destroy(ObjectId id);                          // the root cannot be
    // Creates or replaces; unlike set() it reports a replaced key as created, as 1.x does.
    Stored put(ObjectId object, std::string_view key, Value value);
    Stored replace(ObjectId object, std::string_view key, std::string_view bytes);   // keeps the type
    Stored erase(ObjectId object, std::string_view key);
    Stored add(ObjectId object, std::string_view key, std::int64_t delta);

    std::uint64_t version() const { return version_; }    // counts changes
    std::size_t bytes() const { return bytes_; }
    std::size_t objects() const { return by_id_.size(); }
    std::size_t keys() const { return key_count_; }

    // Everything but the listener, for a successor. restore() replaces everything, tells nobody, and refuses what save()
    // did not write (false; the store is then empty).
    Bytes save() const;
    bool restore(ByteView saved);

private:
    Object* find_object(ObjectId id) const;
    Object* owner_of(std::string_view flat, std::string_view& key, Stored& why);
    Object* add_object(Object* parent, std::string_view name, std::optional<std::string> prefix, bool implied);
    Stored assign(Object& object, std::string_view key, Value value, bool always_created);
    Stored change(Key& key, Value value, ChangeKind kind);
    Stored add(Key* key, std::int64_t delta);
    void remove(Key& key, bool with_object = false);
    void announce_end(const Object& object, bool top);
    void remove_keys(Object& object);
    void remove_tree(Object& object);
    void prune(Object* object);
    std::optional<std::string> free_prefix(const Object& parent, std::string_view name) const;
    Key& insert_key(Object& object, std::string_view name, Value value);
    void save(const Object& object, Bytes& out) const;
    bool restore(Object& object, Reader& in);
    void clear();

    Listener& listener_;
    const Limits limits_;
    Object root_;
    std::map<ObjectId, Object*> by_id_;
    std::map<std::string, Object*, std::less<>> by_prefix_;   // flat prefixes, "totem."
    std::map<std::string, Key*, std::less<>> flat_;
    std::uint64_t next_id_ = 1, version_ = 0;
    std::size_t bytes_ = 0, key_count_ = 0;
    bool quiet_ = false;
};

// cmap's alphabet, length 3 to 255.
bool is_flat_name(std::string_view name);
// Bytes that may stand in a flat name, of any length up to 255.
bool is_flat_prefix(std::string_view prefix);

}  // namespace motet::confdb
