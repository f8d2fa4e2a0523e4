// The shared bytes of a link: each side owns one segment (page 0: words that only the owner writes; then its outgoing
// ring) and sees the other's read-only. Field meanings and stores: docs/rings.md.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace motet::ring {

inline constexpr char kMagic[8] = {'M', 'T', 'E', 'T', 'S', 'E', 'G', '1'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kPage = 4096;              // ring data starts here
inline constexpr std::size_t kCapacityMin = 256 * 1024; // power of two; at least twice the largest record span
inline constexpr std::size_t kCapacityMax = 256u << 20;

enum class Role : std::uint32_t { membership = 1, worker = 2, client = 3, overflow = 4, state = 5 };

using Word = std::atomic<std::uint64_t>;
using Word32 = std::atomic<std::uint32_t>;

struct alignas(64) SegmentPage {
    // 0x000 constant after creation
    char magic[8];
    std::uint32_t version;
    std::uint32_t role;
    std::uint64_t link_id;
    std::uint64_t capacity;
    Word incarnation;
    std::uint64_t mailbox_offset;   // kPage + capacity, or 0
    std::uint64_t mailbox_capacity;
    std::uint64_t pad0;
    // 0x040 outgoing ring, producer side
    Word head;
    Word redo;
    std::uint64_t pad1[6];
    // 0x080
    Word served;
    Word space_arm;
    std::uint64_t pad2[6];
    // 0x0C0 what the records up to `head_after` amount to, used alternately and stored before `head`: the slot whose
    // `head_after` equals `head` is the one in force. Event ring: cause of the last event and how many events of that cause
    // (Cause in libs/ipc/server.h). Submit ring: submissions so far, of its stream. Delivery ring: position in the submit ring
    // behind the last own message delivered; services that were told of a synchronisation and of no end; its round, doubled,
    // plus 1 from sync_started to complete.
    struct Commit { Word head_after, a, b, c; } commit[2];
    // 0x100 incoming ring, consumer side
    Word tail;
    std::uint64_t pad3[7];
    // 0x140
    Word arm;
    Word space_served;
    Word idle;
    std::uint64_t pad4[5];
    // 0x180
    Word state;         // 1 open, 2 closing, 3 cut
    Word reason;
    Word flow_control;  // FlowBits, written by a worker for its client
    Word epoch;         // raised by a worker before a change is visible to anybody that makes earlier replies to this client void
    std::uint64_t pad5[12];
    // 0x200 reply mailbox
    Word reply_seq;
    Word32 reply_len;
    Word32 reply_futex;
    Word32 reply_wait;
    std::uint32_t pad6;
    // 0x218 events beyond the ring, as positions in this client's stream in the worker's overflow (libs/ipc/overflow.h)
    Word backlog_head, backlog_tail;
    // 0x228 membership, of one worker's submit ring: behind the last message that other nodes may have, written before they can;
    // behind the last operation that the supervisor was told.
    Word numbered, operated;
    unsigned char rest[kPage - 0x238];
};
static_assert(sizeof(SegmentPage) == kPage);
static_assert(offsetof(SegmentPage, head) == 0x40 && offsetof(SegmentPage, served) == 0x80);
static_assert(offsetof(SegmentPage, tail) == 0x100 && offsetof(SegmentPage, arm) == 0x140);
static_assert(offsetof(SegmentPage, numbered) == 0x228);
static_assert(offsetof(SegmentPage, state) == 0x180 && offsetof(SegmentPage, reply_seq) == 0x200);

struct RecordHeader {
    std::uint32_t length;   // payload bytes
    std::uint16_t type;     // per link; kPad: skip
    std::uint8_t flags;     // 1 first, 2 last fragment; 3: whole
    std::uint8_t sub;
    std::uint64_t id;
};
static_assert(sizeof(RecordHeader) == 16);
inline constexpr std::uint16_t kPad = 0xFFFF;
constexpr std::uint64_t span_of(std::uint64_t length) { return (16 + length + 15) & ~std::uint64_t{15}; }

enum FlowBits : std::uint64_t { kFlowCritical = 1, kFlowSync = 2, kFlowNoQuorum = 4, kFlowNotReady = 8, kFlowLagging = 16 };

// Why a link was cut (SegmentPage::reason).
enum class CutReason : std::uint64_t {
    none = 0, orderly = 1, violation = 2, backlog = 3, poison = 4, reset = 5, access = 6, stopping = 7,
};

}  // namespace motet::ring
