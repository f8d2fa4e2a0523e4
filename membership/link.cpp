#include "membership/link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "libs/base/crash_point.h"
#include "libs/wire/service.h"

namespace motet {
namespace {

// A worker that is at work takes at least so many bytes in this time: far below what any does, even one that takes only a
// batch now and then for the sake of a slow client. It gets out of congestion within kCongestedMax.
constexpr std::uint64_t kMovesBy = 8 * 1024;
constexpr Duration kMovesWithin = milliseconds(200);
constexpr Duration kCongestedMax = seconds(60);

}  // namespace

Link::Link(std::uint32_t number, std::string name, ServiceSet services, std::uint64_t incarnation, int socket,
           ring::Segment delivery, ring::Segment submit)
    : number_(number),
      name_(std::move(name)),
      services_(services),
      incarnation_(incarnation),
      socket_(socket),
      delivery_(std::move(delivery)),
      submit_(std::move(submit)),
      producer_(delivery_.page(), submit_.page()),
      consumer_(delivery_.page(), submit_.page(), static_cast<std::uint32_t>(totem::kMessageMax + feed::kSubmitHeaderSize),
                submit_.capacity()),
      sync_consumer_(delivery_.second(), submit_.second(), static_cast<std::uint32_t>(totem::kMessageMax + feed::kSubmitHeaderSize),
                     submit_.second_capacity()),
      inherited_(producer_.published() != 0) {
    producer_.keep_room(delivery_.capacity() / 4);      // the longest delivery must always find room behind a rewind
    const ring::Producer::Commit given = producer_.committed();
    given_ = {.own = given.a, .pending = given.b, .round = given.c / 2, .syncing = given.c % 2 != 0};
    own_published_ = given_.own;
    told_syncing_ = given_.syncing;
    numbered_ = delivery_.page()->numbered.load(std::memory_order_relaxed);
    taken_ = kept_ = consumer_.tail();
}

Link::~Link() { ::close(socket_); }

void Link::sync_started() {
    if (std::exchange(told_syncing_, true)) return;
    push(feed::Delivery::sync_started, ByteView{});
}

void Link::init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                std::span<const NodeId> continuing) {
    scratch_.clear();
    feed::encode_init({service, round, ring, {members.begin(), members.end()}, {continuing.begin(), continuing.end()}}, scratch_);
    push(feed::Delivery::init, scratch_);
}

void Link::step(feed::Delivery type, std::uint32_t service, sync::Round round) {
    scratch_.clear();
    feed::encode_step({service, round}, scratch_);
    push(type, scratch_);
}

void Link::process(std::uint32_t service, sync::Round round) { step(feed::Delivery::process, service, round); }
void Link::activate(std::uint32_t service, sync::Round round) { step(feed::Delivery::activate, service, round); }
void Link::abort(std::uint32_t service, sync::Round round) { step(feed::Delivery::abort, service, round); }

void Link::complete(RingId ring, bool all_motet) {
    told_syncing_ = false;
    scratch_.clear();
    feed::encode_complete({ring, all_motet}, scratch_);
    push(feed::Delivery::complete, scratch_);
}

void Link::message(NodeId from, ByteView body, bool foreign_order, bool of_predecessor) {
    std::uint8_t header[feed::kMessageHeaderSize];
    feed::encode_message_header(from, foreign_order, of_predecessor, header);
    const ByteView pieces[] = {header, body};
    push(feed::Delivery::message, pieces, std::exchange(own_next_, 0));
}

// What must be known of the delivery ring's records when a successor comes, and is stored with its head.
void Link::note(feed::Delivery type, ByteView front, std::uint64_t own) {
    ++delivered_;
    unpublished_ = true;
    if (own != 0 && !defect("own position not stored")) given_.own = own;
    switch (type) {
        case feed::Delivery::sync_started: given_.syncing = true; break;
        case feed::Delivery::complete:
            given_.syncing = false;
            view_unpublished_ = true;
            break;
        case feed::Delivery::init:
        case feed::Delivery::activate:
        case feed::Delivery::abort: {
            Reader in(front);
            const ServiceSet service = service_set(in.u32());
            if (type != feed::Delivery::init) given_.pending &= ~service;
            else given_.pending |= service, given_.round = in.u64();
            break;
        }
        case feed::Delivery::process:
        case feed::Delivery::message: break;
    }
}

bool Link::publish_now() {
    unpublished_ = view_unpublished_ = false;
    if (producer_.head() == producer_.published()) return false;
    producer_.commit({.a = given_.own, .b = given_.pending, .c = given_.round * 2 + (given_.syncing ? 1 : 0)});
    const bool sleeps = producer_.publish();
    own_published_ = given_.own;
    unsettled_ = true;
    return sleeps;
}

// A message that others deliver in a ring must not be delivered here in the ring before.
void Link::numbered(std::uint64_t position) {
    if (view_unpublished_) sleeps_ |= publish_now();
    numbered_ = position;
    crash_point("link: before a number");
    if (!defect("number not stored")) delivery_.page()->numbered.store(position, std::memory_order_release);
    crash_point("link: behind a number");
}

