// The supervisor itself: one thread, one loop. What shall happen is decided in state.*; here it is done, with descriptors,
// messages and signals. It takes no decision about clusters and parses nothing but fixed-size messages of its children.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/control/control.h"
#include "libs/loop/loop.h"
#include "libs/metrics/status_page.h"
#include "supervisor/access.h"
#include "supervisor/child.h"
#include "supervisor/configuration.h"
#include "supervisor/control.h"
#include "supervisor/fdstore.h"
#include "supervisor/kernel_log.h"
#include "supervisor/notify.h"
#include "supervisor/options.h"
#include "supervisor/plan.h"
#include "supervisor/quarters.h"
#include "supervisor/runtime_dir.h"
#include "supervisor/scheduling.h"
#include "supervisor/state.h"
#include "supervisor/take_over.h"
#include "supervisor/watchdog.h"

namespace motet::supervisor {

class Supervisor {
public:
    struct Start {
        Options options;
        std::string program;                  // this one, by the name it was started under; empty: unknown
        std::string config_file, libexec;
        Configuration configuration;
        std::uint32_t node_id = 0;
        std::string node_name;
        Plan plan;
        char* const* arguments = nullptr;   // the command line, for a successor
    };
    // `ready` is called once, when every child serves.
    Supervisor(Start start, RuntimeDir& runtime, Notify& notify, std::function<void()> ready);

    // Sockets, signals. An error is a reason not to start.
    Status open();
    // Instead of open(): everything as the supervisor before has left it.
    Status resume(TakeOver& before);
    // Until everything is down again; the exit code.
    int run();

private:
    Status open_loop();
    Status open_administrators();
    void prepare_quarters();
    void watch_child(std::size_t index);
    // Being replaced: see replace.cpp.
    void begin_replacement();
    void refuse_replacement(const std::string& why);
    void on_probe();
    void replacement_on_time();
    void transfer(TakeOver& t);
    static std::uint64_t probe_tag();
    void act(Actions actions);
    void launch(std::size_t index);
    void hand_over(std::size_t index);
    void hand_over_metrics(std::size_t index);
    bool linked(std::size_t index) const;
    void hand_over_worker(std::size_t index);
    bool give_clients(std::size_t index);
    State::Legacy judge_death(std::size_t index, const Ended& ended);
    void hand_over_membership();
    bool send_link(std::size_t worker);
    bool send_pages(std::size_t to);
    void publish_values();
    void stop_with(int code, const char* why);

    void on_ready(const loop::Ready& ready);
    void on_signal();
    void on_control(std::size_t index);
    void on_message(std::size_t index, control::Message& message);
    void on_hello(std::size_t index, ByteView report);
    void on_child_ready(std::size_t index);
    void on_link_broken(std::uint64_t worker, std::uint64_t incarnation);
    void on_exit(std::size_t index);
    void note_exit(std::size_t index, const Ended& ended, bool expected);
    void accept_clients(std::size_t index);
    void accept_one(std::size_t index, UniqueFd socket);
    void accept_pause(int listening, std::uint64_t tag);
    void accept_resume();
    static std::uint64_t listening_tag(std::size_t index);

    void tick();
    void look_for_hung_children();
    bool membership_is_realtime() const;
    void look_for_waits();
    // The watchdog device: see feeding.cpp.
    void configure_watchdog();
    std::string verdict() const;
    void feed_watchdog();
    void obey_verdict();
    Instant deadline() const;
    // A new configuration while the node runs: see reconfigure.cpp.
    void on_operation(const control::Message& message);
    void die(const std::string& why);
    void on_hup();
    void prepare(std::uint64_t number);
    void watch_reload();
    void on_reload();
    void refuse(std::uint64_t number, const std::string& why);
    void commit(std::uint64_t number);
    void put_into_force();
    // Keys that a client has changed: see live.cpp.
    void on_live_keys(ByteView body);
    void spread_configuration(std::uint64_t number);
    void on_config_taken(std::uint64_t number, bool good, std::string_view why);
    std::size_t cfg_worker() const;
    void dump();

    std::string answer(const std::string& request) const;
    std::string own_section() const;
    std::string child_section(std::size_t index) const;
    std::string values_section(const char* process, const StatusPage& page) const;

    Start start_;
    RuntimeDir& runtime_;
    Notify& notify_;
    std::function<void()> ready_callback_;
    std::optional<loop::Poller> poller_;
    std::unique_ptr<ControlServer> administrators_;
    Plan plan_;
    State state_{plan_.size(), std::size(kChildren)};
    // One of each for every row of the plan.
    std::vector<Child> children_{plan_.size()};
    std::vector<Quarters> quarters_{plan_.size()};
    std::vector<FdStore> clients_{plan_.size()};
    std::vector<UniqueFd> listening_{plan_.size()};
    UniqueFd administrator_socket_, signals_, key_;   // key_: invalid without encryption
    Access access_;
    ConnectionLimits limits_;
    StatusPage own_page_;
    std::optional<metrics::ValueWriter> values_;
    std::optional<ConfigurationRun> reload_;
    struct Prepared {
        std::uint64_t number = 0;                 // 0: of nobody who could be answered
        Configuration configuration;
        UniqueFd key;
        bool rekeyed = false;                     // another key, cipher or hash
        void transfer(TakeOver& t) { t(number, configuration, key, rekeyed); }
    };
    std::uint64_t preparing_ = 0;                 // number of the run of motet-config
    std::optional<std::uint64_t> prepare_next_;   // asked for meanwhile
    std::optional<Prepared> prepared_;
    std::uint64_t taking_ = 0;                    // what membership is to confirm until taking_due_
    Instant taking_due_ = kNever;
    std::uint64_t reloads_ = 0;
    std::string last_reload_ = "none";
    std::vector<std::string> unenforced_;         // what this machine or user does not allow
    KernelLog kernel_log_;
    control::Message message_;
    std::uint64_t next_link_ = 1, boot_ = 0, refused_ = 0;
    Instant now_{}, started_at_{}, last_round_{}, not_hung_before_{}, tick_due_{}, watchdog_due_ = kNever;
    Watchdog device_;
    bool verdict_obeyed_ = false;
    int realtime_priority_ = 0;                   // of membership, when it is real-time; 0: never
    Urgency urgency_;
    bool scheduled_ = false;                      // membership, as `urgency_` says
    bool all_ready_said_ = false, accept_paused_ = false, access_said_ = false, crowded_said_ = false;
    bool resumed_ = false;
    struct Probe {
        Process process;
        std::string program;
        Instant due;
    };
    std::optional<Probe> probe_;                  // whether the program can take over
    std::string replace_when_quiet_;              // it can: the program to become
    std::optional<int> quit_;
};

}  // namespace motet::supervisor
