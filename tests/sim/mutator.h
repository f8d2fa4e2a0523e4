// Where a run can be falsified on purpose, to prove that the oracle notices: between cores and observer, and at the
// edges of the cores. The default changes nothing.
#pragma once
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "tests/sim/observer.h"

namespace motet::sim {

// What the membership process tells the cpg worker, as it waits in the delivery ring.
struct FeedRecord {
    enum class Kind : std::uint8_t { sync_started, init, process, activate, abort, complete, message } kind;
    sync::Round round = 0;
    RingId ring{};
    std::vector<NodeId> members{}, continuing{};
    bool all_motet = false;
    NodeId from = 0;
    Bytes body{};
    bool foreign_order = false, of_predecessor = false;
    bool transitional = false;    // white box: Totem is in a transitional configuration
};

class Mutator {
public:
    virtual ~Mutator() = default;
    // Appends what the client is to have seen instead of `event`.
    virtual void seen(Seen event, std::vector<Seen>& out) { out.push_back(std::move(event)); }
    // False: the worker never gets it.
    virtual bool fed(NodeId, FeedRecord&) { return true; }
    // What really goes to Totem for a message of a client.
    virtual Guarantee submitted(NodeId, Guarantee guarantee) { return guarantee; }
};

}  // namespace motet::sim
