// The send side of packing: messages wait here whole, and frames are cut from them when the token has come.
// A unit (normally one message) is kept until its last byte has a number, so that it can be sent again from its
// first byte when a ring change has cut it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "membership/totem/byte_fifo.h"
#include "membership/totem/totem.h"

namespace motet::totem {

class SendQueue {
public:
    // `body_max`: most bytes of a frame's body.
    explicit SendQueue(std::size_t body_max) : body_max_(body_max) {}
    // From the next frame on; what is cut already stays as it is.
    void set_body_max(std::size_t bytes) { body_max_ = bytes; }

    // False, and nothing taken, if the queue would hold more than `limit` bytes.
    bool push(const Submission& message, std::size_t limit);
    // The largest message that push() would take.
    std::size_t room(std::size_t limit) const;
    std::size_t used() const { return static_cast<std::size_t>(fifo_.end() - at_); }

    // How many frames the waiting bytes will fill.
    std::uint32_t backlog() const;
    bool empty() const { return pending_ == 0; }

    struct Cut {
        std::size_t size = 0;  // of the body; 0: nothing is waiting
        bool safe = false;     // it ends with the last byte of a message to be delivered safe
        std::span<const Tag> done{};   // of the messages whose last byte is in it, in order, until the next cut; none if all are empty
    };
    // The next frame's body, of at most `body_max` bytes.
    Cut cut(std::span<std::uint8_t> body);
    // Most bytes the next body can have.
    std::size_t next_body_max() const;

    // A new ring: the rest of a message that was begun in an earlier one will travel alone, because a newcomer
    // to whom it means nothing may drop the whole frame.
    void ring_changed() { lone_tail_ = taken_ > 0; }
    // The unit that was begun is sent again from its first byte.
    void restart();
    // Only a message that was begun stays.
    void drop_not_begun();

    // More than this is not kept of a unit: a longer one goes on, after a restart, with the message it stood at.
    static constexpr std::size_t kUnitKeptMax = 64u << 20;

private:
    struct Entry {
        std::uint32_t size = 0;
        std::uint8_t flags = 0;
        Tag tag{};
        bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
    };
    static constexpr std::uint8_t kSafe = 1, kUnitFirst = 2, kUnitLast = 4, kDone = 8;
    static constexpr std::size_t kEntryHeader = 16;
    static constexpr std::size_t kLengthSize = 2;
    static std::size_t stored_size(std::size_t size) { return kEntryHeader + (size + kEntryHeader - 1) / kEntryHeader * kEntryHeader; }

    Entry entry(std::uint64_t at) const;
    void begin_entry(const Entry& entry);
    void finish_entry(const Entry& entry);

    std::size_t body_max_;
    ByteFifo fifo_;
    std::uint64_t at_ = 0;            // first message that has bytes without a number
    std::uint32_t taken_ = 0;         // its bytes that have one
    std::uint64_t unit_ = 0;          // first message of the open unit
    bool unit_open_ = false;          // numbered in part, or more of it is to come
    bool lone_tail_ = false;
    std::uint8_t fragment_ = 0;       // `fragmented` of the last frame cut
    std::uint64_t pending_ = 0;       // bytes without a number and their lengths
    std::vector<std::uint16_t> lengths_;
    std::vector<Tag> done_;
};

}  // namespace motet::totem
