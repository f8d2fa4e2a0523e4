// One-way byte rings in shared memory: one producer, one consumer, records that never wrap. The peer is
// hostile: its cursor and every record header are read once, into locals, and bounded before use.
// Both classes are thin views over two mapped pages; nothing here makes a system call.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "libs/base/bytes.h"
#include "libs/ring/layout.h"

namespace motet::ring {

enum class Push { ok, full, violation };

class Producer {
public:
    // `own`: this side's segment, writable. `peer`: the other side's page, read-only. Takes up at the published head.
    Producer(SegmentPage* own, const SegmentPage* peer);

    // Reserves a record and returns where its payload goes (null: `why` says full, or the peer's tail is impossible).
    // Nothing is visible to the consumer before publish(). finish() may shorten the payload.
    std::uint8_t* begin(std::uint32_t length, Push& why);
    void finish(std::uint32_t length, std::uint16_t type, std::uint64_t id, std::uint8_t sub = 0);

    Push push(std::uint16_t type, std::uint64_t id, std::span<const ByteView> pieces, std::uint8_t sub = 0);

    // Makes all finished records visible. True: the consumer sleeps and must get a token; call served() after sending it.
    bool publish();
    void served();
    // True when 32 KiB have been finished since the last publish: a good moment for the next.
    bool worth_publishing() const;

    // Announces that a token is wanted when there is room again; false: there is room by now.
    bool want_space();
    std::size_t free_bytes();          // payload a single record may have now, at least
    std::uint32_t record_max() const;  // largest payload ever: half the capacity less a header
    std::uint64_t head() const { return head_; }
    std::uint64_t used_bytes();  // records finished and not consumed; the whole capacity if the peer's tail is impossible
    // An empty ring starts again at its first page, unless less than this would be free until the consumer has followed.
    void keep_room(std::uint64_t bytes) { keep_room_ = bytes; }
    std::uint64_t capacity() const { return capacity_; }
    // There are more than so many bytes that were not consumed; as far as known, looked up when that would matter.
    bool holds_more_than(std::uint64_t bytes);
    bool violated() const { return violated_; }  // the peer's tail was impossible once
    bool consumer_caught_up();                   // everything published has been consumed
    std::uint64_t published() const { return published_; }

    // The meaning of everything up to `head()`, for a successor: stored before publish() makes it visible.
    struct Commit {
        std::uint64_t a = 0, b = 0, c = 0;
    };
    void commit(const Commit& commit);
    // A successor looks through the records from here on; once guarded, they are not overwritten before this has moved.
    void guard_redo() { guarded_ = true; }
    std::uint64_t redo() const { return own_->redo.load(std::memory_order_relaxed); }
    void set_redo() { own_->redo.store(published_, std::memory_order_release); }
    // What the published head stands for; zeros if nothing was ever published.
    Commit committed() const;
    // After a kick: the consumer sleeps although there is something to read. Send a token, then served().
    bool consumer_waits();

private:
    SegmentPage* own_;
    const SegmentPage* peer_;
    std::uint8_t* data_;
    std::uint64_t capacity_, head_ = 0, published_ = 0, tail_seen_ = 0, rewind_tested_ = 0, use_sampled_ = 0, pending_ = 0,
                             armed_seen_ = 0;
    std::uint64_t keep_room_ = 0, recent_use_ = 0, pad_at_ = 0,
                  pad_ = 0;  // `pad_` bytes at position `pad_at_`: the last pad
    bool violated_ = false, guarded_ = false;
    std::uint64_t floor() const;   // nothing from here on may be overwritten
    bool check_tail();
    bool rewind_test();
    void sample_use();
    std::uint64_t largest_span() const;
    std::uint64_t used_seen() const;
};

struct Record {
    std::uint16_t type = 0;
    std::uint8_t flags = 0, sub = 0;
    std::uint64_t id = 0;
    ByteView payload;  // inside the ring: copy before trusting twice; valid until the tail is published
    std::uint64_t position_after = 0;
};
enum class Pull { record, empty, violation };

class Consumer {
public:
    // `length_max`: longer records are violations. `peer_capacity` is Segment::capacity() of the peer's segment: the word
    // in its page is the peer's to change at any moment.
    Consumer(SegmentPage* own, const SegmentPage* peer, std::uint32_t length_max, std::uint64_t peer_capacity);

    Pull next(Record& out);  // and advances the private tail behind it
    // Publishes the tail. True: the producer waits for space and must get a token; call space_served() after it.
    bool release() { return release_to(tail_); }
    // Only up to `position`, the end of a record that next() has returned; what is behind it stays with the producer. Never
    // backwards.
    bool release_to(std::uint64_t position);
    std::uint64_t released() const { return released_; }
    void space_served();
    bool worth_releasing() const;  // an eighth of the ring was consumed since the last release

    // About to sleep: arms the wake-up and looks once more. False: there is something to read (or a violation) after all.
    bool arm();
    bool empty();
    std::uint64_t tail() const { return tail_; }
    // What lies before `position` has been dealt with by a predecessor. Never backwards.
    void skip_to(std::uint64_t position);

private:
    SegmentPage* own_;
    const SegmentPage* peer_;
    const std::uint8_t* data_;
    std::uint64_t capacity_, tail_ = 0, released_ = 0, head_seen_ = 0, space_seen_ = 0;
    std::uint32_t length_max_;
};

// The records of a ring that its own producer has published, from one position to another, whether consumed or not: what a
// successor looks through. Only for positions less than the capacity behind the head.
class Walk {
public:
    Walk(const SegmentPage* own, std::uint64_t capacity, std::uint64_t from, std::uint64_t to)
        : data_(reinterpret_cast<const std::uint8_t*>(own) + kPage), capacity_(capacity), at_(from), end_(to) {}
    Pull next(Record& out);   // empty at the end

private:
    const std::uint8_t* data_;
    std::uint64_t capacity_, at_, end_;
};

}  // namespace motet::ring
