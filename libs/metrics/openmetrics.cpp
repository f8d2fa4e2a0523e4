// See openmetrics.h.
#include "libs/metrics/openmetrics.h"

#include <array>
#include <cstdio>
#include <cstring>

namespace motet::metrics {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string_view> words_of(std::string_view key) {
    std::vector<std::string_view> out;
    while (!key.empty()) {
        const std::size_t end = std::min(key.find('.'), key.size());
        out.push_back(key.substr(0, end));
        key.remove_prefix(std::min(end + 1, key.size()));
    }
    return out;
}

bool digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// "node2" with "node": "2".
bool numbered(std::string_view word, std::string_view name, std::string& number) {
    if (!word.starts_with(name) || !digits(word.substr(name.size()))) return false;
    number = word.substr(name.size());
    return true;
}

// Letters, digits and underscores, not beginning with a digit.
std::string metric_word(std::string_view word) {
    std::string out;
    for (const char c : word) out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    return out;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') out += "\\n";
        else if (static_cast<unsigned char>(c) < 0x20) out += '?';
        else out += c;
    }
    return out;
}

// What stands for one thing out of many becomes a label, the rest the name.
std::string name_of(std::string_view key, Labels& labels) {
    const std::vector<std::string_view> words = words_of(key);
    std::string out = "motet", number;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view before = i > 0 ? words[i - 1] : "";
        if (words[i] == "stats" && i == 0) continue;
        if (numbered(words[i], "node", number) && before == "knet") labels.emplace_back("node", number);
        else if (numbered(words[i], "link", number)) labels.emplace_back("link", number);
        else if (before == "worker" && i + 1 < words.size()) labels.emplace_back("worker", words[i]);
        else if (before == "services" && i + 1 < words.size()) labels.emplace_back("service", words[i]);
        else if (before == "members" && digits(words[i])) labels.emplace_back("node", words[i]);
        else if (numbered(words[i], "service", number) && before == "ipcs") labels.emplace_back("service", number), labels.emplace_back("pid", i + 1 < words.size() ? words[i + 1] : ""),
            labels.emplace_back("connection", i + 2 < words.size() ? words[i + 2] : ""), out += "_connection", i += 2;
        else if (digits(words[i])) labels.emplace_back("number", words[i]);
        else out += "_" + metric_word(words[i]);
    }
    return out;
}

// Corosync's 64-bit statistics count, but for these.
bool is_counter(std::string_view key, ValueType type) {
    if (type != ValueType::u64 || !(key.starts_with("stats.") || key.starts_with("runtime.services."))) return false;
    constexpr std::array<std::string_view, 17> kGauges{"time_since_token_last_received", "_time_min", "_time_max", "_time_ave", "uptime", "active", "ring_used", "timestamp",
                                                       "schedmiss", "queued", "backlog", "latency", "rss", "clients", "config_version", "_bytes_used", "_age"};
    for (const std::string_view word : kGauges)
        if (key.find(word) != key.npos) return false;
    return true;
}

}  // namespace

std::string shown(const NamedValue& value) {
    const auto integer = [&](auto zero) {
        auto n = zero;
        std::memcpy(&n, value.bytes.data(), std::min(sizeof n, value.bytes.size()));
        return n;
    };
    char text[64] = "";
    switch (value.type) {
        case ValueType::i8: return std::to_string(integer(std::int8_t{}));
        case ValueType::u8: return std::to_string(integer(std::uint8_t{}));
        case ValueType::i16: return std::to_string(integer(std::int16_t{}));
        case ValueType::u16: return std::to_string(integer(std::uint16_t{}));
        case ValueType::i32: return std::to_string(integer(std::int32_t{}));
        case ValueType::u32: return std::to_string(integer(std::uint32_t{}));
        case ValueType::i64: return std::to_string(integer(std::int64_t{}));
        case ValueType::u64: return std::to_string(integer(std::uint64_t{}));
        case ValueType::f32: std::snprintf(text, sizeof text, "%.9g", static_cast<double>(integer(float{}))); return text;
        case ValueType::f64: std::snprintf(text, sizeof text, "%.17g", integer(double{})); return text;
        case ValueType::text: return value.bytes;
    }
    return {};
}

void OpenMetrics::sample(const std::string& name, const std::string& help, bool counter, const Labels& labels, std::string_view value) {
    Family& family = families_[name];
    if (family.samples.empty()) family.help = help, family.counter = counter;
    std::string line = name + (family.counter ? "_total" : "");
    for (std::size_t i = 0; i < labels.size(); ++i) line += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + escaped(labels[i].second) + "\"";
    if (!labels.empty()) line += "}";
    if (!family.known.insert(line).second) return;
    family.samples.push_back(line + " " + std::string(value) + "\n");
}

void OpenMetrics::add(std::string_view key, ValueType type, std::string_view value) {
    Labels labels;
    const std::string name = name_of(key, labels);
    std::string pattern;
    for (const std::string_view word : words_of(key)) {
        std::string number;
        const bool one = digits(word) || numbered(word, "node", number) || numbered(word, "link", number);
        pattern += (pattern.empty() ? "" : ".") + (one && !number.empty() ? std::string(word.substr(0, word.size() - number.size())) + "N" : one ? "N" : std::string(word));
    }
    if (type == ValueType::text) {
        labels.emplace_back("value", value);
        return sample(name + "_info", "Text of " + pattern + ".", false, labels, "1");
    }
    sample(name, "Value of " + pattern + ".", is_counter(key, type), labels, value);
}

void OpenMetrics::gauge(const std::string& name, const std::string& help, Labels labels, std::string_view value) {
    sample(name, help, false, labels, value);
}

void OpenMetrics::process(std::string_view process_name, std::int64_t age_ms) {
    constexpr std::int64_t kFreshMs = 3000;   // a process publishes at least once a second
    gauge("motet_process_up", "1 while the process has published its values within 3 s.", {{"process", std::string(process_name)}},
          age_ms >= 0 && age_ms <= kFreshMs ? "1" : "0");
}

std::string OpenMetrics::text() const {
    std::string out;
    for (const auto& [name, family] : families_) {
        out += "# TYPE " + name + (family.counter ? " counter" : " gauge") + "\n";
        out += "# HELP " + name + " " + escaped(family.help) + "\n";
        for (const std::string& line : family.samples) out += line;
    }
    return out + "# EOF\n";
}

}  // namespace motet::metrics
