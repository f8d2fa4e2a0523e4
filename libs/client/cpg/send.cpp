// Multicasts: in one record of the request ring, in parts, and from zero-copy buffers.
#pragma GCC visibility push(default)
#include <corosync/cpg.h>
#pragma GCC visibility pop

#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "libs/client/cpg/connection.h"

namespace motet::client::cpg {
namespace {

constexpr unsigned kPiecesMax = 1024;    // IOV_MAX
constexpr unsigned kPartTries = 100;     // per part, this far apart; then the caller may try the whole message again
constexpr long kPartPauseMs = 10;
constexpr std::size_t kBufferPage = 4096;
// A zero-copy message this long still fits into one record of any link.
constexpr std::size_t kOneRecordMax = wire::kAtomicMax;

// May this connection send at the moment? A flow-control bit left standing by a daemon that died must not look like a full
// queue for ever, so a refusal asks the kernel.
cs_error_t admitted(ipc::ClientLink& link, std::uint64_t refusing) {
    if (const Outcome state = link.health(); state != Outcome::ok) return to_cs(state);
    if ((link.flow() & refusing) == 0) return CS_OK;
    const Outcome state = link.health_now();
    return state == Outcome::ok ? CS_ERR_TRY_AGAIN : to_cs(state);
}

// Walks along a scatter list.
class Pieces {
public:
    Pieces(const iovec* iov, unsigned count) : iov_(iov), count_(count) {}

    // The next `size` bytes as views; there are as many.
    std::span<const ByteView> take(std::size_t size, std::span<ByteView> views) {
        std::size_t n = 0;
        while (size != 0 && index_ < count_) {
            const iovec& piece = iov_[index_];
            const std::size_t length = std::min(size, piece.iov_len - offset_);
            if (length != 0) views[n++] = {static_cast<const std::uint8_t*>(piece.iov_base) + offset_, length};
            size -= length;
            offset_ += length;
            if (offset_ == piece.iov_len) {
                ++index_;
                offset_ = 0;
            }
        }
        return views.first(n);
    }

private:
    const iovec* iov_;
    unsigned count_, index_ = 0;
    std::size_t offset_ = 0;
};

cs_error_t send_part(Connection& connection, std::span<const ByteView> pieces) {
    for (unsigned tries = 1;; ++tries) {
        cs_error_t answer = admitted(*connection.link, kNoChange);
        if (answer == CS_OK) answer = ask(connection, wire::Request::multicast_part, pieces, {}, 0);
        if (answer != CS_ERR_TRY_AGAIN || tries == kPartTries) return answer;
        const timespec pause{0, kPartPauseMs * 1'000'000};
        nanosleep(&pause, nullptr);
    }
}

// The worker collects the parts and sends the message when it has the last. A lagging member refuses the message as a
// whole: the laggard may be this very process, which reads nothing while it waits in here.
cs_error_t send_in_parts(Connection& connection, std::uint32_t guarantee, const iovec* iov, unsigned count, std::size_t total) {
    if (const cs_error_t admission = admitted(*connection.link, ring::kFlowLagging); admission != CS_OK) return admission;
    const std::lock_guard lock(connection.parts_mutex);
    Pieces pieces(iov, count);
    std::array<ByteView, 1 + kPiecesMax> views;
    for (std::size_t sent = 0; sent < total;) {
        wire::PartRequest part;
        part.guarantee = guarantee;
        part.total = static_cast<std::uint32_t>(total);
        part.length = static_cast<std::uint32_t>(std::min<std::size_t>(total - sent, wire::kAtomicMax));
        part.kind = sent == 0 ? 1 : sent + part.length == total ? 3 : 2;
        views[0] = bytes_of(part);
        const std::size_t used = 1 + pieces.take(part.length, std::span(views).subspan(1)).size();
        if (const cs_error_t answer = send_part(connection, std::span(views).first(used)); answer != CS_OK) return answer;
        sent += part.length;
    }
    return CS_OK;
}

std::size_t mapped_size(std::size_t size) { return std::max((size + kBufferPage - 1) & ~(kBufferPage - 1), kBufferPage); }

}  // namespace
}  // namespace motet::client::cpg