void Link::push(feed::Delivery type, std::span<const ByteView> pieces, std::uint64_t own) {
    if (broken_ != nullptr) return;
    if (backlog_.empty()) {
        switch (producer_.push(static_cast<std::uint16_t>(type), delivered_, pieces)) {
            case ring::Push::ok:
                note(type, pieces[0], own);
                if (producer_.worth_publishing() && publish_now()) send_token();
                return;
            case ring::Push::violation: broken_ = "its delivery cursor is impossible"; return;
            case ring::Push::full: break;
        }
    }
    Waiting waiting{type, {}, own};
    for (const ByteView piece : pieces) waiting.payload.insert(waiting.payload.end(), piece.begin(), piece.end());
    backlog_bytes_ += waiting.payload.size() + sizeof(Waiting);
    backlog_.push_back(std::move(waiting));
    if (backlog_bytes_ > kBacklogMax) broken_ = "it does not take its deliveries";
}

void Link::push_backlog() {
    while (!backlog_.empty() && broken_ == nullptr) {
        const Waiting& next = backlog_.front();
        const ByteView payload = next.payload;
        const ring::Push pushed =
            producer_.push(static_cast<std::uint16_t>(next.type), delivered_, std::span<const ByteView>(&payload, 1));
        if (pushed == ring::Push::violation) broken_ = "its delivery cursor is impossible";
        if (pushed != ring::Push::ok) return;
        note(next.type, next.payload, next.own);
        backlog_bytes_ -= next.payload.size() + sizeof(Waiting);
        backlog_.pop_front();
    }
}

bool Link::publish() {
    if (!backlog_.empty()) push_backlog();
    const bool moved = unpublished_;
    if (moved) sleeps_ |= publish_now();
    // Long deliveries have been published as they came.
    if (std::exchange(unsettled_, false)) settle();
    return moved;
}

// Application messages are given back when the worker can see their delivery, operations when the supervisor has been told.
void Link::settle() {
    std::uint64_t to = static_cast<std::int64_t>(own_published_ - kept_) >= 0 ? taken_ : own_published_;
    if (defect("tail at reading")) to = taken_;
    if (!operations_.empty() && static_cast<std::int64_t>(operations_.front().begin - to) < 0) to = operations_.front().begin;
    if (consumer_.release_to(to)) give_space(consumer_);
}

