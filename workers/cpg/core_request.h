// Taking request records apart: by copy, with their lengths checked.
#pragma once
#include <cstring>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/wire/client_cpg.h"
#include "libs/wire/cpg.h"

namespace motet::cpg {

// The front of `payload`; `payload` becomes the rest.
template <class T>
[[nodiscard]] bool take(ByteView& payload, T& out) {
    if (payload.size() < sizeof(T)) return false;
    std::memcpy(&out, payload.data(), sizeof(T));
    payload = payload.subspan(sizeof(T));
    return true;
}
template <class T>
[[nodiscard]] bool take_all(ByteView payload, T& out) {
    return take(payload, out) && payload.empty();
}

inline bool sound(const wire::cpg_client::Name& name) { return name.length <= wire::cpg_client::kNameMax; }
// Of a sound name.
inline wire::cpg::GroupName group_name(const wire::cpg_client::Name& name) {
    return wire::cpg::GroupName(std::string_view(name.value, name.length));
}

}  // namespace motet::cpg
