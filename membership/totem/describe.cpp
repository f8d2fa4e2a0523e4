// The core in one line, for logs and the state dump.
#include <cstdio>

#include "membership/totem/core.h"

namespace motet::totem {

std::string Core::describe() const {
    char text[256];
    std::snprintf(text, sizeof text, "%s ring %u.%llx members", name(state_), ring_.rep, static_cast<unsigned long long>(ring_.seq));
    std::string line = text;
    for (const NodeId node : memb_) line += ' ' + std::to_string(node);
    if (state_ != State::operational) {
        line += " considered";
        for (const NodeId node : proc_) line += ' ' + std::to_string(node);
        if (failed_.size() > 0) line += " given up";
        for (const NodeId node : failed_) line += ' ' + std::to_string(node);
    }
    std::snprintf(text, sizeof text, " aru %u high %u delivered %u stable %u kept %u backlog %u+%u%s%s%s", my_aru_, high_seq_,
                  high_delivered_, stable_, regular_.count(), normal_queue_.backlog(), sync_queue_.backlog(),
                  held_ ? " idle" : "", holding_ ? " holding" : "", wta_receive_ ? " synchronising" : "");
    return line + text;
}

}  // namespace motet::totem
