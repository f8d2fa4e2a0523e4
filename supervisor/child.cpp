#include "supervisor/child.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "libs/ipc/overflow.h"
#include "libs/ring/segment.h"
#include "libs/ring/state_page.h"
#include "supervisor/logging.h"

namespace motet::supervisor {

Result<StatusPage> StatusPage::create() {
    StatusPage page;
    page.fd_ = UniqueFd(memfd_create("motet-status", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!page.fd_ || fchmod(page.fd(), 0600) != 0 || ftruncate(page.fd(), metrics::kPageSize) != 0 ||
        fcntl(page.fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return error("status page: %s", std::strerror(errno));
    if (!page.map()) return error("status page: mapping: %s", std::strerror(errno));
    return page;
}

bool StatusPage::map() {
    void* at = fd_ ? mmap(nullptr, metrics::kPageSize, PROT_READ, MAP_SHARED, fd_.get(), 0) : MAP_FAILED;
    at_ = at == MAP_FAILED ? nullptr : at;
    return at_ != nullptr;
}

StatusPage::StatusPage(StatusPage&& other) noexcept : fd_(std::move(other.fd_)), at_(std::exchange(other.at_, nullptr)), last_(std::move(other.last_)) {}

StatusPage& StatusPage::operator=(StatusPage&& other) noexcept {
    fd_ = std::move(other.fd_);
    std::swap(at_, other.at_);
    last_ = std::move(other.last_);
    return *this;
}

StatusPage::~StatusPage() {
    if (at_ != nullptr) munmap(at_, metrics::kPageSize);
}

UniqueFd StatusPage::read_only() const {
    return UniqueFd(::open(("/proc/self/fd/" + std::to_string(fd())).c_str(), O_RDONLY | O_CLOEXEC));
}

std::optional<metrics::Values> StatusPage::values() const {
    if (at_ == nullptr) return std::nullopt;
    return metrics::read_values(metrics::values_area(static_cast<const void*>(at_)));
}

const std::optional<metrics::StatusText>& StatusPage::read() const {
    if (at_ == nullptr) return last_;
    if (std::optional<metrics::StatusText> now = metrics::read_status(at_, metrics::kStatusArea)) last_ = std::move(now);
    return last_;
}

std::vector<std::string> StatusPage::recorded() const {
    std::vector<std::string> out;
    if (at_ == nullptr) return out;
    for (const metrics::Recorded& r : metrics::read_records(metrics::recorder_area(at_))) {
        const std::time_t seconds = r.at_ns / 1'000'000'000;
        std::tm local{};
        localtime_r(&seconds, &local);
        char when[32];
        std::snprintf(when, sizeof when, "%02d:%02d:%02d.%03d ", local.tm_hour, local.tm_min, local.tm_sec, static_cast<int>(r.at_ns / 1'000'000 % 1000));
        out.push_back(when + r.text);
    }
    return out;
}

Result<WorkerLink> WorkerLink::create(std::uint64_t link_id) {
    WorkerLink link;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return error("link: socketpair: %s", std::strerror(errno));
    link.membership_socket = UniqueFd(ends[0]);
    link.worker_socket = UniqueFd(ends[1]);
    const auto delivery = ring::create_link_segment(ring::Role::membership, link_id, kDeliveryRing, 0);
    if (!delivery) return delivery.error();
    link.delivery_writable = UniqueFd(delivery->writable);
    link.delivery_read_only = UniqueFd(delivery->read_only);
    const auto submit = ring::create_link_segment(ring::Role::worker, link_id, kSubmitRing, kSyncRing);
    if (!submit) return submit.error();
    link.submit_writable = UniqueFd(submit->writable);
    link.submit_read_only = UniqueFd(submit->read_only);
    return link;
}

Result<WorkerState> WorkerState::create() {
    WorkerState made;
    const auto state = ring::create_memory(ring::kStateSize);
    if (!state) return state.error();
    made.state_writable = UniqueFd(state->writable);
    made.state_read_only = UniqueFd(state->read_only);
    const auto overflow = ring::create_memory(ipc::Overflow::kSize);
    if (!overflow) return overflow.error();
    made.overflow = UniqueFd(overflow->writable);
    const UniqueFd unused(overflow->read_only);
    return made;
}

WorkerState::Look WorkerState::look() const {
    std::uint64_t words[ring::kPage / sizeof(std::uint64_t)] = {};
    if (!state_read_only || pread(state_read_only.get(), words, sizeof words, 0) != static_cast<ssize_t>(sizeof words)) return {};
    const auto at = [&words](std::size_t offset) { return words[offset / sizeof(std::uint64_t)]; };
    return {.resumable = at(offsetof(ring::StatePage, active)) != 0,
            .kind = at(offsetof(ring::StatePage, marker_kind)),
            .conn = at(offsetof(ring::StatePage, marker_conn)),
            .position = at(offsetof(ring::StatePage, marker_position)),
            .heartbeat = at(offsetof(ring::StatePage, heartbeat)),
            .busy = at(offsetof(ring::StatePage, busy)) != 0,
            .snapshot = at(offsetof(ring::StatePage, active)),
            .journal = at(offsetof(ring::StatePage, log_end) + (at(offsetof(ring::StatePage, active)) & 1) * sizeof(std::uint64_t))};
}

std::uint64_t WorkerLink::delivered() const {
    std::uint64_t tail = 0;
    return submit_read_only && pread(submit_read_only.get(), &tail, sizeof tail, offsetof(ring::SegmentPage, tail)) == sizeof tail ? tail : 0;
}

bool WorkerLink::waiting() const {
    std::uint64_t head = 0;
    return delivery_read_only && pread(delivery_read_only.get(), &head, sizeof head, offsetof(ring::SegmentPage, head)) == sizeof head && head != delivered();
}

bool LineLimit::admit(Instant now) {
    const auto earned = static_cast<std::uint64_t>(std::max<std::int64_t>((now - filled_).ms(), 0)) * kPerSecond / 1000;
    if (earned > 0) {
        left_ = static_cast<unsigned>(std::min<std::uint64_t>(kBurst, left_ + earned));
        filled_ = now;
    }
    if (left_ == 0) {
        ++dropped_;
        return false;
    }
    --left_;
    return true;
}

unsigned LineLimit::take_dropped(Instant) { return left_ > 0 ? std::exchange(dropped_, 0) : 0; }

void Child::log(const ChildPlan& plan, log::Level level, std::string_view text, Instant now) {
    if (!limit.admit(now)) return;
    if (const unsigned dropped = limit.take_dropped(now); dropped > 0)
        logging::line(log::Level::warning, plan.program, std::to_string(dropped) + " lines were dropped: more than 100 per second");
    logging::line(level, plan.program, text);
}

void Child::read_errors(const ChildPlan& plan, Instant now) {
    char bytes[4096];
    // One buffer per round: a child that floods its stderr must not keep us here.
    const ssize_t size = process.errors ? ::read(process.errors.get(), bytes, sizeof bytes) : 0;
    if (size <= 0) return;
    error_text.append(bytes, static_cast<std::size_t>(size));
    for (std::size_t end; (end = error_text.find('\n')) != std::string::npos || error_text.size() > logging::kLineMax;) {
        const std::size_t length = std::min(end, logging::kLineMax);
        std::string_view line = std::string_view(error_text).substr(0, length);
        if (line.starts_with(plan.program) && line.substr(std::strlen(plan.program)).starts_with(": ")) line.remove_prefix(std::strlen(plan.program) + 2);
        if (!line.empty()) log(plan, log::Level::warning, line, now);
        error_text.erase(0, end == length ? length + 1 : length);
    }
}

}  // namespace motet::supervisor
