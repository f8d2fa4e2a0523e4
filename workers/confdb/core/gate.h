// Who is asked before a client writes a key that no list makes read-only: a key of the configuration in force must stay valid.
#pragma once
#include <string_view>

#include "workers/confdb/core/value.h"

namespace motet::confdb {

class Gate {
public:
    virtual ~Gate() = default;
    // `value` null: the key is to be deleted. False: refused, and the log says why.
    virtual bool permits(std::string_view flat, const Value* value) const = 0;
};

}  // namespace motet::confdb
