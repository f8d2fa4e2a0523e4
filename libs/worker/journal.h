// What a worker's successor starts from: the last snapshot of the service's state and every input since that may have changed
// it, in the worker's state segment (libs/ring/state_page.h). Each has its checksum; a word that is stored last makes each count.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"
#include "libs/ring/segment.h"
#include "libs/ring/state_page.h"

namespace motet::worker {

class Journal {
public:
    struct Entry {
        ring::Marker kind = ring::Marker::none;   // request, delivery, time, connect, disconnect
        std::uint16_t type = 0;                   // of the request or delivery record
        std::uint64_t conn = 0;
        std::uint64_t number = 0;                 // request: its number; connect: pid; time: nanoseconds
        std::uint64_t extra = 0;                  // connect: uid and gid
        std::uint64_t position = 0;               // request: in the client's ring behind it
        std::uint64_t delivery = 0;               // in the delivery ring behind what was taken so far, this record included
        std::uint64_t submitted = 0, submitted_sync = 0;   // submissions caused before it
        ByteView payload{};
    };

    static Result<Journal> map(int fd);

    // What there is: nothing yet, or a snapshot and the entries behind it. Views into the segment, valid until replace().
    struct Kept {
        ByteView snapshot;
        std::vector<Entry> entries;
    };
    Result<std::optional<Kept>> read() const;

    // Survives this process when it returns. The payload's copy in the journal, or nothing if there is no room for it.
    std::optional<ByteView> append(const Entry& entry);
    // A new snapshot, made of two parts, in the place of everything. False: it is too long.
    bool replace(ByteView first, ByteView second);
    // Time for a new snapshot: replaying what there is would take longer than reading one.
    bool due() const { return entries_ >= entries_max_ || log_end_ >= log_max_; }
    std::size_t entries() const { return entries_; }

    void mark(ring::Marker kind, std::uint64_t conn, std::uint64_t position) {
        page_->marker_kind.store(0, std::memory_order_release);
        page_->marker_conn.store(conn, std::memory_order_release);
        page_->marker_position.store(position, std::memory_order_release);
        page_->marker_kind.store(static_cast<std::uint64_t>(kind), std::memory_order_release);
    }
    void unmark() { page_->marker_kind.store(0, std::memory_order_release); }
    void beat(bool busy) {
        page_->heartbeat.store(page_->heartbeat.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        page_->busy.store(busy ? 1 : 0, std::memory_order_release);
    }

private:
    static constexpr std::size_t kEntriesMin = 1024;
    static constexpr std::uint64_t kLogMin = 4u << 20;     // bytes
    struct SlotHeader {
        std::uint64_t number = 0, length = 0, crc = 0, pad[5] = {};
    };
    static_assert(sizeof(SlotHeader) == 64);
    struct EntryHeader {
        std::uint32_t length = 0, crc = 0;   // of the payload; of header (with 0 here) and payload
        std::uint16_t kind = 0, type = 0;
        std::uint32_t pad = 0;
        std::uint64_t conn = 0, number = 0, extra = 0, position = 0, delivery = 0, submitted = 0, submitted_sync = 0;
        std::uint64_t pad1 = 0;
    };
    static_assert(sizeof(EntryHeader) == 80);

    explicit Journal(ring::Memory memory);
    std::uint8_t* slot(std::uint64_t number) const { return memory_.data() + ring::kPage + (number & 1) * ring::kStateSlot; }
    static std::uint64_t log_start(std::uint64_t length) { return (sizeof(SlotHeader) + length + 63) / 64 * 64; }
    static std::uint32_t crc_of(EntryHeader header, ByteView payload);
    void take_measure(std::uint64_t snapshot_length);

    ring::Memory memory_;
    ring::StatePage* page_;
    std::uint64_t active_ = 0, log_at_ = 0, log_end_ = 0, log_max_ = 0;
    std::size_t entries_ = 0, entries_max_ = 0;
};

}  // namespace motet::worker
