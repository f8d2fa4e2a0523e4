// A typed value of the store. Numbers lie in `bytes` in native order; text lies there without its final NUL.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace motet::confdb {

// cmap's numbers, so that they can be shown as they are. `binary` is also 1.x's ANY.
enum class Type : std::uint8_t {
    none = 0, i8 = 1, u8 = 2, i16 = 3, u16 = 4, i32 = 5, u32 = 6, i64 = 7, u64 = 8, f32 = 9, f64 = 10, text = 11, binary = 12,
};
inline constexpr std::uint8_t kTypeMax = 12;

// Bytes of a value of a fixed-size type; 0 for text and binary.
constexpr std::size_t size_of(Type type) {
    switch (type) {
        case Type::i8: case Type::u8: return 1;
        case Type::i16: case Type::u16: return 2;
        case Type::i32: case Type::u32: case Type::f32: return 4;
        case Type::i64: case Type::u64: case Type::f64: return 8;
        case Type::none: case Type::text: case Type::binary: break;
    }
    return 0;
}
constexpr bool is_integer(Type type) { return type >= Type::i8 && type <= Type::u64; }

struct Value {
    Type type = Type::none;
    std::string bytes;

    static Value text(std::string_view text) { return {Type::text, std::string(text)}; }
    template <class T>
    static Value number(Type type, T number) {
        Value value{type, std::string(sizeof number, '\0')};
        std::memcpy(value.bytes.data(), &number, sizeof number);
        return value;
    }
    static Value u8(std::uint8_t n) { return number(Type::u8, n); }
    static Value u16(std::uint16_t n) { return number(Type::u16, n); }
    static Value u32(std::uint32_t n) { return number(Type::u32, n); }
    static Value u64(std::uint64_t n) { return number(Type::u64, n); }
    static Value i32(std::int32_t n) { return number(Type::i32, n); }
    static Value f64(double n) { return number(Type::f64, n); }

    // Of an integer type: sign-extended to 64 bits; 0 for others.
    std::uint64_t integer() const;
    friend bool operator==(const Value&, const Value&) = default;
};

// An integer of 1, 2, 4 or 8 bytes with `delta` added, wrapping at its size.
void add_to(std::string& bytes, std::int64_t delta);

}  // namespace motet::confdb
