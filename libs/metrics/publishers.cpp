#include "libs/metrics/publishers.h"

#include <array>
#include <string>

namespace motet::metrics {
namespace {

struct Rule {
    std::string_view process, prefix;
};
constexpr std::array kRules{
    Rule{"membership", "runtime.totem."}, Rule{"membership", "stats.srp."},     Rule{"membership", "stats.pg."},
    Rule{"membership", "stats.knet."},    Rule{"membership", "stats.schedmiss."}, Rule{"membership", "stats.totem."},
    Rule{"cpg", "runtime.services.cpg."}, Rule{"cpg", "stats.cpg."},
    Rule{"confdb", "runtime.services.cmap."}, Rule{"confdb", "runtime.services.cfg."},
    Rule{"quorum", "runtime.services.quorum."}, Rule{"quorum", "runtime.services.votequorum."}, Rule{"quorum", "runtime.votequorum."},
    Rule{"sam", "resources.process."}, Rule{"sam", "resources.system."}, Rule{"sam", "stats.sam."},
    Rule{"motet", "stats.supervisor."}, Rule{"motet", "stats.worker."},
};

}  // namespace

bool may_publish(std::string_view process, std::string_view key) {
    for (const Rule& rule : kRules)
        if (rule.process == process && key.starts_with(rule.prefix)) return true;
    constexpr std::string_view kOwn = "stats.worker.";
    return key.starts_with(kOwn) && key.substr(kOwn.size()).starts_with(std::string(process) + ".");
}

}  // namespace motet::metrics
