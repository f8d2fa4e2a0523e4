#include "supervisor/scheduling.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "supervisor/unique_fd.h"

namespace motet::supervisor {
namespace {

constexpr int kRealtimeDefault = 50;
constexpr int kNiceBest = -20, kNiceWorst = 19;
// Measured (docs/decisions/006): with the best value there is, membership takes the processor away from workers and clients in the
// middle of their batches; with the workers' value it waits for them.
constexpr int kMembershipNice = -10, kWorkerNice = -5;
constexpr int kThreadsMax = 64;     // of membership with eight links of knet there are about ten

int number_or(std::string_view text, int fallback) {
    int value = 0;
    const auto [end, why] = std::from_chars(text.data(), text.data() + text.size(), value);
    return why == std::errc() && end == text.data() + text.size() ? value : fallback;
}

}  // namespace

Scheduling scheduling_of(const config::Snapshot& snapshot) {
    Scheduling out;
    const std::string_view wanted = snapshot.get_or("system.priority", "");
    const std::string_view class_wanted = snapshot.get_or("system.sched_rr", "auto");
    if (class_wanted == "no") {
        out.real_time = Scheduling::RealTime::never;
        out.nice = wanted == "max" ? kNiceBest : wanted == "min" ? kNiceWorst : std::clamp(number_or(wanted, 0), kNiceBest, kNiceWorst);
        return out;
    }
    const int low = sched_get_priority_min(SCHED_RR), high = sched_get_priority_max(SCHED_RR);
    out.real_time = class_wanted == "yes" ? Scheduling::RealTime::always : Scheduling::RealTime::as_needed;
    out.priority = wanted == "max" ? high : wanted == "min" ? low : std::clamp(number_or(wanted, kRealtimeDefault), low, high);
    out.nice = kMembershipNice;
    out.worker_nice = kWorkerNice;
    return out;
}

bool realtime_permitted(int priority) {
    const sched_param realtime{.sched_priority = priority}, ordinary{.sched_priority = 0};
    if (sched_setscheduler(0, SCHED_RR, &realtime) != 0) return false;
    sched_setscheduler(0, SCHED_OTHER, &ordinary);
    return true;
}

void be_realtime(int priority) {
    const sched_param param{.sched_priority = priority};
    (void)!sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

std::optional<Urgency::Waits> waits_of(pid_t process) {
    const UniqueFd file(open(("/proc/" + std::to_string(process) + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC));
    char text[128];
    const ssize_t size = file ? read(file.get(), text, sizeof text - 1) : -1;
    if (size <= 0) return std::nullopt;
    text[size] = '\0';
    unsigned long long ran = 0, waited = 0, times = 0;
    if (std::sscanf(text, "%llu %llu %llu", &ran, &waited, &times) != 3) return std::nullopt;
    return Urgency::Waits{waited, times};
}

void set_realtime(pid_t process, int priority) {
    DIR* threads = opendir(("/proc/" + std::to_string(process) + "/task").c_str());
    if (threads == nullptr) return;
    const sched_param param{.sched_priority = priority};
    int n = 0;
    for (const dirent* entry = readdir(threads); entry != nullptr && n < kThreadsMax; entry = readdir(threads))
        if (const int thread = std::atoi(entry->d_name); thread > 0) {
            (void)!sched_setscheduler(thread, priority > 0 ? SCHED_RR : SCHED_OTHER, &param);
            ++n;
        }
    closedir(threads);
}

}  // namespace motet::supervisor