void Link::give_space(ring::Consumer& from) {
    const char token = 's';
    (void)!::send(socket_, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    from.space_served();
}

void Link::wake() {
    if (sleeps_) send_token();
}

void Link::send_token() {
    const char token = 'w';
    (void)!::send(socket_, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);  // a full socket holds tokens enough
    producer_.served();
    sleeps_ = false;
}

bool Link::submit(node::Node& node, const Held& held, Instant now) {
    const auto submitted = feed::decode_submit(held.record.payload);
    if (!submitted) {
        broken_ = "a submission is malformed";
        return true;
    }
    const feed::SubmitHeader& h = submitted->header;
    switch (static_cast<feed::Submit>(held.record.type)) {
        case feed::Submit::multicast: {
            const auto guarantee = h.guarantee == 1 ? Guarantee::safe : Guarantee::agreed;
            // Of a unit in several messages only the last counts: a successor sends it whole, or not again.
            const node::Service* const told = h.unit_last != 0 ? this : nullptr;
            switch (node.submit(services_, submitted->body, guarantee, h.unit_first != 0, h.unit_last != 0, now, told, held.record.position_after)) {
                case node::Submitted::taken: kept_ = held.record.position_after; return true;
                case node::Submitted::no_room: return false;
                case node::Submitted::refused: broken_ = "it submits what is not a message of its services"; return true;
            }
            return true;
        }
        case feed::Submit::operation: return take_operation(*submitted, held.begin, held.record.position_after);
        case feed::Submit::sync_multicast:
        case feed::Submit::sync_done: break;
    }
    broken_ = "a submission has an unknown type";
    return true;
}

bool Link::take_operation(const feed::Submitted& submitted, std::uint64_t begin, std::uint64_t end) {
    if (!contains(services_, static_cast<std::uint32_t>(wire::Service::cfg))) {
        broken_ = "it asks the daemon for what only the worker of cfg may ask";
    } else if (submitted.body.size() > feed::kOperationTextMax) {
        broken_ = "an operation has too long a text";
    } else if (static_cast<std::int64_t>(end - delivery_.page()->operated.load(std::memory_order_relaxed)) > 0) {   // else a predecessor has told it
        if (operations_.size() >= kOperationsMax) return false;
        operations_.push_back({submitted.header.reply, submitted.header.round, std::string(as_text(submitted.body)), begin, end});
    }
    return true;
}

void Link::operation_done(std::size_t which) {
    const auto at = operations_.begin() + static_cast<std::ptrdiff_t>(which);
    // One that overtakes others is not noted: a successor does it again.
    if (which == 0) delivery_.page()->operated.store(at->end, std::memory_order_release);
    operations_.erase(at);
    settle();
}

bool Link::submit_sync(node::Node& node, const ring::Record& record, Instant now) {
    const auto submitted = feed::decode_submit(record.payload);
    if (!submitted) {
        broken_ = "a submission is malformed";
        return true;
    }
    const feed::SubmitHeader& h = submitted->header;
    if (record.type == static_cast<std::uint16_t>(feed::Submit::sync_multicast)) {
        const node::Submitted result = node.submit_sync(services_, h.round, submitted->body, now);
        if (result == node::Submitted::refused) broken_ = "it submits what is not a message of its services";
        return result != node::Submitted::no_room;
    }
    if (record.type != static_cast<std::uint16_t>(feed::Submit::sync_done)) broken_ = "a submission has an unknown type";
    else if (contains(services_, h.service)) node.sync_done(h.service, h.round, now);
    else broken_ = "it ends a step of a service that is not its own";
    return true;
}

bool Link::drain(ring::Consumer& from, Held& held, std::size_t batch, node::Node& node, Instant now) {
    bool any = false;
    for (std::size_t i = 0; i < batch && broken_ == nullptr; ++i) {
        if (!held.holding) {
            held.begin = from.tail();
            const ring::Pull pulled = from.next(held.record);
            if (pulled == ring::Pull::violation) broken_ = "its submit ring is malformed";
            if (pulled != ring::Pull::record) break;
            held.holding = true;
        }
        // The ring keeps the record until the queue has room.
        if (&from == &consumer_ ? !submit(node, held, now) : !submit_sync(node, held.record, now)) break;
        held.holding = false;
        any = true;
        if (&from != &consumer_) continue;
        taken_ = held.record.position_after;
        if (held.record.type == static_cast<std::uint16_t>(feed::Submit::operation)) break;   // it may have to be carried out before what follows it is sent
    }
    return any;
}

bool Link::drain(node::Node& node, Instant now, std::size_t batch) {
    const bool sync = drain(sync_consumer_, sync_held_, batch, node, now);
    if (sync && sync_consumer_.release_to(sync_held_.holding ? sync_held_.begin : sync_consumer_.tail())) give_space(sync_consumer_);
    const bool app = drain(consumer_, held_, batch, node, now);
    if (app) settle();
    return sync || app;
}

std::size_t Link::take_over(NodeId self) {
    sync_started();
    // Whatever lies before has been given to the worker.
    consumer_.skip_to(given_.own);
    taken_ = kept_ = consumer_.tail();
    std::size_t messages = 0;
    while (static_cast<std::int64_t>(numbered_ - consumer_.tail()) > 0 && broken_ == nullptr) {
        const std::uint64_t begin = consumer_.tail();
        ring::Record record;
        const auto submitted = consumer_.next(record) == ring::Pull::record ? feed::decode_submit(record.payload) : std::nullopt;
        if (!submitted) {
            broken_ = "its submit ring is not what it was";
            break;
        }
        taken_ = kept_ = record.position_after;
        if (record.type == static_cast<std::uint16_t>(feed::Submit::operation)) {
            take_operation(*submitted, begin, record.position_after);
            continue;
        }
        const auto header = wire::decode_service_header(submitted->body, false);
        if (!header || !contains(services_, header->service()) || header->size != submitted->body.size()) {
            broken_ = "it submits what is not a message of its services";
            break;
        }
        if (defect("own messages not given")) continue;
        own_next_ = submitted->header.unit_last != 0 ? record.position_after : 0;
        message(self, submitted->body, false, false);
        ++messages;
        crash_point("link: behind a message that is given again");
    }
    const ServiceSet pending = given_.pending;
    for (std::uint32_t id = 0; id < wire::kServicesMax; ++id)
        if (contains(pending, id) && !defect("round not ended")) abort(id, given_.round);
    settle();
    send_token();   // one of the predecessor's may have died with it
    return messages;
}

void Link::drain_tokens() {
    char tokens[256];
    (void)!::recv(socket_, tokens, sizeof tokens, MSG_DONTWAIT);
}

bool Link::arm(bool for_submissions) {
    if (broken_ != nullptr) return false;
    if (!backlog_.empty() && !producer_.want_space()) return false;
    if (!for_submissions) return true;
    // Of what is held, the token's next visit makes room, not the worker.
    const bool sync_quiet = sync_held_.holding || sync_consumer_.arm();
    return (held_.holding || consumer_.arm()) && sync_quiet;
}

bool Link::congested(Instant now) {
    // Used, not free: a ring that rewinds is full of padding until the worker follows, but not of work.
    if (backlog_.empty() && producer_.used_bytes() <= delivery_.capacity() / 8 * 7) {
        congested_since_ = now;
        return false;
    }
    const std::uint64_t tail = cursor();
    if (static_cast<std::int64_t>(tail - moved_to_) >= static_cast<std::int64_t>(kMovesBy)) {
        moved_to_ = tail;
        moved_at_ = now;
    }
    return now - moved_at_ < kMovesWithin && now - congested_since_ < kCongestedMax;
}

}  // namespace motet
