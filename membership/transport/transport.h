// What carries Totem's frames between nodes. Sends are collected and leave at flush(), so that all frames of one token
// visit cost a few system calls; nothing is retried: Totem recovers what is lost.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/result.h"
#include "libs/base/time.h"

namespace motet::transport {

struct Counters {
    std::uint64_t datagrams_sent = 0, bytes_sent = 0, send_calls = 0, send_errors = 0;
    std::uint64_t datagrams_received = 0, bytes_received = 0, receive_calls = 0;
    std::uint64_t dropped_unlisted = 0, dropped_truncated = 0;
    int last_send_errno = 0;
};

enum class Received {
    nothing,
    some,       // and probably no more: wait for the descriptors
    more,       // the batch was full
};

// One link to one peer, as far as the transport knows links (knet does). What stats.knet.node<id>.link<n>.* shows is here.
struct LinkState {
    NodeId peer = 0;
    unsigned link = 0;
    std::string address;                  // the peer's on this link
    bool enabled = false, connected = false;
    bool one_way = false;                 // it is heard, and does not hear us
    std::uint32_t mtu = 0;                // bytes of payload in one packet; 0: not measured yet
    std::uint32_t latency_us = 0, latency_min_us = 0, latency_max_us = 0, latency_samples = 0;
    std::uint32_t loss_permille = 0;      // pings of the last minute without an answer
    Instant changed;                      // of `connected`
    std::string cause;                    // of the last change, or of the present state while it is down
    std::uint32_t up_count = 0, down_count = 0;
    std::uint64_t send_errors = 0;        // all kinds
    int last_send_errno = 0;              // 0: none known
    // In the order data, ping, pong, path MTU.
    struct Kind {
        std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
        std::uint32_t tx_errors = 0, tx_retries = 0;
    } kinds[4];
};

// What the transport refused, by reason, since the start. Lower bounds where the library under it only tells by log lines.
struct Rejected {
    std::uint64_t unauthenticated = 0;    // wrong key, cipher or hash; damaged; forged
    std::uint64_t malformed = 0;          // too short, wrong version, no frame of ours inside
    std::uint64_t duplicate = 0;          // delivered before: replayed, or a copy over another link
    std::uint64_t unknown_sender = 0;     // its node id is no node of ours
    std::uint64_t unreachable_sender = 0; // data from a node whose link is not up yet
    std::uint64_t not_for_us = 0;
    std::uint64_t in_kernel = 0;          // refused or dropped before they reached us: unlisted addresses, impossible fragments, full buffers
};

// stats.knet.handle.*, under the names they have there.
struct HandleStatistic {
    const char* name;
    std::uint64_t value;
};

// Names as in the configuration; "none" and "none": in clear.
struct Crypto {
    std::string model = "nss", cipher = "none", hash = "none";
    bool on() const { return cipher != "none" || hash != "none"; }
};

class Transport {
public:
    virtual ~Transport() = default;
    // To every configured node but this one / to one other node. The bytes are copied.
    virtual void multicast(ByteView frame) = 0;
    virtual void unicast(NodeId to, ByteView frame) = 0;
    virtual void flush() = 0;

    // Descriptors to wait on for reading.
    virtual std::span<const int> descriptors() const = 0;
    // Hands up what has arrived, in a bounded batch.
    virtual Received receive(const std::function<void(ByteView frame)>& handler) = 0;

    virtual const Counters& counters() const = 0;
    virtual std::string describe() const = 0;
    // Longest frame that every node can be sent, as known now; 0: as configured. May change between two calls of on_time().
    virtual std::size_t frame_max() const { return 0; }

    // About four times a second: looks after links, log lines and reports. Bounded, does not wait.
    virtual void on_time(Instant) {}
    virtual std::span<const LinkState> links() const { return {}; }
    virtual Rejected rejected() const { return {}; }
    virtual std::vector<HandleStatistic> handle_statistics() const { return {}; }

    // A change of key, cipher or hash in three steps, each of which every node must have made before any node makes the next:
    // from the first to the third packets under the old and the new one are accepted, from the second on the new one is sent with.
    // After an error nothing has changed. The descriptor of the key stays the caller's; it is not needed when crypto is off.
    virtual Status install_key(const Crypto&, int /*key*/) { return error("transport %s has no encryption", describe().c_str()); }
    virtual Status use_installed_key() { return error("transport %s has no encryption", describe().c_str()); }
    // Also takes back an installed key that was not switched to.
    virtual Status forget_old_key() { return error("transport %s has no encryption", describe().c_str()); }
};

}  // namespace motet::transport
