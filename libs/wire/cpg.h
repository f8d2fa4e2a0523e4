// cpg between nodes: joins and leaves of processes, their lists at synchronisation, and the clients' messages.
// What clients and the cpg worker say to each other is client_cpg.h.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/service.h"

namespace motet::wire::cpg {

enum class Function : std::uint32_t {
    procjoin = 0,
    procleave = 1,
    joinlist = 2,
    mcast = 3,
    downlist_old = 4,
    downlist = 5,
    partial_mcast = 6,
};
constexpr std::uint32_t id(Function function) { return message_id(Service::cpg, static_cast<std::uint32_t>(function)); }

// Why a process appears or disappears. Only join, leave and process_down travel; the others are concluded locally.
enum class Reason : std::uint32_t { undefined = 0, join = 1, leave = 2, node_down = 3, node_up = 4, process_down = 5 };

inline constexpr std::size_t kNameMax = 128;
inline constexpr std::size_t kNameSize = 136;  // on the wire
inline constexpr std::size_t kProcChangeSize = 168;
inline constexpr std::size_t kJoinlistEntrySize = 144;
inline constexpr std::size_t kMcastSize = 184;         // without payload
inline constexpr std::size_t kPartialMcastSize = 200;  // without payload
inline constexpr std::size_t kDownlistSize = 1568;
inline constexpr std::size_t kDownlistOldSize = 1560;

// The name of a group: any bytes, NUL too; only the first `length` count.
struct GroupName {
    std::uint32_t length = 0;  // 0..kNameMax
    std::array<char, kNameMax> value{};

    GroupName() = default;
    // Longer text is cut at kNameMax.
    explicit GroupName(std::string_view text);
    std::string_view text() const { return {value.data(), length}; }
    friend bool operator==(const GroupName& a, const GroupName& b) { return a.text() == b.text(); }
};

// procjoin and procleave
struct ProcChange {
    GroupName group;
    std::uint32_t pid = 0;
    std::uint32_t reason = 0;  // Reason, as received
};
struct JoinlistEntry {
    std::uint32_t pid = 0;
    GroupName group;
};
// A client's message in one piece.
struct Mcast {
    GroupName group;
    std::uint32_t pid = 0;
    MessageSource source;
    ByteView payload;  // points into the message
};
// One piece of a long message; receivers hand pieces on as they come.
struct PartialMcast {
    GroupName group;
    std::uint32_t total = 0;  // bytes of the whole message
    std::uint32_t pid = 0;
    std::uint32_t part = 0;  // 1 first, 2 continued, 3 last
    MessageSource source;
    ByteView payload;  // points into the message
};
// Informational: nobody acts on it, but peers expect one per synchronisation.
struct Downlist {
    std::uint32_t old_members = 0;
    BoundedVector<NodeId, kNodesMax> left;
};

// `message` starts at the service header; see decode_service_header() for which function it is.
Decoded<ProcChange> decode_procjoin(ByteView message, bool swap);
Decoded<ProcChange> decode_procleave(ByteView message, bool swap);
// As many entries as one Totem message holds, at most 7281.
Decoded<std::vector<JoinlistEntry>> decode_joinlist(ByteView message, bool swap);
Decoded<Mcast> decode_mcast(ByteView message, bool swap);
Decoded<PartialMcast> decode_partial_mcast(ByteView message, bool swap);
Decoded<Downlist> decode_downlist(ByteView message, bool swap);
// From senders older than 3.1; old_members stays 0.
Decoded<Downlist> decode_downlist_old(ByteView message, bool swap);

// Append.
void encode_procjoin(const ProcChange& change, Bytes& out);
void encode_procleave(const ProcChange& change, Bytes& out);
void encode_joinlist(std::span<const JoinlistEntry> entries, Bytes& out);
void encode_downlist(const Downlist& downlist, Bytes& out);
void encode_downlist_old(const Downlist& downlist, Bytes& out);
// Fill the fixed part only, all of its bytes. Of the payload just the size is used: the caller sends it as a
// piece of its own, so a message is never copied together.
void write_mcast(const Mcast& mcast, std::span<std::uint8_t, kMcastSize> out);
void write_partial_mcast(const PartialMcast& mcast, std::span<std::uint8_t, kPartialMcastSize> out);

}  // namespace motet::wire::cpg
