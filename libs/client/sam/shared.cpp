#include "libs/client/sam/shared.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <utility>

namespace motet::client::sam {

Mark::Mark(const Shared& shared, std::uint32_t instance) {
    char key[2 * kKeySize + 1];
    for (std::size_t i = 0; i < kKeySize; ++i) std::snprintf(key + 2 * i, 3, "%02x", shared.key[i]);
    std::snprintf(name, sizeof name, "sam-%s-%u", key, instance);
}

bool Block::create(Duration interval, bool restarts, bool needs_quorum) {
    void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    shared_ = new (at) Shared(Watch(interval, restarts, needs_quorum));
    for (int& file : files_) file = memfd_create("sam-data", MFD_CLOEXEC);
    if (files_[0] < 0 || files_[1] < 0 || getrandom(shared_->key, kKeySize, 0) != static_cast<ssize_t>(kKeySize)) {
        const int why = errno;
        release();
        errno = why;
        return false;
    }
    return true;
}

void Block::release() {
    if (shared_ != nullptr) munmap(std::exchange(shared_, nullptr), sizeof(Shared));
    for (int& file : files_)
        if (file >= 0) close(std::exchange(file, -1));
}

bool Block::put(std::uint64_t total, std::uint64_t offset, const void* bytes, std::size_t size) {
    if (total > kSizeMask || offset > total || size > total - offset) return false;
    if (offset == 0) {
        if (ftruncate(other(), 0) != 0) return false;
        shared_->coming_total = total;
        shared_->coming_done = 0;
    } else if (total != shared_->coming_total || offset > shared_->coming_done) {
        return false;   // a piece is missing
    }
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = pwrite(other(), static_cast<const char*>(bytes) + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += static_cast<std::size_t>(n);
    }
    shared_->coming_done = offset + size;
    if (offset + size < total) return true;
    shared_->data = ((shared_->data & kWhich) ^ kWhich) | total;
    shared_->coming_total = shared_->coming_done = 0;
    ++shared_->data_version;
    return ftruncate(other(), 0) == 0;   // the version before need not stay in memory
}

bool Block::get(std::uint64_t offset, void* to, std::size_t size) const {
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = pread(valid(), static_cast<char*>(to) + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += static_cast<std::size_t>(n);
    }
    return true;
}

}  // namespace motet::client::sam
