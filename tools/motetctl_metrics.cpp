// motetctl metrics: what all processes have published, as OpenMetrics text. Read from their pages, so it comes while they hang.
#include <charconv>
#include <nlohmann/json.hpp>

#include "libs/metrics/openmetrics.h"
#include "tools/motetctl_text.h"

namespace motet::ctl {
namespace {

struct Line {
    metrics::ValueType type{};
    std::string_view name, value;
};

std::string_view word(std::string_view& rest) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
}

// "TYPE NAME VALUE"; false for anything else.
bool take(std::string_view line, Line& out) {
    const std::string_view type = word(line);
    unsigned number = 0;
    const auto [end, problem] = std::from_chars(type.data(), type.data() + type.size(), number);
    if (problem != std::errc{} || end != type.data() + type.size() || number < 1 || number > 11) return false;
    out.type = static_cast<metrics::ValueType>(number);
    out.name = word(line);
    out.value = line;
    return !out.name.empty();
}

}  // namespace

Printed print_metrics(const Answer& answer, bool json) {
    metrics::OpenMetrics text;
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& [process, section] : answer) {
        text.process(process, section.age_ms);
        for (std::size_t from = 0; from < section.body.size();) {
            const std::size_t end = std::min(section.body.find('\n', from), section.body.size());
            Line line;
            if (take(std::string_view(section.body).substr(from, end - from), line)) {
                text.add(line.name, line.type, line.value);
                list.push_back({{"process", process}, {"name", line.name}, {"value", line.value}});
            }
            from = end + 1;
        }
    }
    if (json) return {nlohmann::ordered_json{{"schema", kSchema}, {"values", list}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n", true};
    return {text.text(), true};
}

}  // namespace motet::ctl
