// Resources of the machine against their limits, and what that and failed applications mean for the watchdog. Pure: values
// and time in, states and a verdict out. The keys are Corosync's (resources.system.*).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "libs/base/time.h"

namespace motet::sam {

enum class Resource : std::uint8_t { memory_used, load_15min };   // percent; processes that run or want to
inline constexpr std::size_t kResources = 2;
const char* name_of(Resource resource);

enum class Recovery : std::uint8_t { none, watchdog, shutdown, reboot };
std::optional<Recovery> parse_recovery(std::string_view text);

// What the holder of the watchdog device is told; the highest one wins.
enum class Verdict : std::uint8_t { feed, starve, shutdown, reboot };
const char* name_of(Verdict verdict);

enum class MonitorState : std::uint8_t { stopped, running, failed };
const char* name_of(MonitorState state);

struct MonitorSettings {
    std::optional<double> max;                // absent: nothing is watched
    Recovery recovery = Recovery::none;
    Duration poll_period = milliseconds(3000);
};

class Monitors {
public:
    // A changed limit is applied to the value at hand, at once.
    void configure(Resource resource, const MonitorSettings& settings);
    // Which resource is to be looked at now; then sample().
    bool due(Resource resource, Instant now) const;
    Instant deadline() const;
    void sample(Resource resource, std::optional<double> value, Instant now);   // nullopt: it could not be read

    MonitorState state(Resource resource) const { return at(resource).state; }
    double current(Resource resource) const { return at(resource).current; }
    Instant last_updated(Resource resource) const { return at(resource).updated; }
    const MonitorSettings& settings(Resource resource) const { return at(resource).settings; }
    Verdict verdict() const;

private:
    struct Monitor {
        MonitorSettings settings;
        MonitorState state = MonitorState::stopped;
        double current = 0;
        Instant updated{}, due{};
    };
    Monitor& at(Resource resource) { return monitors_[static_cast<std::size_t>(resource)]; }
    const Monitor& at(Resource resource) const { return monitors_[static_cast<std::size_t>(resource)]; }
    static void judge(Monitor& monitor);

    std::array<Monitor, kResources> monitors_;
};

// "MemTotal: ... MemAvailable: ..." of the kernel's meminfo, as percent in use; and the third number of its loadavg.
std::optional<double> memory_used_of(std::string_view meminfo);
std::optional<double> load_15min_of(std::string_view loadavg);

}  // namespace motet::sam
