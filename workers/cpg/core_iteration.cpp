// Iterations over groups and members: a snapshot, read entry by entry, newest group first.
#include <algorithm>
#include <array>

#include "workers/cpg/core_request.h"
#include "workers/cpg/core_state.h"

namespace motet::cpg {

namespace client = wire::cpg_client;

namespace {
enum : std::uint32_t { kNamesOnly = 1, kOneGroup = 2, kAll = 3 };
}  // namespace

void State::on_iteration_start(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::IterationRequest asked;
    if (!take_all(payload, asked)) return violate(id, conn, out);
    const bool one = asked.type == kOneGroup;
    if (asked.type < kNamesOnly || asked.type > kAll || one != (asked.has_name != 0))
        return reply(id, request, Code::invalid_param, out);
    if (one && !sound(asked.name)) return reply(id, request, Code::name_too_long, out);
    std::vector<const Group*> groups;
    std::size_t entries = 0;
    for (const auto& [name, group] : groups_) {
        if (one && !(group.name == group_name(asked.name))) continue;
        groups.push_back(&group);
        entries += asked.type == kNamesOnly ? 1 : group.members.size();
    }
    if (conn.iterations.size() >= kIterationsMax || entries > kIterationEntriesMax - iteration_entries_) {
        return reply(id, request, Code::no_resources, out);
    }
    std::sort(groups.begin(), groups.end(), [](const Group* a, const Group* b) { return a->born > b->born; });

    const std::uint64_t number = ++iterations_born_;
    Iteration& iteration = conn.iterations[number];
    iteration.entries.reserve(entries);
    for (const Group* group : groups) {
        const auto index = static_cast<std::uint32_t>(iteration.names.size());
        iteration.names.push_back(group->name);
        if (asked.type == kNamesOnly) {
            iteration.entries.push_back({index, 0, 0});
            continue;
        }
        for (const Member& m : group->members) iteration.entries.push_back({index, m.node, m.pid});
    }
    iteration_entries_ += iteration.entries.size();
    const client::Reply ok{static_cast<std::uint32_t>(Code::ok)};
    const std::array<ByteView, 2> pieces{bytes_of(ok), bytes_of(number)};
    out.reply(id, request, pieces);
}

void State::on_iteration_next(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    std::uint64_t number = 0;
    if (!take_all(payload, number)) return violate(id, conn, out);
    const auto found = conn.iterations.find(number);
    if (found == conn.iterations.end()) return reply(id, request, Code::bad_handle, out);
    Iteration& iteration = found->second;
    if (iteration.next == iteration.entries.size()) {
        iteration.next = 0;  // a further call starts over
        return reply(id, request, Code::no_sections, out);
    }
    const Iteration::Entry& entry = iteration.entries[iteration.next++];
    const client::Reply ok{static_cast<std::uint32_t>(Code::ok)};
    const client::Name name = client_name(iteration.names[entry.group]);
    const std::array<ByteView, 4> pieces{bytes_of(ok), bytes_of(entry.node), bytes_of(entry.pid), bytes_of(name)};
    out.reply(id, request, pieces);
}

void State::on_iteration_end(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    std::uint64_t number = 0;
    if (!take_all(payload, number)) return violate(id, conn, out);
    const auto found = conn.iterations.find(number);
    if (found == conn.iterations.end()) return reply(id, request, Code::bad_handle, out);
    iteration_entries_ -= found->second.entries.size();
    conn.iterations.erase(found);
    reply(id, request, Code::ok, out);
}

}  // namespace motet::cpg
