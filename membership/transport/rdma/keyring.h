// The keys of the cluster that a node accepts: the one it sends with and, while that is being replaced, the other one. Each has a slot,
// by which links keep what they have derived from it.
#pragma once
#include <array>
#include <optional>
#include <utility>

#include "membership/transport/rdma/seal.h"

namespace motet::transport::rdma {

class Keyring {
public:
    static constexpr unsigned kSlots = 2;

    explicit Keyring(Secret secret) { slots_[0] = std::move(secret); }

    // Null: the slot is empty.
    const Secret* at(unsigned slot) const { return slots_[slot] ? &*slots_[slot] : nullptr; }
    unsigned sending() const { return sending_; }
    unsigned other() const { return 1 - sending_; }
    // True: the other key is newer than the one that is sent with.
    bool fresh() const { return fresh_; }

    // Beside the one in use, in the slot other().
    Status install(Secret secret) {
        if (at(other()) != nullptr) return error("another key is being switched to already; finish that first");
        slots_[other()] = std::move(secret);
        fresh_ = true;
        return Done{};
    }
    Status use_installed() {
        if (!fresh_) return error("there is no new key to switch to");
        sending_ = other();
        fresh_ = false;
        return Done{};
    }
    void forget_other() {
        slots_[other()].reset();
        fresh_ = false;
    }

private:
    std::array<std::optional<Secret>, kSlots> slots_;
    unsigned sending_ = 0;
    bool fresh_ = false;
};

}  // namespace motet::transport::rdma
