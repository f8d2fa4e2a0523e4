// Events that did not fit into a client's ring, in order, on the heap. Bounded by its user, who knows the limits.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "libs/base/bytes.h"

namespace motet::ipc {

class Backlog {
public:
    struct Item {
        std::uint16_t type = 0;
        std::uint64_t cause = 0;
        ByteView payload;  // valid until pop()
    };

    // What `length` payload bytes cost here.
    static constexpr std::size_t cost_of(std::size_t length) { return (kHeader + length + 15) & ~std::size_t{15}; }

    void append(std::uint16_t type, std::uint64_t cause, std::span<const ByteView> pieces, std::size_t length);
    bool empty() const { return chunks_.empty(); }
    std::size_t bytes() const { return bytes_; }
    Item front() const;
    void pop();

private:
    static constexpr std::size_t kHeader = 16;
    static constexpr std::size_t kChunk = 256 * 1024;  // a longer item has a chunk of its own
    struct Chunk {
        std::unique_ptr<std::uint8_t[]> data;
        std::size_t size = 0, used = 0, read = 0;
    };
    std::deque<Chunk> chunks_;
    std::size_t bytes_ = 0;
};

}  // namespace motet::ipc
