// The membership process's page of status, as JSON text; the fields are documented in docs/motetctl-json.md.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "libs/config/totem_settings.h"
#include "membership/node/node.h"
#include "membership/transport/transport.h"

namespace motet {

// Who has been seen as a member, by node id: joined now, left after having joined, or never.
class MemberLog {
public:
    void note(const node::Event& event);
    const char* state(NodeId node) const;

private:
    std::map<NodeId, bool> joined_;
};

std::string status_json(const config::TotemSettings& settings, const node::Node& node, const transport::Transport& transport,
                        const MemberLog& members, const std::vector<std::string>& unenforced, Instant now);

}  // namespace motet
