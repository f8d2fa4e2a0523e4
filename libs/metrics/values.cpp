// The reader trusts nothing on the page: the writer may be broken, hostile or dead in the middle of a write.
#include "libs/metrics/values.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace motet::metrics {
namespace {

constexpr std::size_t kHeader = 32;
constexpr int kAttemptsMax = 64;   // a writer publishes a few times a second; more tries would only meet a dead one
constexpr std::uint8_t kTypeMax = 11;

struct Head {
    std::uint64_t written_ns = 0;
    std::uint32_t pid = 0, length = 0, entries = 0, extra = 0;
};
static_assert(sizeof(Head) + sizeof(std::uint64_t) == kHeader);

// Areas begin at page boundaries, so the sequence is aligned.
std::atomic_ref<std::uint64_t> sequence_of(std::span<const std::uint8_t> area) {
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(const_cast<std::uint8_t*>(area.data())));
}

void publish(std::span<std::uint8_t> area, const Head& head, ByteView bytes) {
    // A predecessor may have died in the middle: the sequence is made odd, whatever it was.
    const std::uint64_t writing = sequence_of(area).load(std::memory_order_relaxed) | 1;
    sequence_of(area).store(writing, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    std::memcpy(area.data() + sizeof writing, &head, sizeof head);
    if (!bytes.empty()) std::memcpy(area.data() + kHeader, bytes.data(), bytes.size());
    sequence_of(area).store(writing + 1, std::memory_order_release);
}

bool read(std::span<const std::uint8_t> area, Head& head, Bytes& bytes) {
    if (area.size() < kHeader) return false;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        const std::uint64_t before = sequence_of(area).load(std::memory_order_acquire);
        if (before == 0) return false;
        if ((before & 1) != 0) continue;
        std::memcpy(&head, area.data() + sizeof before, sizeof head);
        const std::size_t length = std::min<std::size_t>(head.length, area.size() - kHeader);
        bytes.assign(area.begin() + kHeader, area.begin() + static_cast<std::ptrdiff_t>(kHeader + length));
        std::atomic_thread_fence(std::memory_order_acquire);
        if (sequence_of(area).load(std::memory_order_relaxed) == before) return length == head.length;
    }
    return false;
}

// 0: of any length.
std::size_t size_of(std::uint8_t type) {
    constexpr std::size_t kSizes[kTypeMax + 1] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 0};
    return kSizes[type];
}

}  // namespace

void ValueWriter::begin() {
    staged_.clear();
    entries_ = left_out_ = 0;
}

void ValueWriter::put(ValueType type, std::string_view name, ByteView value) {
    const std::size_t cost = 4 + name.size() + value.size();
    if (name.empty() || name.size() > kValueNameMax || value.size() > kValueTextMax || kHeader + staged_.size() + cost > area_.size()) {
        ++left_out_;
        return;
    }
    Writer out(staged_);
    out.u8(static_cast<std::uint8_t>(type));
    out.u8(static_cast<std::uint8_t>(name.size()));
    out.u16(static_cast<std::uint16_t>(value.size()));
    out.bytes(as_bytes(name));
    out.bytes(value);
    ++entries_;
}

void ValueWriter::text(std::string_view name, std::string_view value) { put(ValueType::text, name, as_bytes(value)); }

void ValueWriter::commit(std::int64_t now_ns) {
    if (area_.size() < kHeader) return;
    if (staged_ == published_ && values_sequence(area_) != 0) {
        std::atomic_ref(*reinterpret_cast<std::uint64_t*>(area_.data() + sizeof(std::uint64_t))).store(static_cast<std::uint64_t>(now_ns), std::memory_order_relaxed);
        return;
    }
    publish(area_, {static_cast<std::uint64_t>(now_ns), static_cast<std::uint32_t>(getpid()), static_cast<std::uint32_t>(staged_.size()), entries_, left_out_},
            staged_);
    published_.swap(staged_);
}

std::uint64_t values_sequence(std::span<const std::uint8_t> area) {
    return area.size() < kHeader ? 0 : sequence_of(area).load(std::memory_order_acquire) & ~std::uint64_t{1};
}

std::optional<Values> read_values(std::span<const std::uint8_t> area) {
    Head head;
    Bytes bytes;
    if (!read(area, head, bytes)) return std::nullopt;
    Values values;
    values.written_ns = static_cast<std::int64_t>(head.written_ns);
    values.pid = head.pid;
    values.left_out = head.extra;
    Reader in(bytes);
    for (std::uint32_t i = 0; i < head.entries; ++i) {
        const std::uint8_t type = in.u8(), name_length = in.u8();
        const std::uint16_t length = in.u16();
        const std::string_view name = as_text(in.bytes(name_length)), value = as_text(in.bytes(length));
        if (!in.ok() || type == 0 || type > kTypeMax || name.empty() || length > kValueTextMax) return std::nullopt;
        if (const std::size_t size = size_of(type); size != 0 && size != length) return std::nullopt;
        values.all.push_back({std::string(name), static_cast<ValueType>(type), std::string(value)});
    }
    if (in.remaining() != 0) return std::nullopt;
    return values;
}

void write_connections(std::span<std::uint8_t> area, std::span<const ConnectionValues> connections, std::uint64_t closed) {
    if (area.size() < kHeader) return;
    connections = connections.first(std::min({connections.size(), kConnectionValuesMax, (area.size() - kHeader) / sizeof(ConnectionValues)}));
    publish(area, {closed, static_cast<std::uint32_t>(getpid()), static_cast<std::uint32_t>(connections.size_bytes()),
                   static_cast<std::uint32_t>(connections.size()), 0},
            {reinterpret_cast<const std::uint8_t*>(connections.data()), connections.size_bytes()});
}

std::optional<Connections> read_connections(std::span<const std::uint8_t> area) {
    Head head;
    Bytes bytes;
    if (!read(area, head, bytes) || head.entries > kConnectionValuesMax || bytes.size() != head.entries * sizeof(ConnectionValues)) return std::nullopt;
    Connections out;
    out.closed = head.written_ns;
    out.all.resize(head.entries);
    if (!bytes.empty()) std::memcpy(out.all.data(), bytes.data(), bytes.size());
    for (ConnectionValues& one : out.all) one.process[sizeof one.process - 1] = '\0';
    return out;
}

}  // namespace motet::metrics
