#include "membership/link.h"

#include <sys/socket.h>
#include <unistd.h>

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
                submit_.capacity()) {
    producer_.keep_room(delivery_.capacity() / 4);      // the longest delivery must always find room behind a rewind
}

Link::~Link() { ::close(socket_); }

void Link::sync_started() { push(feed::Delivery::sync_started, ByteView{}); }

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
    scratch_.clear();
    feed::encode_complete({ring, all_motet}, scratch_);
    push(feed::Delivery::complete, scratch_);
}

void Link::message(NodeId from, ByteView body, bool foreign_order) {
    std::uint8_t header[feed::kMessageHeaderSize];
    feed::encode_message_header(from, foreign_order, header);
    const ByteView pieces[] = {header, body};
    push(feed::Delivery::message, pieces);
}

void Link::push(feed::Delivery type, std::span<const ByteView> pieces) {
    if (broken_ != nullptr) return;
    if (backlog_.empty()) {
        switch (producer_.push(static_cast<std::uint16_t>(type), delivered_, pieces)) {
            case ring::Push::ok:
                ++delivered_;
                unpublished_ = true;
                if (producer_.worth_publishing() && producer_.publish()) send_token();
                return;
            case ring::Push::violation: broken_ = "its delivery cursor is impossible"; return;
            case ring::Push::full: break;
        }
    }
    Waiting waiting{type, {}};
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
        ++delivered_;
        unpublished_ = true;
        backlog_bytes_ -= next.payload.size() + sizeof(Waiting);
        backlog_.pop_front();
    }
}

bool Link::publish() {
    if (!backlog_.empty()) push_backlog();
    if (!unpublished_) return false;
    unpublished_ = false;
    sleeps_ |= producer_.publish();
    return true;
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

bool Link::submit(node::Node& node, const ring::Record& record, Instant now) {
    const auto submitted = feed::decode_submit(record.payload);
    if (!submitted) {
        broken_ = "a submission is malformed";
        return true;
    }
    const feed::SubmitHeader& h = submitted->header;
    switch (static_cast<feed::Submit>(record.type)) {
        case feed::Submit::multicast: {
            const auto guarantee = h.guarantee == 1 ? Guarantee::safe : Guarantee::agreed;
            switch (node.submit(services_, submitted->body, guarantee, h.unit_first != 0, h.unit_last != 0, now)) {
                case node::Submitted::taken: return true;
                case node::Submitted::no_room: return false;
                case node::Submitted::refused: broken_ = "it submits what is not a message of its services"; return true;
            }
            return true;
        }
        case feed::Submit::sync_multicast: {
            const node::Submitted result = node.submit_sync(services_, h.round, submitted->body, now);
            if (result == node::Submitted::refused) broken_ = "it submits what is not a message of its services";
            return result != node::Submitted::no_room;
        }
        case feed::Submit::sync_done:
            if (contains(services_, h.service)) node.sync_done(h.service, h.round, now);
            else broken_ = "it ends a step of a service that is not its own";
            return true;
        case feed::Submit::operation:
            if (!contains(services_, static_cast<std::uint32_t>(wire::Service::cfg))) {
                broken_ = "it asks the daemon for what only the worker of cfg may ask";
            } else if (submitted->body.size() > feed::kOperationTextMax) {
                broken_ = "an operation has too long a text";
            } else {
                if (operations_.size() >= kOperationsMax) return false;
                operations_.push_back({h.reply, h.round, std::string(as_text(submitted->body))});
            }
            return true;
    }
    broken_ = "a submission has an unknown type";
    return true;
}

bool Link::drain(node::Node& node, Instant now, std::size_t batch) {
    bool any = false;
    for (std::size_t i = 0; i < batch && broken_ == nullptr; ++i) {
        if (!holding_) {
            const ring::Pull pulled = consumer_.next(held_);
            if (pulled == ring::Pull::violation) broken_ = "its submit ring is malformed";
            if (pulled != ring::Pull::record) break;
            holding_ = true;
        }
        if (!submit(node, held_, now)) return any;   // the ring keeps the record until the queue has room
        const bool operation = held_.type == static_cast<std::uint16_t>(feed::Submit::operation);
        holding_ = false;
        any = true;
        if (operation) break;   // it may have to be carried out before what follows it is sent
    }
    if (any && consumer_.release()) {
        const char token = 's';
        (void)!::send(socket_, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        consumer_.space_served();
    }
    return any;
}

void Link::drain_tokens() {
    char tokens[256];
    (void)!::recv(socket_, tokens, sizeof tokens, MSG_DONTWAIT);
}

bool Link::arm(bool for_submissions) {
    if (broken_ != nullptr) return false;
    if (!backlog_.empty() && !producer_.want_space()) return false;
    if (holding_ || !for_submissions) return true;      // the token's next visit makes room, not the worker
    return consumer_.arm();
}

bool Link::congested(Instant now) {
    // Used, not free: a ring that rewinds is full of padding until the worker follows, but not of work.
    if (backlog_.empty() && producer_.used_bytes() <= delivery_.capacity() / 8 * 7) {
        congested_since_ = now;
        return false;
    }
    const std::uint64_t tail = cursor();
    if (static_cast<std::int64_t>(tail - taken_) >= static_cast<std::int64_t>(kMovesBy)) {
        taken_ = tail;
        taken_at_ = now;
    }
    return now - taken_at_ < kMovesWithin && now - congested_since_ < kCongestedMax;
}

}  // namespace motet
