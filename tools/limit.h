// No tool waits for ever: calls of the client libraries have no time limit of their own, so a guard counts beside them. When
// the time is up it asks the supervisor which process is silent, says so in one line, and ends the tool with status 1.
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace motet::tools {

// From construction to destruction. `patience_ms`: after that, if some process is silent; after `most_ms` in any case. `tool`
// stands before the line.
class Limit {
public:
    static constexpr int kPatience_ms = 1800, kMost_ms = 2500;

    explicit Limit(std::string tool, int patience_ms = kPatience_ms, int most_ms = kMost_ms);
    ~Limit();
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;

private:
    void watch(int patience_ms, int most_ms);

    const std::string tool_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

// $MOTET_RUNTIME_DIR (not in set-uid programs), else the built-in one.
std::string runtime_dir();

// "motet-cpg has been silent for 2 s", of all processes that are; "" if none is.
std::string who_is_silent(const std::string& runtime_dir, int limit_ms);

}  // namespace motet::tools
