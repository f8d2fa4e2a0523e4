// Frames of one ring by number: a window of 16384 consecutive numbers, each in its slot. What is below the window
// has been delivered everywhere and freed; what is above it does not fit yet.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "libs/wire/seq.h"
#include "membership/totem/frame_pool.h"

namespace motet::totem {

class SortQueue {
public:
    static constexpr std::uint32_t kSlots = 16384;  // QUEUE_RTR_ITEMS_SIZE_MAX of Corosync

    explicit SortQueue(FramePool& pool) : pool_(pool), slots_(kSlots) {}

    // Empties the window and moves it: `base` becomes its lowest number.
    void reset(std::uint32_t base) {
        for (std::uint32_t i = 0; i < kSlots && count_ > 0; ++i) drop(slots_[i]);
        for (Slot& slot : slots_) slot.misses = 0;
        base_ = base;
    }
    std::uint32_t base() const { return base_; }
    // The highest number that was freed.
    std::uint32_t released() const { return base_ - 1; }
    bool covers(std::uint32_t seq) const { return seq - base_ < kSlots; }

    const Frame* find(std::uint32_t seq) const {
        return covers(seq) ? slots_[seq % kSlots].frame.get() : nullptr;
    }
    // The frame's number must be covered and its slot empty.
    const Frame& insert(FramePtr frame) {
        Slot& slot = slots_[frame->seq % kSlots];
        slot.frame = std::move(frame);
        slot.misses = 0;
        ++count_;
        return *slot.frame;
    }
    // Visits at which the frame was noticed to be missing; `seq` must be covered.
    std::uint32_t count_miss(std::uint32_t seq) { return ++slots_[seq % kSlots].misses; }

    void free_up_to(std::uint32_t seq) {
        if (wire::seq_lt(seq, base_)) return;
        for (std::uint32_t left = seq - base_ < kSlots ? seq - base_ + 1 : 0; left > 0; --left, ++base_) {
            drop(slots_[base_ % kSlots]);
            slots_[base_ % kSlots].misses = 0;
        }
    }
    std::uint32_t count() const { return count_; }

private:
    struct Slot {
        FramePtr frame;
        std::uint32_t misses = 0;
    };
    void drop(Slot& slot) {
        if (!slot.frame) return;
        pool_.give(std::move(slot.frame));
        --count_;
    }

    FramePool& pool_;
    std::vector<Slot> slots_;
    std::uint32_t base_ = 1;
    std::uint32_t count_ = 0;
};

}  // namespace motet::totem
