// What the worker of cfg asks of the daemon: stop, die, log files, and a new configuration in two steps. First the file is
// read and nothing changes; then, when the ring has agreed, what was read is put into force and given to every child.
// Whether to do any of this is not decided here.
#include <algorithm>
#include <csignal>

#include "libs/base/log.h"
#include "libs/config/changes.h"
#include "supervisor/keyfile.h"
#include "supervisor/logging.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {
namespace {

constexpr Duration kTakeMax = seconds(5);         // for membership to confirm a new configuration
constexpr std::size_t kChangesShown = 64;         // lines in the log; further changes are counted
constexpr std::uint32_t kCfgService = 1;
constexpr int kExitKilled = 255;                  // as Corosync; a service manager must not start us again

// Numbers of cfg::Operation, which the worker's room defines; a worker's word, so unknown ones are possible.
enum Operation : std::uint64_t { kStop = 1, kDie, kReopenLogs, kPrepare, kCommit, kDiscard };

control::Header header_of(control::Type type, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0) {
    return {.type = static_cast<std::uint32_t>(type), .a = a, .b = b, .c = c, .d = d};
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) {
        if (line.find(": warning: ") != line.npos) continue;
        if (out.size() + line.size() > control::kBodyMax / 4) break;
        out += (out.empty() ? "" : "\n") + line;
    }
    return out;
}

}  // namespace

// The child that serves cfg; plan_.size() if there is none.
std::size_t Supervisor::cfg_worker() const {
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if (contains(plan_[i].services, kCfgService)) return i;
    return plan_.size();
}

void Supervisor::on_operation(const control::Message& message) {
    const std::uint64_t number = message.header.b;
    const std::string text(as_text(message.body));
    switch (message.header.a) {
        case kStop: return stop_with(kExitOk, ("request of a client: " + text).c_str());
        case kDie: return die(text);
        case kReopenLogs:
            logging::reopen();
            MOTET_LOG(notice, "log files reopened");
            return;
        case kPrepare: return prepare(number);
        case kCommit: return commit(number);
        case kDiscard:
            if (prepared_ && prepared_->number == number) prepared_.reset();
            return;
        default: MOTET_LOG(error, "the worker of cfg asks for unknown operation %llu", static_cast<unsigned long long>(message.header.a));
    }
}

// Without leaving the ring: who kills a node wants it silent, not polite.
void Supervisor::die(const std::string& why) {
    MOTET_LOG(error, "%s; exiting with status 255 and not to be started again by itself", why.c_str());
    notify_.say("STOPPING=1\nSTATUS=killed by another node\n");
    for (const Child& child : children_)
        if (child.process.pid > 0) send_signal(child.process, SIGKILL);
    quit_ = kExitKilled;
}

// The ring is asked to reload, as a client would; where nobody serves cfg this node reloads alone.
void Supervisor::on_hup() {
    if (state_.stopping()) return;
    const std::size_t worker = cfg_worker();
    if (worker == plan_.size()) return prepare(0);
    if (state_.phase(worker) == Phase::ready && control::send(children_[worker].control.get(), header_of(control::Type::reload))) return;
    MOTET_LOG(error, "%s does not serve at the moment, so nobody can ask the ring to reload; send the signal again", plan_[worker].program);
}

void Supervisor::prepare(std::uint64_t number) {
    if (state_.stopping()) return;
    prepared_.reset();
    if (reload_) {
        prepare_next_ = number;   // the file may have changed since the run began
        return;
    }
    MOTET_LOG(notice, "reading %s again", start_.config_file.c_str());
    const Bytes running = start_.configuration.snapshot.encode();
    Result<ConfigurationRun> run = ConfigurationRun::begin(start_.libexec, start_.config_file, start_.options.node, now_, running);
    if (!run) return refuse(number, run.error().text);
    preparing_ = number;
    reload_.emplace(std::move(*run));
    watch_reload();
}

void Supervisor::refuse(std::uint64_t number, const std::string& why) {
    last_reload_ = "refused: " + why.substr(0, why.find('\n'));
    MOTET_LOG(error, "%s is refused; the configuration in force stays", start_.config_file.c_str());
    const std::size_t worker = cfg_worker();
    if (worker != plan_.size() && number != 0)
        control::send(children_[worker].control.get(), header_of(control::Type::prepared, number, 0), as_bytes(why));
}

