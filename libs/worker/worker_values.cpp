// What a worker publishes beside its engine's own values: itself, its clients, its messages.
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <string>

#include "libs/worker/worker.h"

namespace motet::worker {
namespace {

struct Known {
    const char* name;
    unsigned kinds;   // of messages between nodes
};
constexpr std::array<Known, 6> kKnown{{{"cmap", 1}, {"cfg", 5}, {"cpg", 7}, {"quorum", 0}, {"pload", 2}, {"votequorum", 4}}};

}  // namespace

void Traffic::values(metrics::ValueWriter& out) const {
    for (std::uint16_t service = 0; service < kKnown.size(); ++service) {
        if (!contains(services_, service)) continue;
        const std::string base = std::string("runtime.services.") + kKnown[service].name + ".";
        out.u16(base + "service_id", service);
        for (unsigned kind = 0; kind < kKnown[service].kinds; ++kind) {
            out.u64(base + std::to_string(kind) + ".tx", sent_[service][kind]);
            out.u64(base + std::to_string(kind) + ".rx", received_[service][kind]);
        }
    }
}

void Worker::publish_values(Instant now) {
    values_.begin();
    engine_->values(values_);
    traffic_.values(values_);
    const std::string base = "stats.worker." + name_ + ".";
    values_.u32(base + "pid", static_cast<std::uint32_t>(getpid()));
    values_.u64(base + "ring_used", started_.delivery.page()->head.load(std::memory_order_relaxed) - delivery_.tail());
    values_.u64(base + "backlog_bytes", clients_.backlog_bytes());
    values_.commit(now.ns);

    connections_.clear();
    const ServiceSet services = started_.settings.services;
    const auto first = services == 0 ? 0u : static_cast<std::uint32_t>(std::countr_zero(services));
    clients_.describe([&](const ipc::ClientValues& client) {
        metrics::ConnectionValues& values = connections_.emplace_back();
        values.id = client.id;
        values.pid = client.pid;
        const std::uint32_t service = engine_->service_of(client.id);
        values.service = service == Engine::kFirstService ? first : service;
        std::copy_n(client.process, sizeof values.process - 1, values.process);
        values.requests = client.requests;
        values.replies = client.replies;
        values.events = client.events;
        values.queued = static_cast<std::uint32_t>(client.queued);
        values.flow_control = client.lagging;
        values.flow_control_count = client.lags;
    });
    metrics::write_connections(metrics::connections_area(started_.status), connections_, closed_);
}

}  // namespace motet::worker
