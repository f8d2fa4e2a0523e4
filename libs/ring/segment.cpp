// Segments: sealed memfds of one page of words, one ring and, for a worker's client links, one mailbox.
#include "libs/ring/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace motet::ring {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::uint64_t kMailboxMax = 16u << 20;

bool good_capacity(std::uint64_t capacity) {
    return capacity >= kCapacityMin && capacity <= kCapacityMax && (capacity & (capacity - 1)) == 0;
}

int new_memfd() {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    const int fd = memfd_create("motet-ring", flags | MFD_NOEXEC_SEAL);
    return fd >= 0 || errno != EINVAL ? fd : memfd_create("motet-ring", flags);  // Linux before 6.3
}

Status write_constants(int fd, Role role, std::uint64_t link_id, std::uint64_t capacity, std::uint64_t mailbox_capacity) {
    void* at = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return error("segment: mapping the first page: %s", std::strerror(errno));
    auto* page = static_cast<SegmentPage*>(at);
    std::memcpy(page->magic, kMagic, sizeof kMagic);
    page->version = kVersion;
    page->role = static_cast<std::uint32_t>(role);
    page->link_id = link_id;
    page->capacity = capacity;
    page->mailbox_offset = mailbox_capacity == 0 ? 0 : kPage + capacity;
    page->mailbox_capacity = mailbox_capacity;
    page->arm.store(1);  // born asleep: the first record is announced even if nobody ever armed
    page->state.store(1);
    munmap(at, kPage);
    return Done{};
}

}  // namespace

Result<SegmentFds> create_memory(std::uint64_t size) {
    SegmentFds fds;
    const auto failed = [&fds](const char* what) -> Error {
        const Error why = error("shared memory: %s: %s", what, std::strerror(errno));
        if (fds.writable >= 0) close(fds.writable);
        return why;
    };
    fds.writable = new_memfd();
    if (fds.writable < 0) return failed("memfd_create");
    if (fchmod(fds.writable, 0600) != 0) return failed("fchmod");
    if (ftruncate(fds.writable, static_cast<off_t>(size)) != 0) return failed("ftruncate");
    if (fcntl(fds.writable, F_ADD_SEALS, kSeals) != 0) return failed("F_ADD_SEALS");
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fds.writable);
    fds.read_only = open(path, O_RDONLY | O_CLOEXEC);
    if (fds.read_only < 0) return failed("opening it read-only through /proc/self/fd");
    return fds;
}

Result<Memory> Memory::map(int fd, std::uint64_t size, bool writable) {
    const int seals = fcntl(fd, F_GET_SEALS);
    struct stat st {};
    if (seals < 0 || (seals & kSeals) != kSeals || fstat(fd, &st) != 0 || static_cast<std::uint64_t>(st.st_size) != size)
        return error("shared memory: descriptor %d is no sealed memory file of %llu bytes", fd, static_cast<unsigned long long>(size));
    void* at = mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return error("shared memory: mapping %llu bytes: %s", static_cast<unsigned long long>(size), std::strerror(errno));
    Memory memory;
    memory.data_ = static_cast<std::uint8_t*>(at);
    memory.size_ = size;
    memory.shared_ = true;
    return memory;
}

Result<Memory> Memory::anonymous(std::uint64_t size) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return error("memory: mapping %llu bytes: %s", static_cast<unsigned long long>(size), std::strerror(errno));
    Memory memory;
    memory.data_ = static_cast<std::uint8_t*>(at);
    memory.size_ = size;
    return memory;
}

Memory::Memory(Memory&& other) noexcept { *this = std::move(other); }

Memory& Memory::operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(shared_, other.shared_);
    return *this;
}

Memory::~Memory() {
    if (data_ != nullptr) munmap(data_, size_);
}

void Memory::discard(std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t first = (offset + kPage - 1) / kPage * kPage, end = std::min(offset + length, size_) / kPage * kPage;
    if (first < end) madvise(data_ + first, end - first, shared_ ? MADV_REMOVE : MADV_DONTNEED);
}

Result<SegmentFds> create_segment(Role role, std::uint64_t link_id, std::uint64_t capacity,
                                  std::uint64_t mailbox_capacity) {
    if (!good_capacity(capacity) || mailbox_capacity > kMailboxMax)
        return error("segment: capacity %llu (a power of two from %zu to %zu), mailbox %llu (at most %llu)",
                     static_cast<unsigned long long>(capacity), kCapacityMin, kCapacityMax,
                     static_cast<unsigned long long>(mailbox_capacity), static_cast<unsigned long long>(kMailboxMax));
    SegmentFds fds;
    const auto failed = [&fds](const char* what) -> Error {
        const Error why = error("segment: %s: %s", what, std::strerror(errno));
        if (fds.writable >= 0) close(fds.writable);
        return why;
    };
    fds.writable = new_memfd();
    if (fds.writable < 0) return failed("memfd_create");
    // Without this another uid could open the peer's descriptor again for writing.
    if (fchmod(fds.writable, 0600) != 0) return failed("fchmod");
    if (ftruncate(fds.writable, static_cast<off_t>(kPage + capacity + mailbox_capacity)) != 0) return failed("ftruncate");
    if (const Status written = write_constants(fds.writable, role, link_id, capacity, mailbox_capacity); !written) {
        close(fds.writable);
        return written.error();
    }
    if (fcntl(fds.writable, F_ADD_SEALS, kSeals) != 0) return failed("F_ADD_SEALS");
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fds.writable);
    fds.read_only = open(path, O_RDONLY | O_CLOEXEC);
    if (fds.read_only < 0) return failed("opening it read-only through /proc/self/fd");
    return fds;
}

