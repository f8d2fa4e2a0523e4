// Which send buffers are in use. Slots form a ring; the completion of a signalled send retires everything sent before it,
// because the completions of one queue pair come in order. A slot that is fanned out weighs one work request per target.
#pragma once
#include <cstdint>
#include <vector>

namespace motet::transport::rdma {

class SendSlots {
public:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    // `depth`: work requests the queue holds.
    SendSlots(std::uint32_t count, std::uint32_t depth) : weights_(count, 0), depth_(depth) {}

    // A slot for `weight` work requests; kNone: too many are on their way.
    std::uint32_t take(std::uint32_t weight) {
        if (in_use_ == size() || weight_ + weight > depth_) return kNone;
        const std::uint32_t slot = next_;
        next_ = (next_ + 1) % size();
        ++in_use_;
        weights_[slot] = weight;
        weight_ += weight;
        return slot;
    }
    // Shall the last work request of this slot, just taken, be signalled? In each quarter of the slots and of the queue one is.
    bool wants_signal(std::uint32_t slot) {
        ++slots_unsignalled_;
        unsignalled_ += weights_[slot];
        if (slots_unsignalled_ * 4 < size() && unsignalled_ * 4 < depth_) return false;
        slots_unsignalled_ = unsignalled_ = 0;
        ++signals_;
        return true;
    }
    // The last slot taken is not sent after all; wants_signal() was not asked for it.
    void give_back() {
        next_ = (next_ + size() - 1) % size();
        --in_use_;
        weight_ -= weights_[next_];
    }
    // A signalled send from this slot is complete. False: nothing like that is under way.
    bool retire(std::uint32_t slot) {
        if (slot >= size() || signals_ == 0) return false;
        const std::uint32_t oldest = (next_ + size() - in_use_) % size();
        const std::uint32_t count = (slot + size() - oldest) % size() + 1;
        if (count > in_use_) return false;
        for (std::uint32_t i = 0; i < count; ++i) weight_ -= weights_[(oldest + i) % size()];
        in_use_ -= count;
        --signals_;
        return true;
    }
    // Slots are in use and no completion will ever free them.
    bool stuck() const { return in_use_ != 0 && signals_ == 0; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(weights_.size()); }
    std::uint32_t in_use() const { return in_use_; }

private:
    std::vector<std::uint32_t> weights_;
    std::uint32_t depth_, next_ = 0, in_use_ = 0, weight_ = 0;
    std::uint32_t slots_unsignalled_ = 0, unsignalled_ = 0, signals_ = 0;
};

}  // namespace motet::transport::rdma
