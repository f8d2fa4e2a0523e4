#include "tools/limit.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tools/motetctl_request.h"

namespace motet::tools {
namespace {

// A process publishes its page at least every second.
constexpr std::int64_t kSilent_ms = 1300;
constexpr int kAsk_ms = 400;   // of the supervisor

}  // namespace

std::string runtime_dir() {
    const char* given = getauxval(AT_SECURE) == 0 ? getenv("MOTET_RUNTIME_DIR") : nullptr;
    return given != nullptr && *given != '\0' ? given : MOTET_RUNDIR;
}

std::string who_is_silent(const std::string& runtime_dir, int limit_ms) {
    const Result<ctl::Answer> answer = ctl::ask(runtime_dir, "status", limit_ms);
    if (!answer) return answer.error().text;
    std::string out;
    for (const auto& [name, section] : *answer) {
        if (name == "supervisor" || (section.age_ms >= 0 && section.age_ms < kSilent_ms)) continue;
        out += (out.empty() ? "" : ", ") + std::string("motet-") + name +
               (section.age_ms < 0 ? " does not run" : " has been silent for " + std::to_string(section.age_ms) + " ms");
    }
    return out;
}

Limit::Limit(std::string tool, int patience_ms, int most_ms) : tool_(std::move(tool)), thread_([this, patience_ms, most_ms] { watch(patience_ms, most_ms); }) {}

Limit::~Limit() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    ended_.notify_all();
    thread_.join();
}

void Limit::watch(int patience_ms, int most_ms) {
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count(); };
    for (int next_ms = patience_ms;; next_ms += 500) {
        {
            std::unique_lock lock(mutex_);
            if (ended_.wait_until(lock, begin + std::chrono::milliseconds(next_ms), [this] { return over_; })) return;
        }
        const std::string silent = who_is_silent(runtime_dir(), kAsk_ms);
        const bool late = passed() >= most_ms;
        if (silent.empty() && !late) continue;
        const std::lock_guard lock(mutex_);
        if (over_) return;
        std::fflush(stdout);
        std::fprintf(stderr, "%s: no answer within %.1f s: %s\n", tool_.c_str(), static_cast<double>(passed()) / 1000.0,
                     silent.empty() ? "no process is silent; see motetctl status" : silent.c_str());
        std::fflush(stderr);
        _exit(1);
    }
}

}  // namespace motet::tools
