// The two rings towards membership. Application messages stay in theirs until they have been delivered here, and wait in the
// worker when it is full; those of synchronisations have one of their own, in which nothing rests.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/feed/feed.h"
#include "libs/ring/ring.h"
#include "libs/worker/frame_state.h"

namespace motet::worker {

class Uplink {
public:
    // What a single request may put off: a message in parts of 16 MiB, framed; and what closing clients cause.
    static constexpr std::size_t kWaitingMax = 96u << 20;

    Uplink(ring::Producer ring, ring::Producer sync_ring);

    // During a synchronisation membership keeps application messages instead of sending them. So that this stays bounded
    // however often the ring changes, no more than this is handed to it until one synchronisation completes.
    static constexpr std::size_t kWhileSyncingMax = 4u << 20;
    void syncing(bool on);
    bool holding() const { return syncing_ && submitted_while_syncing_ > kWhileSyncingMax; }

    // Room for what any request may cause, no more under way than is good for anybody's latency, and not holding.
    bool has_room();
    bool anything_waits() const { return !waiting_.empty() || !waiting_sync_.empty(); }
    void submit(const feed::SubmitHeader& header, std::span<const ByteView> pieces);
    void sync(feed::Submit kind, std::uint32_t service, std::uint64_t round, std::span<const ByteView> pieces);
    // In order with the application messages; never refused for lack of room.
    void operation(std::uint32_t what, std::uint64_t number, std::string_view text);
    // Moves what waits into the ring. True if anything moved.
    bool flush();
    // True: membership sleeps; send a token, then served().
    bool publish();
    // The requests behind everything published have been given back to their clients.
    void settle() { ring_.set_redo(); }
    // From now on what is not settled is not overwritten: a successor looks through it.
    void keep_unsettled() { ring_.guard_redo(); }

    // A successor goes on counting where the published records end; submissions that are among them are not made again.
    void save(FrameState& state) const;
    void restore(const FrameState& state);
    // The next submissions are those that an input of the journal caused.
    void repeat_from(std::uint64_t submitted, std::uint64_t submitted_sync) { submitted_ = submitted, submitted_sync_ = submitted_sync; }
    // All inputs of the journal have been repeated: what is among the published records came after them.
    void repeated();
    std::uint64_t submitted() const { return submitted_; }
    std::uint64_t submitted_sync() const { return submitted_sync_; }
    // Visits (connection, position behind its request) of every published submission since the last settle(). False: the ring
    // cannot be read.
    template <class Visit>
    bool visit_unsettled(const ring::SegmentPage* own, Visit visit) const {
        ring::Walk walk(own, ring_.capacity(), ring_.redo(), ring_.published());
        for (ring::Record record;;) {
            const ring::Pull pulled = walk.next(record);
            if (pulled != ring::Pull::record) return pulled == ring::Pull::empty;
            if (const auto submitted = feed::decode_submit(record.payload); submitted && submitted->header.req_after != 0)
                visit(submitted->header.conn, submitted->header.req_after);
        }
    }
    void served();
    bool worth_publishing() const { return ring_.worth_publishing(); }
    // True: nothing moves before a token arrives.
    bool want_space();
    // Without room for requests or more than three quarters full, until it is less than half full again.
    bool critical();
    bool was_critical() const { return critical_; }  // what clients were last told
    // Why the link cannot be used any more; null while it can.
    const char* broken() const {
        return ring_.violated() || sync_ring_.violated() ? "membership's cursor of the submit ring is impossible" : broken_;
    }

private:
    struct Waiting {
        feed::Submit kind{};
        Bytes bytes;
    };
    bool push(feed::Submit kind, const feed::SubmitHeader& header, std::span<const ByteView> pieces);
    void wait(std::deque<Waiting>& queue, feed::Submit kind, const feed::SubmitHeader& header,
              std::span<const ByteView> pieces);
    bool flush(std::deque<Waiting>& queue);

    ring::Producer ring_, sync_ring_;
    std::size_t request_room_, under_way_max_;
    std::deque<Waiting> waiting_, waiting_sync_;
    // Submissions so far, of applications and of synchronisations: caused, and put into the ring.
    std::uint64_t submitted_ = 0, submitted_sync_ = 0, pushed_ = 0, pushed_sync_ = 0;
    std::size_t waiting_bytes_ = 0, submitted_while_syncing_ = 0;
    bool syncing_ = false;
    bool critical_ = false;
    bool sleeps_ = false, sync_sleeps_ = false;   // membership, over what was published
    const char* broken_ = nullptr;
};

}  // namespace motet::worker
