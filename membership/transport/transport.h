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
};

}  // namespace motet::transport
