// What caused an event: the inputs of a worker in their order. A successor that goes through the same inputs again knows by
// this which events a client has got.
#pragma once
#include <compare>
#include <cstdint>

namespace motet::ipc {

struct Cause {
    Cause() = default;
    Cause(std::uint64_t delivery_position, std::uint64_t journal_number = 0)
        : delivery(delivery_position), journal(journal_number) {}
    std::uint64_t delivery = 0;   // position in the delivery ring behind the last record taken
    std::uint64_t journal = 0;    // inputs written into the journal so far
    friend auto operator<=>(const Cause&, const Cause&) = default;
};

// An event of one client: its cause, and which of the events of this cause it is for this client, from 1.
struct EventKey {
    Cause cause;
    std::uint64_t count = 0;
    friend auto operator<=>(const EventKey&, const EventKey&) = default;
};

}  // namespace motet::ipc
