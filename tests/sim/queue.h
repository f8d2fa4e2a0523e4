// Virtual time: what happens next. Events of one instant happen in the order in which they were scheduled.
#pragma once
#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/time.h"

namespace motet::sim {

using Frame = std::shared_ptr<const Bytes>;

struct Event {
    enum class Kind : std::uint8_t { frame, timer, worker, step, client, resume, poll } kind = Kind::poll;
    std::uint32_t node = 0;         // or client, or step
    std::uint64_t generation = 0;   // of the node or its timer; a stale one is ignored. 0: whoever is there
    Frame frame;
};

class EventQueue {
public:
    void at(Instant when, Event event) {
        if (when < now_) when = now_;
        std::uint32_t slot;
        if (free_.empty()) {
            slot = static_cast<std::uint32_t>(events_.size());
            events_.push_back(std::move(event));
        } else {
            slot = free_.back();
            free_.pop_back();
            events_[slot] = std::move(event);
        }
        heap_.push({when.ns, order_++, slot});
    }
    bool empty() const { return heap_.empty(); }
    Instant next() const { return Instant{heap_.top().ns}; }
    Event take() {
        const Item item = heap_.top();
        heap_.pop();
        now_ = Instant{item.ns};
        free_.push_back(item.slot);
        return std::move(events_[item.slot]);
    }
    Instant now() const { return now_; }

private:
    struct Item {
        std::int64_t ns;
        std::uint64_t order;
        std::uint32_t slot;
        bool operator<(const Item& other) const { return ns != other.ns ? ns > other.ns : order > other.order; }
    };
    std::priority_queue<Item> heap_;
    std::vector<Event> events_;
    std::vector<std::uint32_t> free_;
    std::uint64_t order_ = 0;
    Instant now_{};
};

}  // namespace motet::sim
