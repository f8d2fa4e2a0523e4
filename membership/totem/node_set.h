// A small set of nodes that remembers the order of insertion, as the lists of a join do.
#pragma once
#include <algorithm>

#include "libs/base/bounded_vector.h"
#include "libs/base/ids.h"

namespace motet::totem {

class NodeSet {
public:
    bool contains(NodeId node) const { return std::find(begin(), end(), node) != end(); }
    // False only if the set is full and the node not in it.
    bool add(NodeId node) { return contains(node) || nodes_.push(node); }
    void clear() { nodes_.clear(); }
    std::size_t size() const { return nodes_.size(); }
    const NodeId* begin() const { return nodes_.begin(); }
    const NodeId* end() const { return nodes_.end(); }

    bool contains_all(const NodeSet& other) const {
        return std::all_of(other.begin(), other.end(), [this](NodeId node) { return contains(node); });
    }
    bool same_as(const NodeSet& other) const { return size() == other.size() && contains_all(other); }

private:
    BoundedVector<NodeId, kNodesMax> nodes_;
};

}  // namespace motet::totem