using namespace motet::client::cpg;
using motet::ByteView;

extern "C" {

cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, const struct iovec* iovec, unsigned int iov_len) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (iov_len > kPiecesMax || (iovec == nullptr && iov_len != 0)) return CS_ERR_INVALID_PARAM;
    std::size_t total = 0;
    for (unsigned i = 0; i < iov_len; ++i) {
        if (iovec[i].iov_base == nullptr && iovec[i].iov_len != 0) return CS_ERR_INVALID_PARAM;
        if (iovec[i].iov_len > wire::kMessageMax - total) return CS_ERR_TOO_BIG;
        total += iovec[i].iov_len;
    }
    if (total > wire::kAtomicMax) return send_in_parts(*ref, static_cast<std::uint32_t>(guarantee), iovec, iov_len, total);

    if (const cs_error_t admission = admitted(*ref->link, kNoSend); admission != CS_OK) return admission;
    const wire::MulticastRequest header{static_cast<std::uint32_t>(guarantee), static_cast<std::uint32_t>(total)};
    const auto length = static_cast<std::uint32_t>(sizeof header + total);
    return to_cs(ref->link->post(static_cast<std::uint16_t>(wire::Request::multicast), length, [&](std::uint8_t* to) {
        std::memcpy(to, &header, sizeof header);
        to += sizeof header;
        for (unsigned i = 0; i < iov_len; ++i) {
            if (iovec[i].iov_len != 0) std::memcpy(to, iovec[i].iov_base, iovec[i].iov_len);
            to += iovec[i].iov_len;
        }
    }));
}

cs_error_t cpg_zcb_alloc(cpg_handle_t handle, size_t size, void** buffer) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (buffer == nullptr) return CS_ERR_INVALID_PARAM;
    if (const Outcome state = ref->link->health_now(); state != Outcome::ok) return to_cs(state);
    if (size > SIZE_MAX - kBufferPage) return CS_ERR_NO_MEMORY;
    const std::size_t mapped = mapped_size(size);
    void* at = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return CS_ERR_NO_MEMORY;
    const cs_error_t noted = guarded([&] {
        const std::lock_guard lock(ref->mutex);
        ref->buffers.emplace(at, size);
        return CS_OK;
    });
    if (noted != CS_OK) munmap(at, mapped);
    else *buffer = at;
    return noted;
}

cs_error_t cpg_zcb_free(cpg_handle_t handle, void* buffer) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    std::size_t size = 0;
    {
        const std::lock_guard lock(ref->mutex);
        const auto found = ref->buffers.find(buffer);
        if (found == ref->buffers.end()) return CS_ERR_INVALID_PARAM;
        size = found->second;
        ref->buffers.erase(found);
    }
    munmap(buffer, mapped_size(size));
    return to_cs(ref->link->health_now());
}

cs_error_t cpg_zcb_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, void* msg, size_t msg_len) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (msg_len > wire::kZeroCopyMax) return CS_ERR_TOO_BIG;
    {
        const std::lock_guard lock(ref->mutex);
        const auto found = ref->buffers.find(msg);
        if (found == ref->buffers.end() || msg_len > found->second) return CS_ERR_INVALID_PARAM;
    }
    if (const cs_error_t admission = admitted(*ref->link, kNoSend); admission != CS_OK) return admission;
    if (msg_len > kOneRecordMax) {
        const struct iovec whole{msg, msg_len};
        return send_in_parts(*ref, static_cast<std::uint32_t>(guarantee), &whole, 1, msg_len);
    }
    const wire::MulticastRequest header{static_cast<std::uint32_t>(guarantee), static_cast<std::uint32_t>(msg_len)};
    const ByteView pieces[] = {bytes_of(header), {static_cast<const std::uint8_t*>(msg), msg_len}};
    return ask(*ref, wire::Request::multicast_sync, pieces, {}, 0);
}

}  // extern "C"
