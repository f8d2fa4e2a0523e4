// Bytes in the order of their arrival, kept in chunks and addressed by offsets that only grow. A reader may go
// back as far as nothing was released.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "libs/base/bytes.h"

namespace motet::totem {

class ByteFifo {
public:
    std::uint64_t begin() const { return begin_; }
    std::uint64_t end() const { return end_; }

    void append(ByteView bytes) {
        while (!bytes.empty()) {
            const std::size_t at = end_ % kChunk;
            if (at == 0) chunks_.push_back(new_chunk());
            const std::size_t n = std::min(bytes.size(), kChunk - at);
            std::memcpy(chunks_.back().get() + at, bytes.data(), n);
            bytes = bytes.subspan(n);
            end_ += n;
        }
    }
    void copy(std::uint64_t from, std::span<std::uint8_t> to) const {
        while (!to.empty()) {
            const std::size_t at = from % kChunk, n = std::min(to.size(), kChunk - at);
            std::memcpy(to.data(), chunk(from) + at, n);
            to = to.subspan(n);
            from += n;
        }
    }
    void store(std::uint64_t at, std::uint8_t value) { chunk(at)[at % kChunk] = value; }

    // Forgets everything before `to`, which is at most end().
    void release(std::uint64_t to) {
        for (std::uint64_t first = begin_ / kChunk; first < to / kChunk; ++first) {
            if (spare_.size() < kSpareMax) spare_.push_back(std::move(chunks_.front()));
            chunks_.pop_front();
        }
        begin_ = to;
    }
    // Forgets everything from `to` on, which is at least begin().
    void truncate(std::uint64_t to) {
        const std::uint64_t keep = (to + kChunk - 1) / kChunk - begin_ / kChunk;
        while (chunks_.size() > keep) {
            if (spare_.size() < kSpareMax) spare_.push_back(std::move(chunks_.back()));
            chunks_.pop_back();
        }
        end_ = to;
    }

private:
    static constexpr std::size_t kChunk = 65536;   // bytes
    static constexpr std::size_t kSpareMax = 32;   // chunks kept for reuse
    using Chunk = std::unique_ptr<std::uint8_t[]>;

    Chunk new_chunk() {
        if (spare_.empty()) return std::make_unique_for_overwrite<std::uint8_t[]>(kChunk);
        Chunk chunk = std::move(spare_.back());
        spare_.pop_back();
        return chunk;
    }
    std::uint8_t* chunk(std::uint64_t at) const { return chunks_[at / kChunk - begin_ / kChunk].get(); }

    std::deque<Chunk> chunks_;
    std::vector<Chunk> spare_;
    std::uint64_t begin_ = 0, end_ = 0;
};

}  // namespace motet::totem
