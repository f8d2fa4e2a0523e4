#include "workers/confdb/core/value.h"

namespace motet::confdb {

std::uint64_t Value::integer() const {
    if (!is_integer(type) || bytes.size() != size_of(type)) return 0;
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), bytes.size());   // little-endian hosts only, as everything shared here
    const bool is_signed = type == Type::i8 || type == Type::i16 || type == Type::i32;
    if (is_signed && (static_cast<unsigned char>(bytes.back()) & 0x80) != 0) number |= ~std::uint64_t{0} << (8 * bytes.size());
    return number;
}

void add_to(std::string& bytes, std::int64_t delta) {
    std::uint64_t number = 0;
    if (bytes.size() > sizeof number) return;
    std::memcpy(&number, bytes.data(), bytes.size());
    number += static_cast<std::uint64_t>(delta);
    std::memcpy(bytes.data(), &number, bytes.size());
}

}  // namespace motet::confdb
