// Creating, checking and mapping segments. Creation is the supervisor's; everyone else maps what it was given.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/result.h"
#include "libs/ring/layout.h"

namespace motet::ring {

// A new sealed memfd with its constant words written; `writable` and `read_only` are two descriptors of it.
struct SegmentFds {
    int writable = -1;
    int read_only = -1;
};
Result<SegmentFds> create_segment(Role role, std::uint64_t link_id, std::uint64_t capacity, std::uint64_t mailbox_capacity);

// One of the two segments between membership and a worker: behind its ring a second page of words and, unless
// `second_capacity` is 0, a second ring, for what must not wait behind the first.
Result<SegmentFds> create_link_segment(Role role, std::uint64_t link_id, std::uint64_t capacity, std::uint64_t second_capacity);

// Sealed memory of `size` bytes without a ring: a worker's state, its overflow. Only what is touched takes memory.
Result<SegmentFds> create_memory(std::uint64_t size);
class Memory {
public:
    // Of exactly `size` bytes, sealed.
    static Result<Memory> map(int fd, std::uint64_t size, bool writable);
    // Not shared with anybody.
    static Result<Memory> anonymous(std::uint64_t size);
    Memory() = default;
    Memory(Memory&&) noexcept;
    Memory& operator=(Memory&&) noexcept;
    ~Memory();
    std::uint8_t* data() const { return data_; }
    std::uint64_t size() const { return size_; }
    bool shared() const { return shared_; }
    // Gives the pages of a part back to the system; it reads as zeros afterwards.
    void discard(std::uint64_t offset, std::uint64_t length);
    explicit operator bool() const { return data_ != nullptr; }

private:
    std::uint8_t* data_ = nullptr;
    std::uint64_t size_ = 0;
    bool shared_ = false;
};

// A mapping of one segment; unmapped on destruction. Checks size, seals, magic, version, capacity and offsets.
class Segment {
public:
    // The first `populate` bytes of a writable mapping are in memory from the start.
    static Result<Segment> map(int fd, bool writable, std::size_t populate = 0);
    Segment() = default;
    Segment(Segment&&) noexcept;
    Segment& operator=(Segment&&) noexcept;
    ~Segment();

    SegmentPage* page() const { return page_; }
    std::uint8_t* mailbox() const;        // null if it has none
    std::size_t mailbox_capacity() const { return mailbox_capacity_; }
    SegmentPage* second() const;          // of a link's segment; null if it has none
    std::uint64_t second_capacity() const { return second() == nullptr ? 0 : mailbox_capacity_ - kPage; }
    std::uint64_t capacity() const { return capacity_; }
    std::uint64_t link_id() const { return link_id_; }
    explicit operator bool() const { return page_ != nullptr; }

private:
    SegmentPage* page_ = nullptr;
    std::size_t size_ = 0, mailbox_offset_ = 0, mailbox_capacity_ = 0;
    std::uint64_t capacity_ = 0, link_id_ = 0;   // copies: the mapped words may change under us
};

}  // namespace motet::ring
