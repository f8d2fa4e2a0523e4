// The ring algorithm (docs/rings.md): 64-bit positions that never wrap, records on 16-byte boundaries, a pad record over
// the rest when one does not fit before the end, and arm/served counters instead of flags in the peer's memory.
#include "libs/ring/ring.h"

#include <algorithm>
#include <cstring>

#include "libs/base/crash_point.h"

namespace motet::ring {
namespace {

constexpr std::uint64_t kPublishEvery = 32 * 1024;  // so that the consumer copies while the producer still fills
constexpr std::uint64_t kRewindBeyond = 64 * 1024;  // a ring that keeps running empty stays within its first pages
constexpr std::uint64_t kRewindTestEvery = 4 * 1024;
constexpr unsigned kPadsInARow = 4;  // our producer never writes two; more are a peer keeping us busy

void fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

void store_header(std::uint8_t* at, RecordHeader header) { std::memcpy(at, &header, sizeof header); }

// Two loads, into a local: the shared header may change as soon as we look away.
RecordHeader load_header(const std::uint8_t* at) {
    const auto* words = reinterpret_cast<const std::uint64_t*>(at);
    const std::uint64_t copy[2] = {__atomic_load_n(words, __ATOMIC_RELAXED), __atomic_load_n(words + 1, __ATOMIC_RELAXED)};
    RecordHeader header;
    std::memcpy(&header, copy, sizeof header);
    return header;
}

void store_pad(std::uint8_t* at, std::uint64_t span) {
    store_header(
        at,
        {.length = static_cast<std::uint32_t>(span - sizeof(RecordHeader)), .type = kPad, .flags = 3, .sub = 0, .id = 0});
}

}  // namespace

Producer::Producer(SegmentPage* own, const SegmentPage* peer)
    : own_(own),
      peer_(peer),
      data_(reinterpret_cast<std::uint8_t*>(own) + kPage),
      capacity_(own->capacity),
      head_(own->head.load(std::memory_order_relaxed)),
      published_(head_),
      tail_seen_(head_ - capacity_),
      rewind_tested_(head_),
      use_sampled_(head_) {
    // "Full" until the first look at the peer's cursor.
}

bool Producer::check_tail() {
    const std::uint64_t tail = peer_->tail.load(std::memory_order_acquire);
    if (head_ - tail > capacity_ || tail % 16 != 0) return violated_ = true, false;
    tail_seen_ = tail;
    return true;
}

// The pad of a rewind counts as used until the consumer has followed: afterwards only what lay before it is free. So a ring
// rewinds early in ping-pong and, in a stream, only where it has room for more than the stream lately used.
std::uint64_t Producer::floor() const { return guarded_ ? std::min(tail_seen_, redo()) : tail_seen_; }

bool Producer::rewind_test() {
    rewind_tested_ = head_;
    if (!check_tail()) return false;
    const std::uint64_t offset = head_ & (capacity_ - 1);
    return tail_seen_ == head_ && floor() == head_ && offset > std::max({kRewindBeyond, keep_room_, 4 * recent_use_});
}

void Producer::sample_use() {
    use_sampled_ = head_;
    if (check_tail()) recent_use_ = std::max(used_seen(), recent_use_ - recent_use_ / 8);
}

std::uint8_t* Producer::begin(std::uint32_t length, Push& why) {
    const std::uint64_t need = span_of(length);
    why = Push::full;
    if (need > capacity_ / 2) return nullptr;
    const std::uint64_t offset = head_ & (capacity_ - 1);
    const std::uint64_t to_end = capacity_ - offset;

    std::uint64_t pad = need > to_end ? to_end : 0;
    if (head_ == published_ && head_ - rewind_tested_ >= kRewindTestEvery) {  // only then can the consumer have everything
        const bool rewind = rewind_test();
        if (violated_) return why = Push::violation, nullptr;
        if (rewind && need <= offset) pad = to_end;
    }
    if (need + pad > capacity_ - (head_ - floor())) {
        if (!check_tail()) return why = Push::violation, nullptr;
        if (need + pad > capacity_ - (head_ - floor())) return nullptr;
    }
    if (pad != 0) store_pad(data_ + offset, pad);
    pending_ = head_ + pad;
    why = Push::ok;
    return data_ + (pending_ & (capacity_ - 1)) + sizeof(RecordHeader);
}

void Producer::finish(std::uint32_t length, std::uint16_t type, std::uint64_t id, std::uint8_t sub) {
    store_header(data_ + (pending_ & (capacity_ - 1)), {.length = length, .type = type, .flags = 3, .sub = sub, .id = id});
    if (pending_ != head_) {
        pad_at_ = head_;
        pad_ = pending_ - head_;
    }
    head_ = pending_ + span_of(length);
}

Push Producer::push(std::uint16_t type, std::uint64_t id, std::span<const ByteView> pieces, std::uint8_t sub) {
    std::uint64_t length = 0;
    for (const ByteView piece : pieces) length += piece.size();
    if (length > record_max()) return Push::full;
    Push why;
    std::uint8_t* to = begin(static_cast<std::uint32_t>(length), why);
    if (to == nullptr) return why;
    for (const ByteView piece : pieces) {
        if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
        to += piece.size();
    }
    finish(static_cast<std::uint32_t>(length), type, id, sub);
    return Push::ok;
}

bool Producer::publish() {
    if (head_ == published_) return false;
    if (head_ - use_sampled_ >= kRewindTestEvery) sample_use();
    own_->head.store(head_, std::memory_order_release);
    published_ = head_;
    crash_point("ring: behind a head");
    fence();  // the head must be visible before we decide that the consumer is awake
    armed_seen_ = peer_->arm.load(std::memory_order_relaxed);
    return armed_seen_ != own_->served.load(std::memory_order_relaxed);
}

void Producer::commit(const Commit& commit) {
    // Not the slot that speaks for the published head: it must stay true until the next head is visible.
    const bool first_is_in_force = own_->commit[0].head_after.load(std::memory_order_relaxed) == published_;
    SegmentPage::Commit& slot = own_->commit[first_is_in_force ? 1 : 0];
    slot.a.store(commit.a, std::memory_order_release);
    slot.b.store(commit.b, std::memory_order_release);
    slot.c.store(commit.c, std::memory_order_release);
    slot.head_after.store(head_, std::memory_order_release);
    crash_point("ring: behind a commit slot");
}

Producer::Commit Producer::committed() const {
    if (published_ == 0) return {};
    for (const SegmentPage::Commit& slot : own_->commit)
        if (slot.head_after.load(std::memory_order_acquire) == published_)
            return {.a = slot.a.load(), .b = slot.b.load(), .c = slot.c.load()};
    return {};
}

void Producer::served() { own_->served.store(armed_seen_, std::memory_order_release); }

bool Producer::worth_publishing() const { return head_ - published_ >= kPublishEvery; }

bool Producer::want_space() {
    const std::uint64_t before = tail_seen_;
    own_->space_arm.store(own_->space_arm.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    fence();  // the wish must be visible before we decide that nothing was consumed
    return check_tail() && tail_seen_ == before;
}

std::uint64_t Producer::largest_span() const {
    const std::uint64_t room = capacity_ - (head_ - floor());
    const std::uint64_t to_end = capacity_ - (head_ & (capacity_ - 1));
    const std::uint64_t span = room <= to_end ? room : std::max(to_end, room - to_end);
    return std::min(span, capacity_ / 2);
}

std::size_t Producer::free_bytes() {
    if (largest_span() < capacity_ / 2 && !check_tail()) return 0;
    const std::uint64_t span = largest_span();
    return span < sizeof(RecordHeader) ? 0 : span - sizeof(RecordHeader);
}

std::uint64_t Producer::used_bytes() { return check_tail() ? used_seen() : capacity_; }

bool Producer::holds_more_than(std::uint64_t bytes) { return used_seen() > bytes && used_bytes() > bytes; }

std::uint64_t Producer::used_seen() const {
    const std::uint64_t used = head_ - tail_seen_;
    const bool pad_unread = pad_at_ - tail_seen_ < used;  // else it lies behind the tail
    return pad_unread ? used - pad_ : used;
}

std::uint32_t Producer::record_max() const { return static_cast<std::uint32_t>(capacity_ / 2 - sizeof(RecordHeader)); }

bool Producer::consumer_caught_up() { return peer_->tail.load(std::memory_order_acquire) == published_; }

bool Producer::consumer_waits() {
    armed_seen_ = peer_->arm.load(std::memory_order_acquire);
    return armed_seen_ != own_->served.load(std::memory_order_relaxed) && !consumer_caught_up();
}

Consumer::Consumer(SegmentPage* own, const SegmentPage* peer, std::uint32_t length_max, std::uint64_t peer_capacity)
    : own_(own),
      peer_(peer),
      data_(reinterpret_cast<const std::uint8_t*>(peer) + kPage),
      capacity_(peer_capacity),
      tail_(own->tail.load(std::memory_order_relaxed)),
      released_(tail_),
      head_seen_(tail_),
      length_max_(length_max) {}

Pull Consumer::next(Record& out) {
    for (unsigned pads = 0; pads <= kPadsInARow; ++pads) {
        if (head_seen_ == tail_) {
            const std::uint64_t head = peer_->head.load(std::memory_order_acquire);
            if (head - tail_ > capacity_ || (head | tail_) % 16 != 0) return Pull::violation;
            if (head == tail_) return Pull::empty;
            head_seen_ = head;
        }
        const std::uint64_t offset = tail_ & (capacity_ - 1);
        const RecordHeader header = load_header(data_ + offset);
        const std::uint64_t span = span_of(header.length);
        if (span > head_seen_ - tail_ || span > capacity_ - offset) return Pull::violation;
        if (header.type == kPad) {
            tail_ += span;
            continue;
        }
        if (header.length > length_max_) return Pull::violation;
        tail_ += span;
        out = {.type = header.type,
               .flags = header.flags,
               .sub = header.sub,
               .id = header.id,
               .payload = {data_ + offset + sizeof(RecordHeader), header.length},
               .position_after = tail_};
        return Pull::record;
    }
    return Pull::violation;
}

void Consumer::skip_to(std::uint64_t position) {
    if (static_cast<std::int64_t>(position - tail_) <= 0) return;
    tail_ = head_seen_ = position;
}

bool Consumer::release_to(std::uint64_t position) {
    if (static_cast<std::int64_t>(position - released_) <= 0) return false;
    own_->tail.store(position, std::memory_order_release);
    released_ = position;
    crash_point("ring: behind a tail");
    fence();  // the room must be visible before we decide that nobody waits for it
    space_seen_ = peer_->space_arm.load(std::memory_order_relaxed);
    return space_seen_ != own_->space_served.load(std::memory_order_relaxed);
}

void Consumer::space_served() { own_->space_served.store(space_seen_, std::memory_order_release); }

bool Consumer::worth_releasing() const { return tail_ - released_ >= capacity_ / 8; }

bool Consumer::arm() {
    if (head_seen_ != tail_) return false;
    own_->arm.store(own_->arm.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    fence();  // the producer must see us armed, or we must see its record
    return peer_->head.load(std::memory_order_acquire) == tail_;
}

bool Consumer::empty() { return head_seen_ == tail_ && peer_->head.load(std::memory_order_acquire) == tail_; }

Pull Walk::next(Record& out) {
    while (at_ != end_) {
        const std::uint64_t offset = at_ & (capacity_ - 1);
        if (end_ - at_ > capacity_ || at_ % 16 != 0) return Pull::violation;
        const RecordHeader header = load_header(data_ + offset);
        const std::uint64_t span = span_of(header.length);
        if (span > end_ - at_ || span > capacity_ - offset) return Pull::violation;
        at_ += span;
        if (header.type == kPad) continue;
        out = {.type = header.type, .flags = header.flags, .sub = header.sub, .id = header.id,
               .payload = {data_ + offset + sizeof(RecordHeader), header.length}, .position_after = at_};
        return Pull::record;
    }
    return Pull::empty;
}

}  // namespace motet::ring
