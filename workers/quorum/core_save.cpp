// The decision as bytes: what a worker that takes over has to know, and nothing a reader has to trust.
#include <algorithm>

#include "workers/quorum/core_votes.h"

namespace motet::quorum {

namespace {

constexpr std::uint32_t kFormat = 1;

void put_nodes(Writer& w, const std::vector<NodeId>& nodes) {
    w.u32(static_cast<std::uint32_t>(nodes.size()));
    for (const NodeId id : nodes) w.u32(id);
}

bool take_nodes(Reader& in, std::vector<NodeId>& nodes) {
    const std::uint32_t count = in.u32();
    if (!in.ok() || count > kNodesMax || in.remaining() < std::size_t{count} * 4) return false;
    nodes.resize(count);
    for (NodeId& id : nodes) id = in.u32();
    return in.ok();
}

void put_text(Writer& w, const std::string& text) {
    w.u32(static_cast<std::uint32_t>(text.size()));
    w.bytes(as_bytes(text));
}

bool take_text(Reader& in, std::string& text) {
    const std::uint32_t size = in.u32();
    if (!in.ok() || size >= wire::votequorum::kQdeviceNameSize) return false;
    text = as_text(in.bytes(size));
    return in.ok();
}

}  // namespace

void Timer::save(Writer& w) const {
    w.u64(static_cast<std::uint64_t>(wait_.ns));
    w.u64(static_cast<std::uint64_t>(due_.ns));
    w.u8(pending_ ? 1 : 0);
}

void Timer::restore(Reader& in) {
    constexpr std::int64_t kWaitMax = std::int64_t{1} << 60;  // so that no sum of a restored wait overflows
    wait_.ns = std::clamp(static_cast<std::int64_t>(in.u64()), std::int64_t{0}, kWaitMax);
    due_.ns = static_cast<std::int64_t>(in.u64());
    pending_ = in.u8() != 0;
}

void Votes::save(Bytes& out) const {
    Writer w(out);
    w.u32(kFormat);
    w.u32(settings_.self);
    w.u32(settings_.votes);
    w.u32(settings_.expected_votes);
    w.u32(static_cast<std::uint32_t>(voters_.size()));
    for (const Voter& v : voters_) {
        w.u32(v.id);
        w.u32(static_cast<std::uint32_t>(v.state));
        w.u32(v.votes);
        w.u32(v.expected_votes);
        w.u32(v.flags);
    }
    w.u32(ring_.rep);
    w.u64(ring_.seq);
    put_nodes(w, members_);
    put_nodes(w, settled_);
    put_nodes(w, companions_);
    for (const std::uint32_t n : {quorum_, device_votes_, floor_, tracked_, low_, high_}) w.u32(n);
    for (const bool b : {quorate_, published_, wait_status_, in_sync_, counting_, taught_, announced_, tie_allowed_, standing_, device_waits_, step_open_})
        w.u8(b ? 1 : 0);
    for (const std::uint32_t n : {counted_.quorum, counted_.expected_votes, counted_.low, counted_.high}) w.u32(n);
    w.u8(counted_.quorate ? 1 : 0);
    w.u8(counted_.wait_status ? 1 : 0);
    put_text(w, device_name_);
    put_text(w, registering_);
    device_timer_.save(w);
    window_timer_.save(w);
}

bool Votes::restore(Reader& in) {
    Votes next;
    next.settings_ = settings_;
    if (in.u32() != kFormat || in.u32() != settings_.self) return false;
    const std::uint32_t own_votes = in.u32(), own_expected = in.u32();
    const std::uint32_t count = in.u32();
    if (!in.ok() || count == 0 || count > kVotersMax || in.remaining() < std::size_t{count} * 20) return false;
    bool own = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        Voter v;
        v.id = in.u32();
        const std::uint32_t state = in.u32();
        if (state > static_cast<std::uint32_t>(NodeState::leaving)) return false;
        v.state = static_cast<NodeState>(state);
        v.votes = in.u32();
        v.expected_votes = in.u32();
        v.flags = in.u32();
        own = own || v.id == settings_.self;
        next.voters_.push_back(v);
    }
    next.ring_.rep = in.u32();
    next.ring_.seq = in.u64();
    if (!own || !take_nodes(in, next.members_) || !take_nodes(in, next.settled_) || !take_nodes(in, next.companions_))
        return false;
    for (std::uint32_t* n : {&next.quorum_, &next.device_votes_, &next.floor_, &next.tracked_, &next.low_, &next.high_})
        *n = in.u32();
    for (bool* b : {&next.quorate_, &next.published_, &next.wait_status_, &next.in_sync_, &next.counting_, &next.taught_, &next.announced_, &next.tie_allowed_, &next.standing_,
                    &next.device_waits_, &next.step_open_})
        *b = in.u8() != 0;
    Counted& counted = next.counted_;
    for (std::uint32_t* n : {&counted.quorum, &counted.expected_votes, &counted.low, &counted.high}) *n = in.u32();
    counted.quorate = in.u8() != 0;
    counted.wait_status = in.u8() != 0;
    if (!take_text(in, next.device_name_) || !take_text(in, next.registering_)) return false;
    next.device_timer_.restore(in);
    next.window_timer_.restore(in);
    if (!in.ok()) return false;
    next.settings_.votes = own_votes;
    next.settings_.expected_votes = own_expected;
    *this = std::move(next);
    return true;
}

}  // namespace motet::quorum
