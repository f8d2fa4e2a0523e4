// The table in front of the chunks says whose each one is. It is looked through once, when a successor maps the segment.
#include "libs/ipc/overflow.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "libs/base/assert.h"

namespace motet::ipc {

static_assert(Overflow::kTable >= Overflow::kChunks * 16);

Overflow::Overflow(ring::Memory memory) : memory_(std::move(memory)) {
    for (std::uint32_t n = 0; memory_.shared() && n < kChunks; ++n) {
        const std::uint64_t conn = owner(n).conn.load(std::memory_order_acquire);
        if (conn != 0) found_[conn].push_back({owner(n).index.load(), n});
    }
    cold_.reserve(kChunks);
    std::vector<bool> taken(kChunks);
    for (const auto& [conn, chunks] : found_)
        for (const Chunk& chunk : chunks) taken[chunk.number] = true;
    for (std::uint32_t n = kChunks; n-- > 0;)
        if (!taken[n]) cold_.push_back(n);
}

Result<Overflow> Overflow::map(int fd) {
    Result<ring::Memory> memory = ring::Memory::map(fd, kSize, true);
    if (!memory) return memory.error();
    return Overflow(std::move(*memory));
}

Overflow Overflow::anonymous() {
    Result<ring::Memory> memory = ring::Memory::anonymous(kSize);
    MOTET_ASSERT(static_cast<bool>(memory), "no address space for %llu bytes", static_cast<unsigned long long>(kSize));
    return Overflow(std::move(*memory));
}

std::vector<Overflow::Chunk> Overflow::claim(std::uint64_t conn) {
    const auto found = found_.find(conn);
    if (found == found_.end()) return {};
    std::vector<Chunk> chunks = std::move(found->second);
    found_.erase(found);
    std::sort(chunks.begin(), chunks.end(), [](const Chunk& a, const Chunk& b) { return a.index < b.index; });
    return chunks;
}

void Overflow::free_unclaimed() {
    for (const auto& [conn, chunks] : std::exchange(found_, {}))
        for (const Chunk& chunk : chunks) free(chunk);
}

bool Overflow::allocate(std::uint64_t conn, std::uint64_t index, Chunk& out) {
    std::vector<std::uint32_t>& from = warm_.empty() ? cold_ : warm_;
    if (from.empty()) return false;
    out = {index, from.back()};
    from.pop_back();
    owner(out.number).index.store(index, std::memory_order_release);
    owner(out.number).conn.store(conn, std::memory_order_release);
    return true;
}

void Overflow::free(const Chunk& chunk) {
    owner(chunk.number).conn.store(0, std::memory_order_release);
    if (warm_.size() < kWarmMax) return warm_.push_back(chunk.number);
    memory_.discard(kTable + chunk.number * kChunk, kChunk);
    cold_.push_back(chunk.number);
}

}  // namespace motet::ipc
