// One client's events that did not fit into its ring, in order, as a stream of bytes in the worker's overflow. The stream's
// two positions stand in the client's segment, so that a successor goes on where this process ended. Bounded by its user.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <span>

#include "libs/base/bytes.h"
#include "libs/ipc/cause.h"
#include "libs/ipc/overflow.h"

namespace motet::ipc {

class Backlog {
public:
    static constexpr std::size_t kItemMax = (1u << 20) + 4096;   // what any event ring of ours can carry
    struct Item {
        std::uint16_t type = 0;
        EventKey key;
        std::size_t length = 0;
        // The payload where it lies, valid until settle().
        std::span<const ByteView> pieces() const { return {parts.data(), count}; }
        std::array<ByteView, kItemMax / Overflow::kChunk + 3> parts;
        std::size_t count = 0;
    };

    // `page`: the worker's segment of the client's link. Takes up what a predecessor left; see intact().
    Backlog(Overflow& overflow, std::uint64_t conn, ring::SegmentPage* page);
    Backlog(const Backlog&) = delete;   // and its end gives nothing back: that is clear()
    Backlog& operator=(const Backlog&) = delete;
    // False: what the predecessor left cannot be read; the client must be cut off.
    bool intact() const { return intact_; }
    // The last event of the stream as it was taken up; zero without any.
    EventKey last_key() const { return last_; }

    // What `length` payload bytes cost here.
    static constexpr std::size_t cost_of(std::size_t length) { return (kHeader + length + 15) & ~std::size_t{15}; }

    // False: the overflow has no room at all. Survives this process as soon as it has returned.
    bool append(std::uint16_t type, const EventKey& key, std::span<const ByteView> pieces, std::size_t length);
    bool empty() const { return read_ == head_; }
    std::size_t bytes() const { return static_cast<std::size_t>(head_ - read_); }
    Item front() const;
    void pop();      // for this process; what was popped and not settled comes again for a successor
    void settle();   // what was popped is in the client's ring, published: a successor need not see it any more
    void clear();

private:
    static constexpr std::size_t kHeader = 32;
    struct Header {
        std::uint32_t length = 0;
        std::uint16_t type = 0, unused = 0;
        std::uint64_t delivery = 0, journal = 0, count = 0;
    };
    static_assert(sizeof(Header) == kHeader);

    void take_up();
    std::uint8_t* at(std::uint64_t position) const;
    Header header_at(std::uint64_t position) const;
    void write(std::uint64_t position, ByteView bytes);
    bool reserve(std::uint64_t end);
    void release(std::uint64_t before);

    Overflow& overflow_;
    std::uint64_t conn_;
    ring::SegmentPage* page_;
    std::deque<Overflow::Chunk> chunks_;   // without gaps
    std::uint64_t head_ = 0, read_ = 0;
    EventKey last_;
    bool intact_ = true;
};

}  // namespace motet::ipc
