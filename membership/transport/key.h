// The cluster's key on its way from a descriptor into a transport: kept in one place, wiped when it goes.
#pragma once
#include <array>
#include <cstdint>

#include "libs/base/bytes.h"
#include "libs/base/result.h"

namespace motet::transport {

class Key {
public:
    static constexpr std::size_t kBytesMin = 128, kBytesMax = 4096;

    // Everything that stands in the file behind `fd`, from its beginning; the position is not used. An error says what is wrong with its size.
    static Result<Key> read(int fd);

    Key() = default;
    Key(Key&& other) noexcept { *this = std::move(other); }
    Key& operator=(Key&& other) noexcept;
    ~Key() { wipe(); }
    void wipe();

    ByteView bytes() const { return ByteView(bytes_).first(size_); }
    bool empty() const { return size_ == 0; }

private:
    std::array<std::uint8_t, kBytesMax> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace motet::transport
