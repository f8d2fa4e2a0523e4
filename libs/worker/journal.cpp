#include "libs/worker/journal.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "libs/base/crash_point.h"
#include "libs/base/crc32c.h"

namespace motet::worker {
namespace {

constexpr std::uint64_t kStateVersion = 1;
constexpr std::uint64_t kKeepTouched = 1u << 20;   // of the slot that is out of force; the rest goes back to the system

ByteView bytes_of(const auto& value) { return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value}; }

}  // namespace

Journal::Journal(ring::Memory memory)
    : memory_(std::move(memory)), page_(reinterpret_cast<ring::StatePage*>(memory_.data())) {}

Result<Journal> Journal::map(int fd) {
    Result<ring::Memory> memory = ring::Memory::map(fd, ring::kStateSize, true);
    if (!memory) return error("state segment: %s", memory.error().text.c_str());
    Journal journal(std::move(*memory));
    const std::uint64_t active = journal.page_->active.load();
    if (active == 0) return journal;
    // Where appending goes on; read() looks at what is there.
    SlotHeader header;
    std::memcpy(&header, journal.slot(active), sizeof header);
    if (header.length > ring::kStateSlot / 2) return error("state segment: a snapshot of impossible length");
    journal.active_ = active;
    journal.take_measure(header.length);
    journal.log_end_ = journal.page_->log_end[active & 1].load();
    if (journal.log_end_ > ring::kStateSlot - journal.log_at_) return error("state segment: a journal of impossible length");
    return journal;
}

void Journal::take_measure(std::uint64_t snapshot_length) {
    log_at_ = log_start(snapshot_length);
    log_max_ = std::max(kLogMin, snapshot_length);
    entries_max_ = std::max<std::size_t>(kEntriesMin, snapshot_length / 64);
    log_end_ = 0;
    entries_ = 0;
}

std::uint32_t Journal::crc_of(EntryHeader header, ByteView payload) {
    header.crc = 0;
    return crc32c(payload, crc32c(bytes_of(header)));
}

Result<std::optional<Journal::Kept>> Journal::read() const {
    if (active_ == 0) return std::optional<Kept>();
    if (std::memcmp(page_->magic, ring::kStateMagic, sizeof page_->magic) != 0 || page_->version != kStateVersion)
        return error("state segment: written by another version");
    const std::uint8_t* at = slot(active_);
    SlotHeader header;
    std::memcpy(&header, at, sizeof header);
    Kept kept;
    kept.snapshot = {at + sizeof header, header.length};
    if (header.number != active_ || crc32c(kept.snapshot) != header.crc) return error("state segment: the snapshot is damaged");
    const ByteView log{at + log_at_, log_end_};
    for (std::uint64_t from = 0; from != log_end_;) {
        EntryHeader entry;
        if (log_end_ - from < sizeof entry) return error("state segment: the journal is cut short");
        std::memcpy(&entry, log.data() + from, sizeof entry);
        if (log_end_ - from - sizeof entry < entry.length) return error("state segment: the journal is cut short");
        const ByteView payload = log.subspan(from + sizeof entry, entry.length);
        if (crc_of(entry, payload) != entry.crc) return error("state segment: an entry of the journal is damaged");
        kept.entries.push_back({.kind = static_cast<ring::Marker>(entry.kind),
                                .type = entry.type,
                                .conn = entry.conn,
                                .number = entry.number,
                                .extra = entry.extra,
                                .position = entry.position,
                                .delivery = entry.delivery,
                                .submitted = entry.submitted,
                                .submitted_sync = entry.submitted_sync,
                                .payload = payload});
        from = std::min((from + sizeof entry + entry.length + 15) / 16 * 16, log_end_);
    }
    return std::optional<Kept>(std::move(kept));
}

std::optional<ByteView> Journal::append(const Entry& entry) {
    const std::uint64_t span = (sizeof(EntryHeader) + entry.payload.size() + 15) / 16 * 16;
    if (active_ == 0 || ring::kStateSlot - log_at_ - log_end_ < span) return std::nullopt;
    EntryHeader header{.length = static_cast<std::uint32_t>(entry.payload.size()),
                       .kind = static_cast<std::uint16_t>(entry.kind),
                       .type = entry.type,
                       .conn = entry.conn,
                       .number = entry.number,
                       .extra = entry.extra,
                       .position = entry.position,
                       .delivery = entry.delivery,
                       .submitted = entry.submitted,
                       .submitted_sync = entry.submitted_sync};
    std::uint8_t* to = slot(active_) + log_at_ + log_end_;
    std::uint8_t* payload = to + sizeof header;
    // Copied first and summed up there: what is checked later is what was written, though a client may change the original.
    if (!entry.payload.empty()) std::memcpy(payload, entry.payload.data(), entry.payload.size());
    const ByteView copy{payload, entry.payload.size()};
    header.crc = crc_of(header, copy);
    std::memcpy(to, &header, sizeof header);
    log_end_ += span;
    ++entries_;
    crash_point("journal: before an entry counts");
    page_->log_end[active_ & 1].store(log_end_, std::memory_order_release);
    return copy;
}

bool Journal::replace(ByteView first, ByteView second) {
    const std::uint64_t length = first.size() + second.size();
    if (length > ring::kStateSlot / 2) return false;
    if (active_ == 0) {
        std::memcpy(page_->magic, ring::kStateMagic, sizeof page_->magic);
        page_->version = kStateVersion;
    }
    const std::uint64_t used = log_at_ + log_end_, old = active_;
    const std::uint64_t number = active_ + 1 == 0 ? 2 : active_ + 1;
    std::uint8_t* to = slot(number);
    const SlotHeader header{.number = number, .length = length, .crc = crc32c(second, crc32c(first))};
    std::memcpy(to, &header, sizeof header);
    if (!first.empty()) std::memcpy(to + sizeof header, first.data(), first.size());
    if (!second.empty()) std::memcpy(to + sizeof header + first.size(), second.data(), second.size());
    page_->log_end[number & 1].store(0, std::memory_order_release);
    crash_point("journal: before a snapshot counts");
    page_->active.store(number, std::memory_order_release);
    active_ = number;
    take_measure(length);
    if (old != 0 && used > kKeepTouched)
        memory_.discard(ring::kPage + (old & 1) * ring::kStateSlot + kKeepTouched, used - kKeepTouched);
    return true;
}

}  // namespace motet::worker
