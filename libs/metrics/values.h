// Typed counters and gauges that one process publishes and others read at any time without asking, even while the writer
// hangs or is dead. They stand on the same page as its status text (metrics::areas), one such page per child, made by the
// supervisor and given to motet-confdb read-only; confdb shows them under the names they have here. THIS IS THE WAY to
// publish a key of the `runtime.` or `stats.` names from another process; it is ready for use:
//
//   worker:      override Engine::values(ValueWriter&) and add your values; the frame begins and commits.
//   membership:  membership/status_values.cpp
//   supervisor:  supervisor/report.cpp
//
// All values of a process are written at once: what is not written again is gone. At most five times a second (frame). Names
// in use: Corosync's own where it has one (docs/statistics.md); else stats.worker.<process>.<name>. Which process may publish
// which names stands in publishers.cpp; others are ignored.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/metrics/recorder.h"
#include "libs/metrics/status_page.h"

namespace motet::metrics {

// cmap's numbers.
enum class ValueType : std::uint8_t { i8 = 1, u8 = 2, i16 = 3, u16 = 4, i32 = 5, u32 = 6, i64 = 7, u64 = 8, f32 = 9, f64 = 10, text = 11 };

inline constexpr std::size_t kValueNameMax = 255, kValueTextMax = 1024;   // bytes; longer ones are left out

// Layout of an area: u64 sequence (odd while being written), u64 CLOCK_MONOTONIC ns of the writing, u32 pid, u32 length, u32
// entries, u32 left out; then per entry u8 type, u8 name length, u16 value length, name, value.
class ValueWriter {
public:
    explicit ValueWriter(std::span<std::uint8_t> area) : area_(area) {}

    void begin();
    void u8(std::string_view name, std::uint8_t value) { number(ValueType::u8, name, value); }
    void u16(std::string_view name, std::uint16_t value) { number(ValueType::u16, name, value); }
    void u32(std::string_view name, std::uint32_t value) { number(ValueType::u32, name, value); }
    void u64(std::string_view name, std::uint64_t value) { number(ValueType::u64, name, value); }
    void i32(std::string_view name, std::int32_t value) { number(ValueType::i32, name, value); }
    void f32(std::string_view name, float value) { number(ValueType::f32, name, value); }
    void f64(std::string_view name, double value) { number(ValueType::f64, name, value); }
    void text(std::string_view name, std::string_view value);
    // Makes the set visible. Values beyond the area are left out; how many were is on the page. Only the
    // time is written, and the sequence stays, when the set equals the one before.
    void commit(std::int64_t now_ns);

private:
    template <class T>
    void number(ValueType type, std::string_view name, T value) {
        put(type, name, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
    }
    void put(ValueType type, std::string_view name, ByteView value);

    std::span<std::uint8_t> area_;
    Bytes staged_, published_;
    std::uint32_t entries_ = 0, left_out_ = 0;
};

struct NamedValue {
    std::string name;
    ValueType type{};
    std::string bytes;   // native order; text without NUL
};
struct Values {
    std::vector<NamedValue> all;
    std::int64_t written_ns = 0;   // of the last commit, also of an unchanged set
    std::uint32_t pid = 0, left_out = 0;
};
// Changes with every set that becomes visible; 0: never written.
std::uint64_t values_sequence(std::span<const std::uint8_t> area);
// The whole last set. nullopt: never written, torn (a writer that died in the middle), or not what a ValueWriter writes.
std::optional<Values> read_values(std::span<const std::uint8_t> area);

// What a worker tells of each of its clients; shown under stats.ipcs.
struct ConnectionValues {
    std::uint64_t id = 0;
    std::int32_t pid = 0;
    std::uint32_t service = 0;             // Corosync's number
    char process[16] = {};                 // its name, ended by NUL
    std::uint64_t requests = 0, replies = 0, events = 0;
    std::uint64_t invalid = 0, flow_control_count = 0;
    std::uint32_t queued = 0;              // bytes of events that wait beyond its ring
    std::uint32_t flow_control = 0;
};
static_assert(sizeof(ConnectionValues) == 80);
inline constexpr std::size_t kConnectionValuesMax = 4096;
// The table of all clients and how many have gone since the writer's first.
void write_connections(std::span<std::uint8_t> area, std::span<const ConnectionValues> connections, std::uint64_t closed);
struct Connections {
    std::vector<ConnectionValues> all;
    std::uint64_t closed = 0;
};
std::optional<Connections> read_connections(std::span<const std::uint8_t> area);

// The areas of a page of kPageSize bytes; the last is the flight recorder (recorder.h).
inline constexpr std::size_t kStatusArea = kStatusPageSize, kValuesArea = 512 * 1024, kConnectionsArea = 384 * 1024;
inline constexpr std::size_t kPageSize = kStatusArea + kValuesArea + kConnectionsArea + kRecorderArea;
inline void* recorder_area(void* page) { return static_cast<std::uint8_t*>(page) + kPageSize - kRecorderArea; }
inline const void* recorder_area(const void* page) { return static_cast<const std::uint8_t*>(page) + kPageSize - kRecorderArea; }
inline std::span<std::uint8_t> values_area(void* page) { return {static_cast<std::uint8_t*>(page) + kStatusArea, kValuesArea}; }
inline std::span<const std::uint8_t> values_area(const void* page) {
    return {static_cast<const std::uint8_t*>(page) + kStatusArea, kValuesArea};
}
inline std::span<std::uint8_t> connections_area(void* page) {
    return {static_cast<std::uint8_t*>(page) + kStatusArea + kValuesArea, kConnectionsArea};
}
inline std::span<const std::uint8_t> connections_area(const void* page) {
    return {static_cast<const std::uint8_t*>(page) + kStatusArea + kValuesArea, kConnectionsArea};
}

}  // namespace motet::metrics
