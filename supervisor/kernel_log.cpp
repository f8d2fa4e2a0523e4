#include "supervisor/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace motet::supervisor {
namespace {

constexpr int kRecordsMax = 4096, kTriesMax = 15;
constexpr unsigned kTryEvery_us = 2000;

// "audit: type=1326 audit(...): ... pid=123 comm=... sig=31 arch=c000003e syscall=41 compat=0 ..."
int call_of(const std::string& record, pid_t pid) {
    if (record.find("type=1326 ") == record.npos || record.find(" pid=" + std::to_string(pid) + " ") == record.npos) return -1;
    const std::size_t at = record.find(" syscall=");
    return at == record.npos ? -1 : std::atoi(record.c_str() + at + 9);
}

}  // namespace

KernelLog::KernelLog() : log_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (log_ && lseek(log_.get(), 0, SEEK_END) < 0) log_.reset();
}

int KernelLog::killed_for(pid_t pid) {
    // The line is written by a thread of the kernel, which may come after the death.
    for (int attempt = 0; log_ && attempt < kTriesMax; ++attempt) {
        for (int n = 0; n < kRecordsMax; ++n) {
            char bytes[8192];
            const ssize_t size = read(log_.get(), bytes, sizeof bytes);
            if (size < 0 && errno == EPIPE) continue;   // some were overwritten
            if (size <= 0) break;
            if (const int call = call_of({bytes, static_cast<std::size_t>(size)}, pid); call >= 0) return call;
        }
        usleep(kTryEvery_us);
    }
    return -1;
}

}  // namespace motet::supervisor
