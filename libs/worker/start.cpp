// Everything here happens once per process, before the first round.
#include "libs/worker/start.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "libs/base/log.h"
#include "libs/metrics/recorder.h"

namespace motet::worker {
namespace {

constexpr std::size_t kLogLineMax = 448;
constexpr int kExitBroken = 1;
constexpr std::size_t kStartFds = 5, kStartFdsWithState = 7;

Status map_status(int fd, Started& started) {
    struct stat st {};
    if (fstat(fd, &st) != 0 || st.st_size < static_cast<off_t>(metrics::kPageSize))
        return error("status page: impossible size");
    started.status_size = static_cast<std::size_t>(st.st_size);
    started.status = mmap(nullptr, started.status_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (started.status == MAP_FAILED) return error("status page: mapping: %s", std::strerror(errno));
    metrics::record_into(metrics::recorder_area(started.status));
    metrics::record("started");
    return Done{};
}

Status map_all(const std::vector<int>& fds, Started& started) {
    auto config = read_config(fds[0]);
    if (!config) return config.error();
    started.settings.config = std::move(*config);
    if (Status mapped = map_status(fds[1], started); !mapped) return mapped;
    // Both rings are touched all the time: no page fault on the way of a message.
    auto submit = ring::Segment::map(fds[3], true);
    if (!submit) return error("submit ring: %s", submit.error().text.c_str());
    auto delivery = ring::Segment::map(fds[4], false);
    if (!delivery) return error("delivery ring: %s", delivery.error().text.c_str());
    started.submit = std::move(*submit);
    started.delivery = std::move(*delivery);
    if (started.submit.second_capacity() == 0 || started.delivery.second() == nullptr) return error("the link has no ring for synchronisation");
    if (fds.size() == kStartFds) return Done{};
    auto journal = Journal::map(fds[5]);
    if (!journal) fatal(journal.error().text, true);
    auto overflow = ipc::Overflow::map(fds[6]);
    if (!overflow) return error("overflow: %s", overflow.error().text.c_str());
    started.journal = std::move(*journal);
    started.overflow = std::move(*overflow);
    return Done{};
}

}  // namespace

Result<config::Snapshot> read_config(int fd) {
    struct stat st {};
    if (fstat(fd, &st) != 0 || st.st_size <= 0 || static_cast<std::uint64_t>(st.st_size) > config::kSnapshotMax)
        return error("configuration snapshot: impossible size");
    const auto size = static_cast<std::size_t>(st.st_size);
    void* at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return error("configuration snapshot: mapping: %s", std::strerror(errno));
    auto result = config::Snapshot::decode({static_cast<const std::uint8_t*>(at), size});
    munmap(at, size);
    return result;
}

void log_to_supervisor() {
    log::set_sink([](log::Level level, std::string_view line) {
        control::Header header;
        header.type = static_cast<std::uint32_t>(control::Type::log);
        header.a = static_cast<std::uint64_t>(level);
        metrics::record_text(line);
        // A full control socket loses the line: a worker waits for nobody.
        control::send(control::kChildFd, header, as_bytes(line.substr(0, kLogLineMax)));
    });
}

void fatal(const std::string& why, bool state_lost) {
    metrics::record_text(why);
    control::Header header;
    header.type = static_cast<std::uint32_t>(control::Type::fatal);
    header.b = state_lost ? 1 : 0;
    control::send(control::kChildFd, header, as_bytes(std::string_view(why).substr(0, kLogLineMax)));
    std::_Exit(kExitBroken);
}

Result<Started> take_start(control::Message& message) {
    if (message.fds.size() != kStartFds && message.fds.size() != kStartFdsWithState)
        return error("START came with %zu descriptors, not %zu", message.fds.size(), kStartFdsWithState);
    Started started;
    started.settings.incarnation = message.header.a;
    started.settings.self = static_cast<NodeId>(message.header.b);
    started.settings.services = message.header.c;
    const Status mapped = map_all(message.fds, started);
    started.link = message.fds[2];
    for (std::size_t i = 0; i < message.fds.size(); ++i)
        if (i != 2) close(message.fds[i]);
    message.fds.clear();
    if (!mapped) return mapped.error();
    return started;
}

}  // namespace motet::worker
