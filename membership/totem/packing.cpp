// Cutting frames from waiting messages (totem-pg.md §1, §3), and what a ring change does to them.
#include "membership/totem/packing.h"

#include <algorithm>
#include <cstring>

#include "libs/wire/packing.h"

namespace motet::totem {
namespace {

constexpr std::size_t kOwnerAt = 6, kPositionAt = 8;   // in an entry's header, behind its size and flags

}  // namespace

bool SendQueue::push(const Submission& message, std::size_t limit) {
    std::size_t size = 0;
    for (const ByteView piece : message.pieces) size += piece.size();
    if (size == 0 || size > kMessageMax || used() + stored_size(size) > limit) return false;

    std::array<std::uint8_t, kEntryHeader> header{};
    const auto size32 = static_cast<std::uint32_t>(size);
    std::memcpy(header.data(), &size32, sizeof size32);
    header[4] = static_cast<std::uint8_t>((message.guarantee == Guarantee::safe ? kSafe : 0) |
                                          (message.unit_first ? kUnitFirst : 0) | (message.unit_last ? kUnitLast : 0));
    std::memcpy(header.data() + kOwnerAt, &message.tag.owner, sizeof message.tag.owner);
    std::memcpy(header.data() + kPositionAt, &message.tag.position, sizeof message.tag.position);
    fifo_.append(header);
    for (const ByteView piece : message.pieces) fifo_.append(piece);
    static constexpr std::array<std::uint8_t, kEntryHeader> kPadding{};
    fifo_.append(ByteView{kPadding}.first(stored_size(size) - kEntryHeader - size));
    pending_ += size + kLengthSize;
    return true;
}

std::size_t SendQueue::room(std::size_t limit) const {
    if (used() + kEntryHeader >= limit) return 0;
    return std::min((limit - used() - kEntryHeader) / kEntryHeader * kEntryHeader, kMessageMax);
}

std::uint32_t SendQueue::backlog() const {
    const std::size_t payload = body_max_ - wire::kPackingHeaderSize;
    return static_cast<std::uint32_t>((pending_ + payload - 1) / payload);
}

std::size_t SendQueue::next_body_max() const {
    return static_cast<std::size_t>(std::min<std::uint64_t>(body_max_, wire::kPackingHeaderSize + pending_));
}

SendQueue::Entry SendQueue::entry(std::uint64_t at) const {
    // Entries begin at multiples of their header's size, so the header never crosses a chunk.
    std::array<std::uint8_t, kEntryHeader> header;
    fifo_.copy(at, header);
    Entry entry;
    std::memcpy(&entry.size, header.data(), sizeof entry.size);
    entry.flags = header[4];
    std::memcpy(&entry.tag.owner, header.data() + kOwnerAt, sizeof entry.tag.owner);
    std::memcpy(&entry.tag.position, header.data() + kPositionAt, sizeof entry.tag.position);
    return entry;
}

SendQueue::Cut SendQueue::cut(std::span<std::uint8_t> body) {
    // First the lengths, because they stand in front of the bytes.
    lengths_.clear();
    done_.clear();
    std::size_t room = std::min(body.size(), body_max_) - wire::kPackingHeaderSize;
    const std::uint8_t continuation = fragment_;
    bool fragmented = false, safe = false;
    std::uint64_t at = at_;
    std::uint32_t taken = taken_;
    while (at != fifo_.end() && room > kLengthSize) {
        const Entry next = entry(at);
        if (!next.has(kDone)) {
            const std::size_t rest = next.size - taken, n = std::min(rest, room - kLengthSize);
            lengths_.push_back(static_cast<std::uint16_t>(n));
            room -= n + kLengthSize;
            fragmented = n < rest;
            safe = !fragmented && next.has(kSafe);
            if (fragmented || safe || lone_tail_) break;
        }
        at += stored_size(next.size);
        taken = 0;
    }
    if (lengths_.empty()) return {};

    fragment_ = fragmented ? wire::next_fragment(continuation) : 0;
    wire::write_packing_header(fragment_, continuation, lengths_, body);
    std::size_t to = wire::packing_overhead(lengths_.size());
    for (const std::uint16_t length : lengths_) {
        Entry next = entry(at_);
        for (; next.has(kDone); next = entry(at_)) at_ += stored_size(next.size);
        if (taken_ == 0) begin_entry(next);
        fifo_.copy(at_ + kEntryHeader + taken_, body.subspan(to, length));
        to += length;
        taken_ += length;
        pending_ -= length;
        if (taken_ == next.size) finish_entry(next);
    }
    const bool wanted = std::any_of(done_.begin(), done_.end(), [](const Tag& tag) { return tag.owner != 0; });
    return {to, safe, wanted ? std::span<const Tag>(done_) : std::span<const Tag>()};
}

void SendQueue::begin_entry(const Entry& next) {
    if (!next.has(kUnitFirst) || next.has(kUnitLast)) return;
    // A unit of several messages. One that was open before has lost its sender and needs no more keeping.
    unit_ = at_;
    unit_open_ = true;
}

void SendQueue::finish_entry(const Entry& done) {
    const std::uint64_t next = at_ + stored_size(done.size);
    const bool alone = done.has(kUnitFirst) && done.has(kUnitLast);
    // Another service's message between those of the open unit is not part of it.
    if (unit_open_ && alone) fifo_.store(at_ + 4, static_cast<std::uint8_t>(done.flags | kDone));
    if (unit_open_ && !alone && done.has(kUnitLast)) unit_open_ = false;
    pending_ -= kLengthSize;
    done_.push_back(done.tag);
    at_ = next;
    taken_ = 0;
    lone_tail_ = false;
    if (unit_open_ && at_ - unit_ > kUnitKeptMax) unit_ = at_;
    fifo_.release(unit_open_ ? unit_ : at_);
}

void SendQueue::restart() {
    pending_ += taken_;
    if (unit_open_) {
        for (std::uint64_t at = unit_; at != at_;) {
            const Entry again = entry(at);
            if (!again.has(kDone)) pending_ += again.size + kLengthSize;
            at += stored_size(again.size);
        }
        at_ = unit_;
        unit_open_ = false;
    }
    taken_ = 0;
    fragment_ = 0;
    lone_tail_ = false;
}

void SendQueue::drop_not_begun() {
    const Entry begun = taken_ > 0 ? entry(at_) : Entry{};
    fifo_.truncate(taken_ > 0 ? at_ + stored_size(begun.size) : at_);
    pending_ = taken_ > 0 ? begun.size - taken_ + kLengthSize : 0;
}

}  // namespace motet::totem
