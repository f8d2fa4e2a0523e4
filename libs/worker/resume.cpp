// A worker outlives its process: inputs are written down before the engine hears of them, and a successor hears them again.
// The order of stores behind this, and what happens when the process dies between any two of them: docs/rings.md.
#include <algorithm>
#include <cstring>
#include <utility>

#include "libs/base/log.h"
#include "libs/base/crash_point.h"
#include "libs/worker/worker.h"

namespace motet::worker {
namespace {

// The kernel's word about a client, in one number.
std::uint64_t user_and_group(const control::ConnEntry& c) { return std::uint64_t{c.uid} << 32 | c.gid; }

}  // namespace

// What earlier inputs have caused becomes visible before the next one is written down: a successor repeats what stands in the
// journal, and of pure inputs only those behind it.
ByteView Worker::write_down(Journal::Entry entry) {
    if (!defect("state before events")) publish_outputs();
    entry.delivery = cause_.delivery;
    entry.submitted = uplink_.submitted();
    entry.submitted_sync = uplink_.submitted_sync();
    crash_point("journal: before the entry");
    const std::optional<ByteView> copy = started_.journal->append(entry);
    if (!copy) fatal(name_ + ": no room is left in the journal of its state", true);
    crash_point("journal: behind the entry");
    ++cause_.journal;
    return *copy;
}

void Worker::publish_outputs() {
    publish_submits();
    clients_.publish_events();
}

void Worker::snapshot() {
    publish();   // what a closed client has caused, for example
    FrameState frame;
    frame.journal = cause_.journal;
    frame.delivery = cause_.delivery;
    frame.known.assign(known_.begin(), known_.end());
    std::sort(frame.known.begin(), frame.known.end());
    uplink_.save(frame);
    frame_bytes_.clear();
    engine_bytes_.clear();
    encode_frame_state(frame, frame_bytes_);
    if (!engine_->snapshot(engine_bytes_) || engine_bytes_.size() > kSnapshotMax ||
        !started_.journal->replace(frame_bytes_, engine_bytes_))
        fatal(name_ + ": its state is larger than can be kept (" + std::to_string(engine_bytes_.size()) + " bytes)", true);
    if (engine_bytes_.capacity() > (1u << 20)) engine_bytes_ = {};
    crash_point("journal: behind a snapshot");
}

void Worker::connect(const control::ConnEntry& client) {
    if (resumable())
        write_down({.kind = ring::Marker::connect,
                    .conn = client.id,
                    .number = static_cast<std::uint32_t>(client.pid),
                    .extra = user_and_group(client)});
    known_.insert(client.id);
    if (resumable()) started_.journal->mark(ring::Marker::connect, client.id, 0);
    engine_->on_connect(client.id, client.pid, client.uid, client.gid);
    if (resumable()) started_.journal->unmark();
}

void Worker::disconnect(ConnId conn) {
    if (resumable()) write_down({.kind = ring::Marker::disconnect, .conn = conn});
    known_.erase(conn);
    if (resumable()) started_.journal->mark(ring::Marker::disconnect, conn, 0);
    engine_->on_disconnect(conn);
    if (resumable()) started_.journal->unmark();
}

void Worker::tell_time(Instant now) {
    const auto ns = static_cast<std::uint64_t>(now.ns);
    if (resumable()) {
        write_down({.kind = ring::Marker::time, .number = ns});
        started_.journal->mark(ring::Marker::time, 0, ns);
    }
    engine_->on_time(now);
    if (resumable()) started_.journal->unmark();
}

void Worker::tell_news(ByteView news) {
    if (resumable()) {
        news = write_down({.kind = ring::Marker::outside, .payload = news});
        started_.journal->mark(ring::Marker::outside, 0, 0);
    }
    engine_->on_outside(news);
    if (resumable()) started_.journal->unmark();
}

// With descriptors it is about this process, and a successor is given its own; else it is an input like others.
void Worker::pass_on(control::Message& message) {
    if (!resumable() || !message.fds.empty()) return engine_->on_told(message);
    Bytes all;
    Writer to(all);
    to.bytes({reinterpret_cast<const std::uint8_t*>(&message.header), sizeof message.header});
    to.bytes(message.body);
    write_down({.kind = ring::Marker::told, .payload = all});
    started_.journal->mark(ring::Marker::told, 0, message.header.type);
    engine_->on_told(message);
    started_.journal->unmark();
}

void Worker::answer_request(const Journal::Entry& request) {
    request_conn_ = request.conn;
    request_after_ = request.position;
    started_.journal->mark(ring::Marker::request, request.conn, request.position);
    engine_->on_request(request.conn, request.type, request.number, request.payload);
    started_.journal->unmark();
    request_conn_ = 0;
}

bool Worker::cut_off_if_quarantined(ConnId conn, std::uint64_t position) {
    const bool found = std::any_of(quarantine_.begin(), quarantine_.end(),
                                   [&](const Quarantine& q) { return q.conn == conn && position >= q.position; });
    if (!found) return false;
    if (clients_.open(conn))
        MOTET_LOG(error, "%s: connection %llu is cut off: its request that ends at position %llu has ended two workers", name_.c_str(),
                  static_cast<unsigned long long>(conn), static_cast<unsigned long long>(position));
    clients_.cut_off(conn, ring::CutReason::poison);
    return true;
}

void Worker::repeat(const Journal::Entry& entry) {
    ++cause_.journal;
    cause_.delivery = entry.delivery;
    uplink_.repeat_from(entry.submitted, entry.submitted_sync);
    Journal& journal = *started_.journal;
    switch (entry.kind) {
        case ring::Marker::delivery:
            journal.mark(entry.kind, 0, entry.position);
            apply(entry.type, entry.payload);
            break;
        case ring::Marker::request:
            clients_.taken(entry.conn, entry.position);
            if (!cut_off_if_quarantined(entry.conn, entry.position)) answer_request(entry);
            break;
        case ring::Marker::time:
            journal.mark(entry.kind, 0, entry.number);
            engine_->on_time(Instant{static_cast<std::int64_t>(entry.number)});
            break;
        case ring::Marker::connect:
            journal.mark(entry.kind, entry.conn, 0);
            known_.insert(entry.conn);
            engine_->on_connect(entry.conn, static_cast<std::int32_t>(entry.number), static_cast<std::uint32_t>(entry.extra >> 32),
                                static_cast<std::uint32_t>(entry.extra));
            break;
        case ring::Marker::disconnect:
            journal.mark(entry.kind, entry.conn, 0);
            known_.erase(entry.conn);
            engine_->on_disconnect(entry.conn);
            break;
        case ring::Marker::outside:
            journal.mark(entry.kind, 0, 0);
            engine_->on_outside(entry.payload);
            break;
        case ring::Marker::told: {
            control::Message message;
            if (entry.payload.size() < sizeof message.header) fatal(name_ + ": the journal holds an impossible entry", true);
            std::memcpy(&message.header, entry.payload.data(), sizeof message.header);
            const ByteView body = entry.payload.subspan(sizeof message.header);
            message.body.assign(body.begin(), body.end());
            journal.mark(entry.kind, 0, message.header.type);
            engine_->on_told(message);
            break;
        }
        default: fatal(name_ + ": the journal holds an entry of an unknown kind", true);
    }
    journal.unmark();
}

Status Worker::take_up(const Journal::Kept& kept) {
    ByteView engine_part;
    const Result<FrameState> frame = decode_frame_state(kept.snapshot, engine_part);
    if (!frame) return frame.error();
    started_.journal->mark(ring::Marker::restore, 0, 0);
    if (Status restored = engine_->restore(engine_part); !restored) return restored;
    started_.journal->unmark();
    cause_ = {frame->delivery, frame->journal};
    known_.insert(frame->known.begin(), frame->known.end());
    uplink_.restore(*frame);
    for (std::size_t i = 0; i < kept.entries.size(); ++i) {
        repeating_ = i + 1 < kept.entries.size();   // whether the last was told to the supervisor is not known: twice is better than never
        repeat(kept.entries[i]);
    }
    repeating_ = false;
    uplink_.repeated();
    return Done{};
}

// Everything as the predecessor left it, then whatever it did not come to do. Nobody is listened to before.
void Worker::resume() {
    Result<std::optional<Journal::Kept>> kept = started_.journal->read();
    if (!kept) fatal(name_ + ": " + kept.error().text, true);
    if (*kept) {
        if (const Status taken = take_up(**kept); !taken) fatal(name_ + ": its state cannot be taken up: " + taken.error().text, true);
        crash_point("resume: behind the journal");
    }
    if (!defect("position ignored")) delivery_.skip_to(cause_.delivery);
    // Requests whose submissions are visible are done, although their clients may not have been told.
    if (!defect("no redo scan") && !uplink_.visit_unsettled(started_.submit.page(),
                                 [this](std::uint32_t conn, std::uint64_t position) { clients_.taken_by_low(conn, position); }))
        fatal(name_ + ": its submit ring cannot be read", true);
    cause_.delivery = delivery_.tail();

    const std::size_t repeated = *kept ? (*kept)->entries.size() : 0;
    std::size_t again = 0;
    for (const std::uint64_t until = clients_.delivered_to_anyone(); delivery_.tail() < until; ++again) {
        ring::Record record;
        if (delivery_.next(record) != ring::Pull::record)
            fatal(name_ + ": clients have events of deliveries that are not there", true);
        deliver_one(record);
    }
    clients_.resumed();
    serving_ = true;
    publish();
    crash_point("resume: behind the first publication");
    snapshot();

    for (const control::ConnEntry& client : std::exchange(handed_, {})) {
        if (clients_.open(client.id) && !known_.contains(client.id)) connect(client);
    }
    std::vector<ConnId> gone;
    for (const ConnId conn : known_)
        if (!clients_.knows(conn)) gone.push_back(conn);
    std::sort(gone.begin(), gone.end());
    for (const ConnId conn : gone) disconnect(conn);
    clients_.set_flow(ring::kFlowSync, !engine_->synchronised());
    if (*kept)
        MOTET_LOG(notice, "%s: goes on where its predecessor ended: %zu clients, %zu inputs of the journal and %zu deliveries repeated",
                  name_.c_str(), clients_.clients(), repeated, again);
}

}  // namespace motet::worker
