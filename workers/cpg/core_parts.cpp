// Long messages on their way in. They are put together for every process in view, with or without local members:
// whoever joins between the first part and the last receives the message like everybody else.
#include "workers/cpg/core_state.h"

namespace motet::cpg {

void State::release(Member& member) {
    if (!member.assembly) return;
    assembling_ -= member.assembly->total;
    member.assembly.reset();
}

void State::on_part(NodeId from, const wire::cpg::PartialMcast& part, Output& out) {
    Group* group = find_group(part.group.text());
    Member* sender = group == nullptr ? nullptr : find_member(*group, from, part.pid);
    if (sender == nullptr) {
        ++dropped_;
        return;
    }
    if (part.part == 1) {
        release(*sender);
        // The total is the sender's claim: it is charged in full before a byte is kept.
        if (part.total > wire::cpg_client::kMessageMax || part.total > kAssemblingMax - assembling_) {
            ++dropped_;
            return;
        }
        sender->assembly = std::make_unique<Assembly>();
        sender->assembly->total = part.total;
        sender->assembly->bytes.reserve(part.total);
        assembling_ += part.total;
    }
    Assembly* assembly = sender->assembly.get();
    if (assembly == nullptr) {
        ++dropped_;  // its first part was before this node's time
        return;
    }
    const std::size_t left = assembly->total - assembly->bytes.size();
    const bool last = part.part == 3;
    if (part.total != assembly->total || part.payload.size() > left || (last && part.payload.size() != left)) {
        release(*sender);
        ++dropped_;
        return;
    }
    assembly->bytes.insert(assembly->bytes.end(), part.payload.begin(), part.payload.end());
    if (!last) return;
    deliver(*group, *sender, assembly->bytes, out);
    release(*sender);
}

}  // namespace motet::cpg
