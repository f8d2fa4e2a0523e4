// Items lie back to back in large chunks: one allocation per quarter of a MiB, and memory goes back as it drains.
#include "libs/ipc/backlog.h"

#include <cstring>

namespace motet::ipc {
namespace {

struct Header {
    std::uint32_t length = 0;
    std::uint16_t type = 0;
    std::uint16_t unused = 0;
    std::uint64_t cause = 0;
};

}  // namespace

void Backlog::append(std::uint16_t type, std::uint64_t cause, std::span<const ByteView> pieces, std::size_t length) {
    static_assert(sizeof(Header) == kHeader);
    const std::size_t cost = cost_of(length);
    if (chunks_.empty() || chunks_.back().size - chunks_.back().used < cost) {
        const std::size_t size = std::max(cost, kChunk);
        chunks_.push_back({.data = std::make_unique_for_overwrite<std::uint8_t[]>(size), .size = size});
    }
    Chunk& chunk = chunks_.back();
    std::uint8_t* to = chunk.data.get() + chunk.used;
    const Header header{.length = static_cast<std::uint32_t>(length), .type = type, .cause = cause};
    std::memcpy(to, &header, sizeof header);
    to += sizeof header;
    for (const ByteView piece : pieces) {
        if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
        to += piece.size();
    }
    chunk.used += cost;
    bytes_ += cost;
}

Backlog::Item Backlog::front() const {
    const Chunk& chunk = chunks_.front();
    const std::uint8_t* at = chunk.data.get() + chunk.read;
    Header header;
    std::memcpy(&header, at, sizeof header);
    return {.type = header.type, .cause = header.cause, .payload = {at + sizeof header, header.length}};
}

void Backlog::pop() {
    Chunk& chunk = chunks_.front();
    const std::size_t cost = cost_of(front().payload.size());
    chunk.read += cost;
    bytes_ -= cost;
    if (chunk.read == chunk.used) chunks_.pop_front();
}

}  // namespace motet::ipc
