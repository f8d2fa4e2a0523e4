// See cfg_shutdown.h; the rules are Corosync's.
#include "workers/confdb/cfg_shutdown.h"

#include <algorithm>
#include <array>

#include "libs/wire/cfg.h"

namespace motet::cfg {
namespace {

constexpr std::uint64_t kPatienceMax_ms = 3'600'000;

void reply(ConnId conn, std::uint64_t request, Code code, Output& out) {
    const wire::cfg_client::Reply body{static_cast<std::uint32_t>(code)};
    const ByteView piece{reinterpret_cast<const std::uint8_t*>(&body), sizeof body};
    out.reply(conn, request, {&piece, 1});
}

}  // namespace

void Shutdown::track(ConnId conn, bool on) {
    if (on) trackers_.insert(conn);
    else trackers_.erase(conn);
}

void Shutdown::ask(ConnId conn, std::uint64_t request, std::uint32_t flags, const World& world, Output& out) {
    if (flags > kImmediate) return reply(conn, request, Code::invalid_param, out);
    if (asker_ != 0 || announced_) return reply(conn, request, Code::exist, out);
    asker_ = conn;
    request_ = request;
    flags_ = flags;
    waiting_.clear();
    if (flags != kImmediate) waiting_ = trackers_;
    waiting_.erase(conn);
    if (waiting_.empty()) return decide(true, out);
    const ByteView piece{reinterpret_cast<const std::uint8_t*>(&flags_), sizeof flags_};
    for (const ConnId tracker : waiting_) out.event(tracker, wire::cfg_client::Event::shutdown, {&piece, 1});
    patience_ = milliseconds(static_cast<std::int64_t>(std::min(world.shutdown_timeout_ms(), kPatienceMax_ms)));
    started_ = true;
}

void Shutdown::answer(ConnId conn, bool yes, Output& out) {
    if (asker_ == 0 || waiting_.erase(conn) == 0) return;
    if (!yes && flags_ == kRequest) return decide(false, out);
    if (waiting_.empty()) decide(true, out);
}

void Shutdown::on_disconnect(ConnId conn, Output& out) {
    trackers_.erase(conn);
    if (asker_ == conn) {
        // Nobody is left to be told, but who was asked may answer; what has been decided stays so.
        asker_ = 0;
        waiting_.clear();
        started_ = false;
        if (!announced_) due_ = kNever;
        return;
    }
    answer(conn, true, out);
}

void Shutdown::decide(bool stop, Output& out) {
    const ConnId asker = asker_;
    asker_ = 0;
    waiting_.clear();
    started_ = false;
    due_ = kNever;
    reply(asker, request_, stop ? Code::ok : Code::busy, out);
    if (!stop) return;
    announced_ = true;
    patience_ = kOwnMessageMax;
    started_ = true;
    Bytes message;
    wire::cfg::encode_shutdown(message);
    out.submit(message, Guarantee::safe);
}

void Shutdown::on_announced(Output& out) {
    if (!announced_) return;      // of a worker that is no more
    announced_ = started_ = false;
    due_ = kNever;
    out.operate(Operation::stop, 0, "asked for by a client");
}

void Shutdown::on_time(Instant now, Output& out) {
    if (started_) {
        due_ = now + patience_;
        started_ = false;
    }
    if (now < due_) return;
    due_ = kNever;
    if (announced_) on_announced(out);
    else if (asker_ != 0) decide(flags_ == kRegardless, out);
}

void Shutdown::save(Writer& out) const {
    for (const std::set<ConnId>* set : {&trackers_, &waiting_}) {
        out.u32(static_cast<std::uint32_t>(set->size()));
        for (const ConnId conn : *set) out.u64(conn);
    }
    out.u64(asker_);
    out.u64(request_);
    out.u32(flags_);
    out.u8(announced_ ? 1 : 0);
    out.u8(started_ ? 1 : 0);
    out.u64(static_cast<std::uint64_t>(patience_.ns));
    out.u64(static_cast<std::uint64_t>(due_.ns));
}

bool Shutdown::restore(Reader& in) {
    for (std::set<ConnId>* set : {&trackers_, &waiting_}) {
        const std::uint32_t count = in.u32();
        for (std::uint32_t i = 0; i < count && in.ok(); ++i) set->insert(in.u64());
    }
    asker_ = in.u64();
    request_ = in.u64();
    flags_ = in.u32();
    announced_ = in.u8() != 0;
    started_ = in.u8() != 0;
    patience_.ns = static_cast<std::int64_t>(in.u64());
    due_.ns = static_cast<std::int64_t>(in.u64());
    return in.ok();
}

}  // namespace motet::cfg