void Supervisor::on_reload() {
    if (!reload_) return;
    const ConfigurationRun::State state = reload_->look();
    if (state == ConfigurationRun::State::running) return;
    const std::vector<std::string> lines = reload_->problems();
    std::optional<Configuration> fresh;
    if (state == ConfigurationRun::State::good) fresh = reload_->take();
    reload_.reset();   // its descriptors leave the poller with it
    for (const std::string& line : fresh ? fresh->warnings : lines) log_problem(line);
    if (prepare_next_) {
        const std::uint64_t next = *prepare_next_;
        prepare_next_.reset();
        return prepare(next);
    }
    if (!fresh) return refuse(preparing_, joined(lines));

    Result<UniqueFd> key = open_key(fresh->snapshot);
    if (!key) {
        MOTET_LOG(error, "%s", key.error().text.c_str());
        return refuse(preparing_, key.error().text);
    }
    const config::Snapshot& running = start_.configuration.snapshot;
    const bool rekeyed = config::encryption_changed(running, fresh->snapshot) || !same_key(*key, key_);
    const std::uint64_t flags = (rekeyed ? 1u : 0u) | (config::moved(running, fresh->snapshot) ? 2u : 0u);
    const std::uint32_t check = key_check(key_, *key);
    prepared_.emplace(Prepared{preparing_, std::move(*fresh), std::move(*key), rekeyed});
    if (preparing_ == 0) return commit(0);
    const std::size_t worker = cfg_worker();
    const int fds[] = {prepared_->configuration.file.get()};
    if (worker == plan_.size() || !control::send(children_[worker].control.get(), header_of(control::Type::prepared, preparing_, 1, flags, check), {}, fds))
        prepared_.reset();
}

void Supervisor::commit(std::uint64_t number) {
    if (!prepared_ || prepared_->number != number) {
        const std::size_t worker = cfg_worker();
        if (worker != plan_.size())
            control::send(children_[worker].control.get(), header_of(control::Type::applied, number, 0), as_bytes("nothing was prepared under this number"));
        return;
    }
    const config::Snapshot before = std::move(start_.configuration.snapshot);
    start_.configuration = std::move(prepared_->configuration);
    const bool rekeyed = prepared_->rekeyed;
    if (rekeyed) key_ = std::move(prepared_->key);
    prepared_.reset();
    ++reloads_;
    last_reload_ = "done";
    const std::vector<config::Change> changed = config::changes(before, start_.configuration.snapshot);
    for (std::size_t i = 0; i < changed.size() && i < kChangesShown; ++i) MOTET_LOG(notice, "reload: %s", config::describe(changed[i]).c_str());
    if (changed.size() > kChangesShown) MOTET_LOG(notice, "reload: and %zu more changes", changed.size() - kChangesShown);
    if (changed.empty()) MOTET_LOG(notice, "%s: nothing that can change while the node runs has changed", start_.config_file.c_str());
    std::string waiting;
    for (const std::string& key : config::waiting_for_restart(start_.configuration.snapshot)) waiting += (waiting.empty() ? "" : ", ") + key;
    if (!waiting.empty()) MOTET_LOG(warning, "restart motet to use the new value of: %s", waiting.c_str());
    access_.configure(start_.configuration.snapshot);
    put_into_force();
    if (rekeyed && key_ && children_[kMembership].started) {
        const int key[] = {key_.get()};
        control::send(children_[kMembership].control.get(), header_of(control::Type::key), {}, key);
    }
    spread_configuration(number);
}

// What of the configuration is the supervisor's own.
void Supervisor::put_into_force() {
    limits_ = ConnectionLimits::of(start_.configuration.snapshot);
    configure_watchdog();
    if (const Status opened = logging::configure(start_.configuration.snapshot, start_.options.log_level); !opened) MOTET_LOG(error, "%s", opened.error().text.c_str());
}

// To membership first: it alone can fail, and is asked whether it did.
void Supervisor::spread_configuration(std::uint64_t number) {
    const int fds[] = {start_.configuration.file.get()};
    bool asked = false;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (!children_[i].started || !state_.has_links(i)) continue;   // a child that starts gets it with its start
        const bool sent = control::send(children_[i].control.get(), header_of(control::Type::config, number, static_cast<std::uint64_t>(logging::level_of(plan_[i].program))), {}, fds);
        if (i == kMembership) asked = sent;
        if (sent) continue;
        // A child that kept the old configuration would disagree with all others: it starts anew.
        MOTET_LOG(error, "%s does not take the new configuration and is replaced", plan_[i].program);
        Actions actions;
        state_.on_broken(i, now_, actions);
        act(std::move(actions));
    }
    taking_ = number;
    taking_due_ = now_ + kTakeMax;
    if (!asked) on_config_taken(number, true, {});
}

void Supervisor::on_config_taken(std::uint64_t number, bool good, std::string_view why) {
    if (taking_due_ == kNever || number != taking_) return;
    taking_due_ = kNever;
    if (!good) last_reload_ = "not carried out: " + std::string(why);
    if (good) MOTET_LOG(notice, "the new configuration is in force");
    else MOTET_LOG(error, "the new configuration is in force, but not in membership: %.*s", static_cast<int>(why.size()), why.data());
    const std::size_t worker = cfg_worker();
    if (number != 0 && worker != plan_.size())
        control::send(children_[worker].control.get(), header_of(control::Type::applied, number, good ? 1 : 0), as_bytes(why));
}

}  // namespace motet::supervisor
