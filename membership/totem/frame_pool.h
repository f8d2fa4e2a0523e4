// Buffers of mcast frames. A frame is written once, on arrival or when its number is given, and stays where it is
// until every member has it: retransmission and delivery read the same bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/mcast.h"
#include "membership/totem/output.h"

namespace motet::totem {

struct Frame {
    NodeId from = 0;
    std::uint32_t seq = 0;
    bool encapsulated = false;
    bool safe = false;
    bool foreign_order = false;
    std::uint32_t size = 0, capacity = 0;
    std::unique_ptr<std::uint8_t[]> memory;
    std::vector<Tag> done;      // of an own frame: SendQueue::Cut::done

    ByteView bytes() const { return {memory.get(), size}; }
    ByteView body() const { return bytes().subspan(wire::kMcastHeaderSize); }
    std::span<std::uint8_t> writable() { return {memory.get(), capacity}; }
};
using FramePtr = std::unique_ptr<Frame>;

// Two sizes: what an Ethernet frame holds, and the largest of all. Of a large buffer only the pages that were
// written cost memory.
class FramePool {
public:
    FramePtr take(std::size_t size) {
        std::vector<FramePtr>& free = size <= kSmall ? small_ : large_;
        if (!free.empty()) {
            FramePtr frame = std::move(free.back());
            free.pop_back();
            frame->done.clear();
            return frame;
        }
        FramePtr frame = std::make_unique<Frame>();
        frame->capacity = static_cast<std::uint32_t>(size <= kSmall ? kSmall : wire::kFrameMax);
        frame->memory = std::make_unique_for_overwrite<std::uint8_t[]>(frame->capacity);
        return frame;
    }
    // Beyond the maximum of spare buffers memory goes back to the system.
    void give(FramePtr frame) {
        std::vector<FramePtr>& free = frame->capacity <= kSmall ? small_ : large_;
        if (free.size() < (frame->capacity <= kSmall ? kSmallSpareMax : kLargeSpareMax)) free.push_back(std::move(frame));
    }

private:
    static constexpr std::size_t kSmall = 2048;  // bytes
    static constexpr std::size_t kSmallSpareMax = 2048, kLargeSpareMax = 160;
    std::vector<FramePtr> small_, large_;
};

}  // namespace motet::totem
