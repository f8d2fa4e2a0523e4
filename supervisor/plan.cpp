#include "supervisor/plan.h"

#include "libs/config/services.h"

namespace motet::supervisor {

Result<Plan> Plan::make(const config::Snapshot& configuration) {
    Plan plan;
    const Result<std::vector<config::ForeignService>> services = config::foreign_services(configuration);
    if (!services) return services.error();
    for (const config::ForeignService& s : *services)
        plan.rows_.push_back({.name = plan.keep(s.name),
                              .program = plan.keep(s.program.substr(s.program.rfind('/') + 1)),
                              .services = service_set(s.id),
                              .socket = plan.keep(s.name + ".sock"),
                              .user = plan.keep(s.user),
                              .path = plan.keep(s.program)});
    if (const auto where = configuration.get("metrics.listen"))
        plan.rows_.push_back({.name = "metrics", .program = "motet-metrics", .services = 0, .socket = nullptr, .user = "motet-metrics", .listen = plan.keep(std::string(*where))});
    return plan;
}

std::string Plan::own_names() {
    std::string out;
    for (const ChildPlan& row : kChildren) out += (out.empty() ? "" : ",") + std::string(row.name);
    return out;
}

}  // namespace motet::supervisor
