// Whether the node deserves its watchdog: what motet-sam has published last, and how long ago. Of its page the first words are
// compared with four that are known; nothing of it is parsed.
#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "libs/base/log.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {
namespace {

constexpr std::string_view kBegin = "{\"watchdog\":\"";
constexpr std::size_t kNowhere = ~std::size_t{0};

std::size_t find_sam(const Plan& plan) {
    for (std::size_t i = 0; i < plan.size(); ++i)
        if (std::string_view(plan[i].name) == "sam" && plan[i].path == nullptr) return i;
    return kNowhere;
}

bool configured(const config::Snapshot& configuration, std::string_view recovery) {
    return configuration.get_or("resources.system.memory_used.recovery", "") == recovery ||
           configuration.get_or("resources.system.load_15min.recovery", "") == recovery;
}

}  // namespace

void Supervisor::configure_watchdog() {
    const config::Snapshot& configuration = start_.configuration.snapshot;
    const std::string device(configuration.get_or("resources.watchdog_device", "off"));
    const bool before = device_.armed();
    const Status done = device_.configure(device, seconds(static_cast<std::int64_t>(configuration.number_or("resources.watchdog_timeout", 6))), now_);
    if (!done) MOTET_LOG(error, "%s", done.error().text.c_str());
    if (device_.armed() && !before) MOTET_LOG(notice, "the watchdog %s is armed: without feeding it resets the machine after %lld s", device.c_str(),
                                              static_cast<long long>(device_.timeout().ms() / 1000));
}

// What motet-sam says of the node; nothing where it has said nothing for as long as the device waits.
std::string Supervisor::verdict() const {
    const std::size_t sam = find_sam(plan_);
    const std::optional<metrics::StatusText> page = sam == kNowhere ? std::nullopt : children_[sam].page.read();
    if (!page || !page->text.starts_with(kBegin)) return {};
    const Duration age = loop::monotonic_now() - Instant{page->written_ns};
    if (device_.armed() ? age >= device_.timeout() : age >= seconds(6)) return {};
    const std::string_view said = std::string_view(page->text).substr(kBegin.size(), 16);
    for (const std::string_view known : {"feed", "starve", "shutdown", "reboot"})
        if (said.starts_with(std::string(known) + "\"")) return std::string(known);
    return {};
}

void Supervisor::feed_watchdog() {
    // What has just begun is given the time to say that it is well.
    const bool beginning = now_ - started_at_ < device_.timeout();
    const std::string said = verdict();
    const bool healthy = said == "feed" || (said.empty() && beginning) || state_.stopping();
    if (!healthy && !device_.starving())
        MOTET_LOG(error, "the watchdog is not fed any more: motet-sam says %s. The machine is reset after %lld s unless that changes.",
                  said.empty() ? "nothing" : said.c_str(), static_cast<long long>(device_.timeout().ms() / 1000));
    if (healthy && device_.starving()) MOTET_LOG(notice, "the watchdog is fed again");
    if (const Status fed = device_.feed(healthy, now_); !fed) MOTET_LOG(error, "%s", fed.error().text.c_str());
}

// Recoveries that need no device. Only what the configuration asks for is done, whatever motet-sam says.
void Supervisor::obey_verdict() {
    if (state_.stopping() || verdict_obeyed_) return;
    const std::string said = verdict();
    const config::Snapshot& configuration = start_.configuration.snapshot;
    if (said == "shutdown" && configured(configuration, "shutdown")) {
        verdict_obeyed_ = true;
        stop_with(kExitOk, "a resource of the machine is beyond its limit and its recovery is shutdown");
    } else if (said == "reboot" && configured(configuration, "reboot")) {
        verdict_obeyed_ = true;
        MOTET_LOG(error, "a resource of the machine is beyond its limit and its recovery is reboot");
        sync();
        if (reboot(RB_AUTOBOOT) != 0) MOTET_LOG(error, "reboot: %s. Reboot this machine by hand.", std::strerror(errno));
    }
}

}  // namespace motet::supervisor
