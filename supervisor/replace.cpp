// USR2: this supervisor is replaced by the program that now has its name, while its children, their clients and rings stay. The
// new program is first run as a child that only says whether it can take over; what it cannot read, it never gets to see.
#include <unistd.h>

#include <csignal>

#include "libs/base/log.h"
#include "supervisor/events.h"
#include "supervisor/logging.h"
#include "supervisor/supervisor.h"
#include "supervisor/take_over.h"

namespace motet::supervisor {
namespace {

constexpr Duration kProbeMax = seconds(5);

}  // namespace

void Supervisor::begin_replacement() {
    if (state_.stopping() || probe_) return;
    const std::string& program = start_.program;
    if (program.empty()) return refuse_replacement("the name of its program is not known; is /proc mounted?");
    Result<Process> probe = spawn({.program = program, .arguments = {"--can-take-over", TakeOver::needed()}});
    if (!probe) return refuse_replacement(probe.error().text);
    MOTET_LOG(notice, "asked to replace this supervisor by %s", program.c_str());
    probe_.emplace(Probe{std::move(*probe), program, now_ + kProbeMax});
    (void)!poller_->add(probe_->process.pidfd.get(), probe_tag());
}

void Supervisor::refuse_replacement(const std::string& why) {
    MOTET_LOG(error, "this supervisor is not replaced and goes on: %s", why.c_str());
}

void Supervisor::on_probe() {
    if (!probe_) return;
    const Ended ended = reap(probe_->process);
    if (!ended.ended) return;
    const std::string program = probe_->program;
    const bool good = !ended.signalled && ended.code == 0;
    probe_.reset();
    if (!good) return refuse_replacement(program + " cannot take over (" + ended.text + "): another format, or broken. Restart motet to use it.");
    replace_when_quiet_ = program;
}

void Supervisor::replacement_on_time() {
    if (probe_ && now_ >= probe_->due) {
        send_signal(probe_->process, SIGKILL);
        probe_->due = kNever;
    }
    // A run of motet-config is a child that only its own supervisor can read from; it takes a moment.
    if (replace_when_quiet_.empty() || reload_ || state_.stopping()) return;
    const std::string program = std::exchange(replace_when_quiet_, {});
    TakeOver state;
    transfer(state);
    refuse_replacement(become(program, start_.arguments, state).text);
}

Status Supervisor::resume(TakeOver& before) {
    if (Status listening = open_loop(); !listening) return listening;
    transfer(before);
    if (!before.ok() || children_.size() != plan_.size() || quarters_.size() != plan_.size() || clients_.size() != plan_.size() || listening_.size() != plan_.size())
        return error("the state of the supervisor before is damaged");
    access_.configure(start_.configuration.snapshot);
    limits_ = ConnectionLimits::of(start_.configuration.snapshot);
    if (const Status opened = logging::configure(start_.configuration.snapshot, start_.options.log_level); !opened) MOTET_LOG(error, "%s", opened.error().text.c_str());
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (listening_[i] && plan_[i].listen == nullptr)
            if (Status added = poller_->add(listening_[i].get(), listening_tag(i)); !added) return added;
        watch_child(i);
    }
    if (Status administrators = open_administrators(); !administrators) return administrators;
    resumed_ = true;
    events::note({.process = "motet", .pid = getpid(), .kind = "replaced", .text = "motet " MOTET_VERSION " has taken over"});
    MOTET_LOG(notice, "motet " MOTET_VERSION " has taken over from its predecessor: %zu children and their clients have stayed", plan_.size());
    return Done{};
}

// Everything the loop would miss. What can be made again from these, or from the command line, is not here.
void Supervisor::transfer(TakeOver& t) {
    Options& o = start_.options;
    t(o.config, o.runtime_dir, o.state_dir, o.node, o.foreground, o.unprotected, o.log_level, o.hang);
    t(start_.program, start_.config_file, start_.libexec, start_.configuration, start_.node_id, start_.node_name, plan_);
    t(state_, children_, quarters_, clients_, listening_, administrator_socket_, key_, access_, own_page_, runtime_, notify_);
    t(preparing_, prepare_next_, prepared_, taking_, taking_due_, reloads_, last_reload_, unenforced_);
    t(next_link_, boot_, refused_, started_at_, not_hung_before_, realtime_priority_, all_ready_said_);
    events::transfer(t);
    logging::transfer(t);
}

}  // namespace motet::supervisor
