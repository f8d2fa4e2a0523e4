// Values under Corosync's names as OpenMetrics text, the format that Prometheus reads. What stands as a part of a name there
// (node, link, worker, service, connection) becomes a label; counters end in _total. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "libs/metrics/values.h"

namespace motet::metrics {

class OpenMetrics {
public:
    // A key such as "stats.knet.node2.link0.mtu"; `value` as text, numeric. Text values become a label of a metric that is 1.
    void add(std::string_view key, ValueType type, std::string_view value);
    void gauge(const std::string& name, const std::string& help, std::vector<std::pair<std::string, std::string>> labels, std::string_view value);
    // Whether the process has published its values lately; age_ms < 0: never.
    void process(std::string_view process_name, std::int64_t age_ms);
    // Families in the order of their names, "# EOF" at the end.
    std::string text() const;

private:
    struct Family {
        std::string help;
        bool counter = false;
        std::vector<std::string> samples;   // complete lines
        std::set<std::string> known;        // names with labels: of two alike the first stays, for the format allows one
    };
    void sample(const std::string& name, const std::string& help, bool counter, const std::vector<std::pair<std::string, std::string>>& labels, std::string_view value);
    std::map<std::string, Family> families_;
};

// The value of a NamedValue as decimal text; text as it is.
std::string shown(const NamedValue& value);

}  // namespace motet::metrics
