#include "workers/confdb/pages.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "libs/base/log.h"
#include "libs/metrics/publishers.h"
#include "libs/metrics/values.h"

namespace motet::confdb {
namespace {

constexpr Duration kLookEvery = milliseconds(200), kStatisticsEvery = milliseconds(1500);

bool is_statistic(std::string_view key) { return key.starts_with("stats."); }

Value value_of(const metrics::NamedValue& named) { return {static_cast<Type>(named.type), named.bytes}; }

// u32 entries; each u16 key length, u8 type, u32 value length, key, value.
void encode(const ValueMap& values, Writer& out) {
    out.u32(static_cast<std::uint32_t>(values.size()));
    for (const auto& [key, value] : values) {
        out.u16(static_cast<std::uint16_t>(key.size()));
        out.u8(static_cast<std::uint8_t>(value.type));
        out.u32(static_cast<std::uint32_t>(value.bytes.size()));
        out.bytes(as_bytes(key));
        out.bytes(as_bytes(value.bytes));
    }
}

void decode(Reader& in, ValueMap& values) {
    const std::uint32_t entries = in.u32();
    for (std::uint32_t i = 0; i < entries && in.ok(); ++i) {
        const std::uint16_t key_length = in.u16();
        const auto type = static_cast<Type>(in.u8());
        const std::uint32_t length = in.u32();
        std::string key(as_text(in.bytes(key_length)));
        values[std::move(key)] = {type, std::string(as_text(in.bytes(length)))};
    }
}

}  // namespace

void Pages::take(const control::Message& message) {
    pages_.take(as_text(message.body), message.fds);
    seen_.resize(pages_.size());
}

// Counters that were cleared are shown from there; a process that has begun again counts from zero anyway.
std::uint64_t Pages::count_from_zero(std::string_view key, std::uint64_t value) const {
    const auto base = cleared_.find(key);
    return base == cleared_.end() || base->second > value ? value : value - base->second;
}

void Pages::read_values(const metrics::MappedPages::Page& page) {
    const auto values = metrics::read_values(metrics::values_area(page.at));
    if (!values) return;
    for (const metrics::NamedValue& one : values->all) {
        if (!is_statistic(one.name) || !metrics::may_publish(page.name, one.name)) continue;
        Value value = value_of(one);
        if (value.type == Type::u64 && !cleared_.empty()) value = Value::u64(count_from_zero(one.name, value.integer()));
        statistics_.insert_or_assign(one.name, std::move(value));
    }
}

void Pages::read_connections(const metrics::MappedPages::Page& page) {
    const auto connections = metrics::read_connections(metrics::connections_area(page.at));
    if (!connections) return;
    closed_ += connections->closed;
    for (const metrics::ConnectionValues& one : connections->all) {
        ++active_;
        char base[96];
        // The third part is an identity that looks like Corosync's, whose readers expect one.
        std::snprintf(base, sizeof base, "stats.ipcs.service%" PRIu32 ".%" PRId32 ".0x%012" PRIx64 ".", one.service, one.pid, one.id);
        const std::string prefix = base;
        const auto count = [&](const char* name, std::uint64_t value) {
            std::string key = prefix + name;
            const std::uint64_t shown = count_from_zero(key, value);
            statistics_.insert_or_assign(std::move(key), Value::u64(shown));
        };
        const auto gauge = [&](const char* name, Value value) { statistics_.insert_or_assign(prefix + name, std::move(value)); };
        count("dispatched", one.events);
        count("requests", one.requests);
        count("responses", one.replies);
        count("invalid_request", one.invalid);
        count("flow_control_count", one.flow_control_count);
        count("overload", 0);
        count("recv_retries", 0);
        count("send_retries", 0);
        gauge("flow_control", Value::u32(one.flow_control));
        gauge("queued", Value::u32(one.queued));
        gauge("queueing", Value::i32(one.queued > 0 ? 1 : 0));
        gauge("sent", Value::u32(0));
        gauge("procname", Value::text(one.process));
    }
}

const ValueMap& Pages::read() {
    statistics_.clear();
    active_ = closed_ = 0;
    for (const metrics::MappedPages::Page& page : pages_) {
        read_values(page);
        read_connections(page);
    }
    statistics_["stats.ipcs.global.active"] = Value::u64(active_);
    statistics_["stats.ipcs.global.closed"] = Value::u64(count_from_zero("stats.ipcs.global.closed", closed_));
    return statistics_;
}

void Pages::clear(std::string_view group) {
    // From what processes say, not from what was shown since the last time.
    auto before = std::exchange(cleared_, {});
    std::map<std::string, std::uint64_t, std::less<>> after;
    for (const auto& [key, value] : read()) {
        const bool chosen = group == "all" || (group == "knet" && key.starts_with("stats.knet.")) || (group == "ipc" && key.starts_with("stats.ipcs.")) ||
                            (group == "totem" && (key.starts_with("stats.srp.") || key.starts_with("stats.pg."))) ||
                            (group == "schedmiss" && key.starts_with("stats.schedmiss."));
        if (chosen && value.type == Type::u64) after[key] = value.integer();
        else if (const auto old = before.find(key); old != before.end()) after.insert(*old);
    }
    cleared_ = std::move(after);
}

Bytes Pages::look(Instant now, bool statistics_wanted) {
    due_ = now + kLookEvery;
    Bytes bytes;
    Writer out(bytes);
    bool any = false;
    for (std::size_t i = 0; i < pages_.size(); ++i) {
        const metrics::MappedPages::Page& page = pages_[i];
        const std::uint64_t sequence = metrics::values_sequence(metrics::values_area(page.at));
        if (sequence == seen_[i]) continue;
        const auto values = metrics::read_values(metrics::values_area(page.at));
        if (!values) continue;
        seen_[i] = sequence;
        ValueMap keys;
        for (const metrics::NamedValue& one : values->all)
            if (!is_statistic(one.name) && metrics::may_publish(page.name, one.name)) keys.insert_or_assign(one.name, value_of(one));
        out.u8(static_cast<std::uint8_t>(i + 1));
        encode(keys, out);
        any = true;
    }
    if (statistics_wanted && now >= statistics_due_) {
        statistics_due_ = now + kStatisticsEvery;
        out.u8(0);
        encode(read(), out);
        any = true;
    }
    return any ? bytes : Bytes{};
}

std::optional<News> decode_news(ByteView bytes) {
    Reader in(bytes);
    News news;
    while (in.ok() && in.remaining() > 0) {
        const std::uint8_t number = in.u8();
        if (number == 0) {
            decode(in, news.statistics.emplace());
        } else {
            decode(in, news.pages.emplace_back(PageNews{number, {}}).values);
        }
    }
    if (!in.ok()) return std::nullopt;
    return news;
}

}  // namespace motet::confdb
