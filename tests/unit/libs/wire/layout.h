// A second, independent statement of each layout: which bytes form a number, which are plain, which are
// undefined. It turns a little-endian message into a big-endian one and says which bytes an encoder must repeat.
#pragma once
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "libs/base/bytes.h"

namespace motet::test {

class Layout {
public:
    explicit Layout(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}

    // Widths of successive numbers; negative: so many undefined bytes.
    Layout& numbers(std::initializer_list<int> widths) {
        for (const int width : widths) {
            if (width < 0) {
                padding(static_cast<std::size_t>(-width));
            } else {
                mark(static_cast<std::size_t>(width), true);
                std::reverse(swapped_.end() - width, swapped_.end());
            }
        }
        return *this;
    }
    Layout& plain(std::size_t size) { return mark(size, true), *this; }
    Layout& padding(std::size_t size) { return mark(size, false), *this; }

    // The little-endian number `back` bytes before the present place.
    std::uint64_t number_before(std::size_t back, std::size_t width) const {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{bytes_.at(at() - back + i)} << 8 * i;
        return value;
    }
    std::size_t at() const { return swapped_.size(); }
    std::size_t rest() const { return bytes_.size() - at(); }
    ByteView rest_bytes() const { return ByteView(bytes_).subspan(at()); }
    const Bytes& swapped() const { return swapped_; }
    const std::vector<bool>& defined() const { return defined_; }

private:
    void mark(std::size_t size, bool defined) {
        for (std::size_t i = 0; i < size; ++i) {
            swapped_.push_back(bytes_.at(at()));
            defined_.push_back(defined);
        }
    }
    Bytes bytes_, swapped_;
    std::vector<bool> defined_;
};

// The group prefix of a complete message.
inline void group_prefix(Layout& layout) {
    layout.numbers({2});
    const std::size_t groups = layout.number_before(2, 2);
    std::size_t names = 0;
    for (std::size_t i = 0; i < groups; ++i) {
        layout.numbers({2});
        names += layout.number_before(2, 2);
    }
    layout.plain(names);
}

}  // namespace motet::test
