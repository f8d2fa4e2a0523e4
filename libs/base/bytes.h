// Bytes that crossed a boundary are read and written here and nowhere else: by copy, checked, in
// either byte order. A reader that ran past its end stays failed, so one check covers a whole record.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace motet {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
constexpr T byte_swapped(T value) {
    static_assert(std::is_unsigned_v<T>);
    T result = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        result = static_cast<T>((static_cast<std::uint64_t>(result) << 8) | ((value >> (8 * i)) & 0xff));
    }
    return result;
}

// Reads unaligned integers from the front of a view. `swap` is true when the sender's byte order is not ours.
class Reader {
public:
    explicit Reader(ByteView bytes, bool swap = false) : rest_(bytes), swap_(swap) {}

    std::uint8_t u8() { return number<std::uint8_t>(); }
    std::uint16_t u16() { return number<std::uint16_t>(); }
    std::uint32_t u32() { return number<std::uint32_t>(); }
    std::uint64_t u64() { return number<std::uint64_t>(); }
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }

    // The next `size` bytes; an empty view, and failure, if there are fewer.
    ByteView bytes(std::size_t size) {
        if (!take(size)) return {};
        const ByteView result = rest_.first(size);
        rest_ = rest_.subspan(size);
        return result;
    }
    void skip(std::size_t size) { bytes(size); }

    bool ok() const { return ok_; }
    bool swap() const { return swap_; }
    std::size_t remaining() const { return rest_.size(); }
    ByteView rest() const { return rest_; }

private:
    bool take(std::size_t size) {
        if (!ok_ || size > rest_.size()) ok_ = false;
        return ok_;
    }
    template <class T>
    T number() {
        if (!take(sizeof(T))) return 0;
        T value;
        std::memcpy(&value, rest_.data(), sizeof(T));
        rest_ = rest_.subspan(sizeof(T));
        return swap_ ? byte_swapped(value) : value;
    }

    ByteView rest_;
    bool swap_;
    bool ok_ = true;
};

// Appends to a vector in native byte order.
class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) {}

    void u8(std::uint8_t value) { number(value); }
    void u16(std::uint16_t value) { number(value); }
    void u32(std::uint32_t value) { number(value); }
    void u64(std::uint64_t value) { number(value); }
    void i32(std::int32_t value) { number(static_cast<std::uint32_t>(value)); }
    void bytes(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void zeros(std::size_t count) { out_.insert(out_.end(), count, 0); }
    std::size_t size() const { return out_.size(); }

private:
    template <class T>
    void number(T value) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
        out_.insert(out_.end(), first, first + sizeof(T));
    }
    Bytes& out_;
};

// Overwrites a number inside bytes already written.
template <class T>
void store_at(std::span<std::uint8_t> bytes, std::size_t offset, T value) {
    if (offset + sizeof(T) <= bytes.size()) std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace motet