Result<SegmentFds> create_link_segment(Role role, std::uint64_t link_id, std::uint64_t capacity, std::uint64_t second_capacity) {
    if (second_capacity != 0 && !good_capacity(second_capacity)) return error("segment: second ring of %llu bytes", static_cast<unsigned long long>(second_capacity));
    Result<SegmentFds> fds = create_segment(role, link_id, capacity, kPage + second_capacity);
    if (!fds) return fds;
    void* at = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fds->writable, static_cast<off_t>(kPage + capacity));
    if (at == MAP_FAILED) {
        const Error why = error("segment: mapping the second page: %s", std::strerror(errno));
        close(fds->writable);
        close(fds->read_only);
        return why;
    }
    auto* page = static_cast<SegmentPage*>(at);
    page->capacity = second_capacity;
    page->arm.store(1);
    munmap(at, kPage);
    return fds;
}

Result<Segment> Segment::map(int fd, bool writable, std::size_t populate) {
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) return error("segment: descriptor %d is no sealed memory file", fd);
    struct stat st {};
    if (fstat(fd, &st) != 0) return error("segment: fstat: %s", std::strerror(errno));
    const auto size = static_cast<std::uint64_t>(st.st_size);
    if (size < kPage + kCapacityMin || size > kPage + kCapacityMax + kMailboxMax)
        return error("segment: impossible size of %llu bytes", static_cast<unsigned long long>(size));
    const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* at = mmap(nullptr, size, access, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED && populate != 0 && writable &&
        mmap(at, std::min<std::size_t>(populate, size), access, MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
        munmap(at, size);
        at = MAP_FAILED;
    }
    if (at == MAP_FAILED)
        return error("segment: mapping %llu bytes: %s", static_cast<unsigned long long>(size), std::strerror(errno));

    Segment segment;
    segment.page_ = static_cast<SegmentPage*>(at);
    segment.size_ = size;
    // Each word is read once: the owner may change it between two looks.
    const volatile SegmentPage& page = *segment.page_;
    segment.capacity_ = page.capacity;
    segment.link_id_ = page.link_id;
    segment.mailbox_offset_ = page.mailbox_offset;
    segment.mailbox_capacity_ = page.mailbox_capacity;
    const std::uint64_t mailbox_at = segment.mailbox_capacity_ == 0 ? 0 : kPage + segment.capacity_;
    if (std::memcmp(segment.page_->magic, kMagic, sizeof kMagic) != 0 || page.version != kVersion)
        return error("segment: not a segment of version %u", kVersion);
    if (!good_capacity(segment.capacity_) || segment.mailbox_capacity_ > kMailboxMax ||
        segment.mailbox_offset_ != mailbox_at || size != kPage + segment.capacity_ + segment.mailbox_capacity_)
        return error("segment: capacity %llu and mailbox %zu at %zu do not fit its %llu bytes",
                     static_cast<unsigned long long>(segment.capacity_), segment.mailbox_capacity_, segment.mailbox_offset_,
                     static_cast<unsigned long long>(size));
    return segment;
}

Segment::Segment(Segment&& other) noexcept { *this = std::move(other); }

Segment& Segment::operator=(Segment&& other) noexcept {
    std::swap(page_, other.page_);
    std::swap(size_, other.size_);
    std::swap(mailbox_offset_, other.mailbox_offset_);
    std::swap(mailbox_capacity_, other.mailbox_capacity_);
    std::swap(capacity_, other.capacity_);
    std::swap(link_id_, other.link_id_);
    return *this;
}

Segment::~Segment() {
    if (page_ != nullptr) munmap(page_, size_);
}

std::uint8_t* Segment::mailbox() const {
    return mailbox_capacity_ == 0 ? nullptr : reinterpret_cast<std::uint8_t*>(page_) + mailbox_offset_;
}

SegmentPage* Segment::second() const {
    const bool fits = mailbox_capacity_ == kPage || (mailbox_capacity_ > kPage && good_capacity(mailbox_capacity_ - kPage));
    return fits ? reinterpret_cast<SegmentPage*>(mailbox()) : nullptr;
}

}  // namespace motet::ring
