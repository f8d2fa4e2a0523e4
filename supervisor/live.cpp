// Keys that a client has changed through cmap. The worker that serves cmap has checked them; its word is not taken for it.
#include <algorithm>

#include "libs/base/log.h"
#include "libs/config/changes.h"
#include "libs/config/live.h"
#include "supervisor/logging.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {

void Supervisor::on_live_keys(ByteView body) {
    if (state_.stopping()) return;
    const auto changes = config::decode_live(body);
    const config::Snapshot& running = start_.configuration.snapshot;
    const Result<config::Snapshot> fresh = changes ? config::with_changes(running, *changes) : error("it does not decode");
    if (!fresh) {
        MOTET_LOG(error, "a change of the configuration by a client is not put into force: %s", fresh.error().text.c_str());
        return;
    }
    const std::vector<config::Change> changed = config::changes(running, *fresh);
    if (changed.empty()) return;
    Result<Configuration> made = Configuration::of(*fresh);
    if (!made) {
        MOTET_LOG(error, "%s", made.error().text.c_str());
        return;
    }
    for (const config::Change& change : changed) MOTET_LOG(notice, "changed by a client: %s", config::describe(change).c_str());
    start_.configuration = std::move(*made);
    put_into_force();
    const int fds[] = {start_.configuration.file.get()};
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (!children_[i].started || !state_.has_links(i)) continue;   // a child that starts gets it with its start
        const control::Header header{.type = static_cast<std::uint32_t>(control::Type::config), .b = static_cast<std::uint64_t>(logging::level_of(plan_[i].program)), .c = 1};
        if (control::send(children_[i].control.get(), header, {}, fds)) continue;
        MOTET_LOG(error, "%s does not take the new configuration and is replaced", plan_[i].program);
        Actions actions;
        state_.on_broken(i, now_, actions);
        act(std::move(actions));
    }
}

}  // namespace motet::supervisor
