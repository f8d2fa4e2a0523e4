// One listener of the store that is many, in the order of adding.
#pragma once
#include <vector>

#include "workers/confdb/core/store.h"

namespace motet::confdb {

class Fanout final : public Listener {
public:
    void add(Listener& listener) { listeners_.push_back(&listener); }
    void on_key(const KeyChange& change) override {
        for (Listener* listener : listeners_) listener->on_key(change);
    }
    void on_object_created(const Object& object) override {
        for (Listener* listener : listeners_) listener->on_object_created(object);
    }
    void on_object_deleted(const Object& object, bool top) override {
        for (Listener* listener : listeners_) listener->on_object_deleted(object, top);
    }

private:
    std::vector<Listener*> listeners_;
};

}  // namespace motet::confdb
