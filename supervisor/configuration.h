// Getting a validated configuration: motet-config, a short-lived sandboxed child, writes the snapshot into a memory file
// that is sealed before anybody reads it. No configuration is parsed here.
#pragma once
#include <string>
#include <vector>

#include "libs/base/time.h"
#include "libs/config/snapshot.h"
#include "supervisor/spawn.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

struct Configuration {
    config::Snapshot snapshot;
    UniqueFd file;                       // sealed, read-only; handed to every child
    std::vector<std::string> warnings;   // "file:line:column: reason", one line each
    // One that was not read from a file.
    static Result<Configuration> of(config::Snapshot snapshot);
    template <class Archive>
    void transfer(Archive& a) {
        a(file, warnings);
        if (a.reading()) read_file();    // on failure the snapshot stays empty
    }

private:
    void read_file();
};

// One run of motet-config.
class ConfigurationRun {
public:
    static constexpr Duration kLimit = seconds(10);

    // `running`: the encoded snapshot of the node that is to take the new one over while it runs; empty at the start.
    static Result<ConfigurationRun> begin(const std::string& libexec, const std::string& file, const std::string& node, Instant now,
                                          ByteView running = {});
    ConfigurationRun(ConfigurationRun&&) = default;
    ConfigurationRun& operator=(ConfigurationRun&&) = default;

    int pidfd() const { return process_.pidfd.get(); }
    int errors_fd() const { return process_.errors.get(); }
    void read_errors();                  // when errors_fd() is readable
    Instant deadline() const { return deadline_; }
    void give_up();                      // past the deadline

    enum class State { running, good, bad };
    State look();                        // when pidfd() is readable
    // After bad: what motet-config said, one line per problem; at least one.
    const std::vector<std::string>& problems() const { return lines_; }
    Configuration take() { return std::move(result_); }

private:
    ConfigurationRun() = default;
    Status finish();

    std::string file_;
    Process process_;
    UniqueFd memory_;
    Instant deadline_{};
    bool late_ = false;
    std::string text_;
    std::vector<std::string> lines_;
    Configuration result_;
};

// A line of motet-config, at the level it has.
void log_problem(const std::string& line);

// The whole run at once, for the start. `problems` are its lines, warnings too.
Result<Configuration> read_configuration(const std::string& libexec, const std::string& file, const std::string& node,
                                         std::vector<std::string>& problems);

}  // namespace motet::supervisor
