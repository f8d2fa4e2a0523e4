#include "supervisor/take_over.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "supervisor/plan.h"

namespace motet::supervisor {
namespace {

constexpr char kMagic[8] = {'M', 'T', 'T', 'A', 'K', 'E', 'O', 'V'};

void close_on_exec(int fd, bool yes) { fcntl(fd, F_SETFD, yes ? FD_CLOEXEC : 0); }

}  // namespace

void TakeOver::number(std::uint64_t& value) {
    if (!reading_) {
        const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), raw, raw + sizeof value);
        return;
    }
    ok_ = ok_ && bytes_.size() - at_ >= sizeof value;
    value = 0;
    if (!ok_) return;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
}

std::size_t TakeOver::count(std::size_t size) {
    std::uint64_t n = size;
    number(n);
    ok_ = ok_ && n <= kItemsMax;
    return ok_ ? static_cast<std::size_t>(n) : 0;
}

void TakeOver::text(std::string& value) {
    const std::size_t n = count(value.size());
    if (!reading_) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return;
    }
    ok_ = ok_ && bytes_.size() - at_ >= n;
    value.clear();
    if (!ok_) return;
    value.assign(reinterpret_cast<const char*>(bytes_.data()) + at_, n);
    at_ += n;
}

void TakeOver::descriptor(UniqueFd& value) {
    std::uint64_t n = value ? static_cast<std::uint64_t>(value.get()) : UINT64_MAX;
    number(n);
    if (!ok_ || n == UINT64_MAX) return;
    const int fd = static_cast<int>(n);
    if (!reading_) {
        fds_.push_back(fd);
        return;
    }
    // Open, and nobody's yet.
    ok_ = n <= INT_MAX && fcntl(fd, F_GETFD) >= 0 && std::find(fds_.begin(), fds_.end(), fd) == fds_.end();
    if (!ok_) return;
    fds_.push_back(fd);
    close_on_exec(fd, true);
    value = UniqueFd(fd);
}

Result<UniqueFd> TakeOver::save() const {
    UniqueFd file(memfd_create("motet-take-over", MFD_CLOEXEC));
    if (!file) return error("memfd_create: %s", std::strerror(errno));
    Bytes all(kMagic, kMagic + sizeof kMagic);
    const auto* format = reinterpret_cast<const std::uint8_t*>(&kFormat);
    all.insert(all.end(), format, format + sizeof kFormat);
    all.insert(all.end(), bytes_.begin(), bytes_.end());
    for (std::size_t at = 0; at < all.size();) {
        const ssize_t n = pwrite(file.get(), all.data() + at, all.size() - at, static_cast<off_t>(at));
        if (n <= 0) return error("writing the state: %s", std::strerror(errno));
        at += static_cast<std::size_t>(n);
    }
    return file;
}

Result<TakeOver> TakeOver::load(int fd) {
    struct stat st {};
    if (fstat(fd, &st) != 0 || st.st_size < static_cast<off_t>(sizeof kMagic + sizeof kFormat) || st.st_size > static_cast<off_t>(kBytesMax))
        return error("the state of the supervisor before is not there");
    Bytes all(static_cast<std::size_t>(st.st_size));
    if (pread(fd, all.data(), all.size(), 0) != st.st_size) return error("the state of the supervisor before cannot be read");
    std::uint64_t format = 0;
    std::memcpy(&format, all.data() + sizeof kMagic, sizeof format);
    if (std::memcmp(all.data(), kMagic, sizeof kMagic) != 0 || format != kFormat) return error("the state of the supervisor before has another format");
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(sizeof kMagic + sizeof kFormat));
    return TakeOver(std::move(all));
}

std::string TakeOver::needed() { return std::to_string(kFormat) + ":" + Plan::own_names(); }

Result<std::string> own_program() {
    char self[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return error("/proc/self/exe: %s. Is /proc mounted?", std::strerror(errno));
    return std::string(self, static_cast<std::size_t>(size));
}

Error become(const std::string& program, char* const* arguments, const TakeOver& state) {
    Result<UniqueFd> file = state.save();
    if (!file) return file.error();
    for (const int fd : state.descriptors()) close_on_exec(fd, false);
    close_on_exec(file->get(), false);
    setenv(TakeOver::kEnvironment, std::to_string(file->get()).c_str(), 1);
    execv(program.c_str(), arguments);
    const Error why = error("%s: %s", program.c_str(), std::strerror(errno));
    unsetenv(TakeOver::kEnvironment);
    for (const int fd : state.descriptors()) close_on_exec(fd, true);
    return why;
}

}  // namespace motet::supervisor
