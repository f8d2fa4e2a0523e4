// Items lie back to back, 16 bytes apart at least, across the borders of chunks. An item counts once `backlog_head` is behind
// it; `backlog_tail` moves when what was popped has been published in the ring.
#include "libs/ipc/backlog.h"

#include <algorithm>
#include <cstring>

#include "libs/base/crash_point.h"

namespace motet::ipc {

Backlog::Backlog(Overflow& overflow, std::uint64_t conn, ring::SegmentPage* page)
    : overflow_(overflow), conn_(conn), page_(page), head_(page->backlog_head.load()), read_(page->backlog_tail.load()) {
    take_up();
}

void Backlog::take_up() {
    const std::uint64_t first = read_ / Overflow::kChunk, end = (head_ + Overflow::kChunk - 1) / Overflow::kChunk;
    for (const Overflow::Chunk& chunk : overflow_.claim(conn_)) {
        // Given back, or taken for an item that never came to count.
        if (read_ == head_ || chunk.index < first || chunk.index >= end)
            overflow_.free(chunk);
        else
            chunks_.push_back(chunk);
    }
    intact_ = read_ <= head_ && (read_ == head_ || chunks_.size() == end - first);
    for (std::size_t i = 0; intact_ && i < chunks_.size(); ++i) intact_ = chunks_[i].index == first + i;
    for (std::uint64_t at = read_; intact_ && at != head_;) {
        intact_ = head_ - at >= kHeader;
        if (!intact_) break;
        const Header header = header_at(at);
        intact_ = header.length <= kItemMax && cost_of(header.length) <= head_ - at;
        last_ = {{header.delivery, header.journal}, header.count};
        at += cost_of(header.length);
    }
    if (!intact_) clear();
}

std::uint8_t* Backlog::at(std::uint64_t position) const {
    const Overflow::Chunk& chunk = chunks_[position / Overflow::kChunk - chunks_.front().index];
    return overflow_.data(chunk) + position % Overflow::kChunk;
}

// Items begin at multiples of 16 and so may a header cross a border.
Backlog::Header Backlog::header_at(std::uint64_t position) const {
    Header header;
    auto* to = reinterpret_cast<std::uint8_t*>(&header);
    for (std::size_t done = 0; done < kHeader;) {
        const std::size_t part = std::min<std::size_t>(kHeader - done, Overflow::kChunk - (position + done) % Overflow::kChunk);
        std::memcpy(to + done, at(position + done), part);
        done += part;
    }
    return header;
}

void Backlog::write(std::uint64_t position, ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t part = std::min<std::size_t>(bytes.size(), Overflow::kChunk - position % Overflow::kChunk);
        std::memcpy(at(position), bytes.data(), part);
        bytes = bytes.subspan(part);
        position += part;
    }
}

bool Backlog::reserve(std::uint64_t end) {
    std::uint64_t next = chunks_.empty() ? head_ / Overflow::kChunk : chunks_.back().index + 1;
    for (; next * Overflow::kChunk < end; ++next) {
        Overflow::Chunk chunk;
        if (!overflow_.allocate(conn_, next, chunk)) return false;
        chunks_.push_back(chunk);
    }
    return true;
}

bool Backlog::append(std::uint16_t type, const EventKey& key, std::span<const ByteView> pieces, std::size_t length) {
    if (!reserve(head_ + cost_of(length))) return false;
    const Header header{.length = static_cast<std::uint32_t>(length),
                        .type = type,
                        .delivery = key.cause.delivery,
                        .journal = key.cause.journal,
                        .count = key.count};
    write(head_, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
    std::uint64_t to = head_ + kHeader;
    for (const ByteView piece : pieces) {
        write(to, piece);
        to += piece.size();
    }
    head_ += cost_of(length);
    crash_point("backlog: before an item counts");
    page_->backlog_head.store(head_, std::memory_order_release);
    crash_point("backlog: behind an item");
    return true;
}

Backlog::Item Backlog::front() const {
    const Header header = header_at(read_);
    Item item;
    item.type = header.type;
    item.key = {{header.delivery, header.journal}, header.count};
    item.length = header.length;
    std::uint64_t from = read_ + kHeader;
    for (std::size_t left = header.length; left > 0;) {
        const std::size_t part = std::min<std::size_t>(left, Overflow::kChunk - from % Overflow::kChunk);
        item.parts[item.count++] = {at(from), part};
        from += part;
        left -= part;
    }
    return item;
}

void Backlog::pop() { read_ += cost_of(header_at(read_).length); }

void Backlog::settle() {
    if (page_->backlog_tail.load(std::memory_order_relaxed) == read_) return;
    crash_point("backlog: before its end moves");
    page_->backlog_tail.store(read_, std::memory_order_release);
    crash_point("backlog: before chunks are given back");
    release(read_);
}

void Backlog::release(std::uint64_t before) {
    // Empty, it goes on with a fresh chunk where it ended.
    while (!chunks_.empty() && (read_ == head_ || (chunks_.front().index + 1) * Overflow::kChunk <= before)) {
        overflow_.free(chunks_.front());
        chunks_.pop_front();
    }
}

void Backlog::clear() {
    read_ = head_;
    page_->backlog_tail.store(read_, std::memory_order_release);
    for (const Overflow::Chunk& chunk : chunks_) overflow_.free(chunk);
    chunks_.clear();
}

}  // namespace motet::ipc
