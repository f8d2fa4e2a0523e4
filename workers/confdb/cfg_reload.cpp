// See cfg_reload.h. Every decision follows from delivered messages alone, so that all members come to the same one.
#include "workers/confdb/cfg_reload.h"

#include <algorithm>

namespace motet::cfg {

using wire::cfg::ReloadMessage;
using wire::cfg::ReloadStep;

namespace {

void reply(ConnId conn, std::uint64_t request, Code code, Output& out) {
    const wire::cfg_client::Reply body{static_cast<std::uint32_t>(code)};
    const ByteView piece{reinterpret_cast<const std::uint8_t*>(&body), sizeof body};
    out.reply(conn, request, {&piece, 1});
}

std::string number(std::uint64_t n) { return std::to_string(n); }

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

std::string difference(NodeId a, std::string_view text_a, NodeId b, std::string_view text_b) {
    // Sorted "key=value" lines on both sides.
    while (!text_a.empty() || !text_b.empty()) {
        std::string_view rest_a = text_a, rest_b = text_b;
        const std::string_view line_a = take_line(rest_a), line_b = take_line(rest_b);
        if (line_a == line_b) {
            text_a = rest_a, text_b = rest_b;
            continue;
        }
        const std::string_view key_a = line_a.substr(0, line_a.find('=')), key_b = line_b.substr(0, line_b.find('='));
        const auto value = [](std::string_view line) { return std::string(line.substr(std::min(line.find('=') + 1, line.size()))); };
        const auto only = [](std::string_view key, NodeId has, NodeId lacks) {
            return std::string(key) + " is set on node " + number(has) + " and not on node " + number(lacks);
        };
        if (text_b.empty() || (!text_a.empty() && key_a < key_b)) return only(key_a, a, b);
        if (text_a.empty() || key_b < key_a) return only(key_b, b, a);
        return std::string(key_a) + " is " + value(line_a) + " on node " + number(a) + " and " + value(line_b) + " on node " + number(b);
    }
    return {};
}

const char* Reload::stage() const {
    if (!question_) return asked_ || wanted_ ? "asked" : "none";
    switch (question_->stage) {
    case Stage::preparing: return "preparing";
    case Stage::applying: return "applying";
    case Stage::switching: return "switching";
    }
    return "none";
}

void Reload::ask(ConnId conn, std::uint64_t request, Output& out) {
    if (conn != 0 && (question_ || asked_ || wanted_)) return reply(conn, request, Code::busy, out);
    if (conn != 0) waiters_.push_back({conn, request});
    tries_ = 0;
    wanted_ = true;
    if (complete_ && !question_ && !asked_) begin(out);
}

void Reload::on_disconnect(ConnId conn) {
    std::erase_if(waiters_, [&](const Waiter& w) { return w.conn == conn; });
}

void Reload::begin(Output& out) {
    wanted_ = false;
    asked_ = true;
    ++tries_;
    ++number_;
    if (all_motet_) {
        Bytes message;
        wire::cfg::encode_reload_message({.step = ReloadStep::prepare, .asker = self_, .number = number_, .text = {}}, message);
        out.submit(message, Guarantee::agreed);
        return;
    }
    Bytes message;
    wire::cfg::encode_reload({{self_, number_}}, message);
    out.submit(message, Guarantee::agreed);
}

void Reload::on_ring(std::span<const NodeId> members, Output& out) {
    members_ = {members.begin(), members.end()};
    complete_ = false;
    if (asked_ && !question_) {
        // Whether it was lost with the old ring or comes in the new one: it is asked again, and a second one is refused.
        asked_ = false;
        wanted_ = true;
    }
    if (!question_) return;
    if (question_->stage == Stage::preparing && question_->agreed) {
        out.say(Say::notice, "reload: the ring has changed before all nodes had answered; nothing is changed by it");
        const bool ours = question_->asker == self_;
        out.operate(Operation::discard, question_->ticket, {});
        close(out);
        if (ours && tries_ < kTriesMax) wanted_ = true;
        else if (ours) answer_all(Code::try_again, out);
        return;
    }
    // Decided: those that are still here go on.
    std::erase_if(question_->members, [&](NodeId node) { return !members_.contains(node); });
}

void Reload::on_complete(bool all_motet, Output& out) {
    all_motet_ = all_motet;
    complete_ = true;
    if (question_ && question_->agreed) stage_done(out);
    if (wanted_ && !question_ && !asked_) begin(out);
}

void Reload::open(NodeId asker, std::uint64_t asked_number, bool agreed, Output& out) {
    Question& q = question_.emplace();
    q.asker = asker;
    q.number = asked_number;
    q.agreed = agreed;
    if (agreed) q.members = members_;
    else q.members = {self_};
    q.ticket = ++tickets_;
    cancelled_ = false;
    start_clock();
    out.say(Say::notice, "reload: asked for by node " + number(asker));
    out.operate(Operation::prepare, q.ticket, {});
}

bool Reload::matches(NodeId from, const ReloadMessage& message) const {
    return question_ && question_->agreed && question_->asker == message.asker && question_->number == message.number &&
           question_->members.contains(from);
}

void Reload::on_step(NodeId from, const ReloadMessage& message, Output& out) {
    if (message.step == ReloadStep::prepare) {
        if (message.asker != from) return;
        const bool ours = from == self_ && asked_;
        if (ours) asked_ = false;
        if (!question_) return open(from, message.number, true, out);
        if (ours && message.number == number_) answer_all(Code::busy, out);
        return;
    }
    if (!matches(from, message)) return;
    Question& q = *question_;
    switch (message.step) {
    case ReloadStep::prepare: return;
    case ReloadStep::vote:
        if (q.stage != Stage::preparing || q.votes.contains(from)) return;
        q.votes[from] = {message.good, message.rekeyed, message.key_check, std::string(message.text)};
        if (q.votes.size() == q.members.size()) decide(out);
        return;
    case ReloadStep::applied:
        if (q.stage != Stage::applying) return;
        if (!message.good) out.say(Say::error, "reload: node " + number(from) + " could not carry it out: " + std::string(message.text));
        q.done.insert(from);
        return stage_done(out);
    case ReloadStep::switched:
        if (q.stage != Stage::switching) return;
        q.done.insert(from);
        return stage_done(out);
    case ReloadStep::cancel: {
        if (q.stage != Stage::preparing) return;
        std::string missing;
        for (const NodeId node : q.members)
            if (!q.votes.contains(node)) missing += (missing.empty() ? "" : ", ") + number(node);
        return refuse("no answer in time from node " + missing + "; look for its motet-config or motet there", out);
    }
    }
}

void Reload::on_corosync_reload(NodeId from, Output& out) {
    if (from == self_) asked_ = false;
    if (question_) {
        again_ = true;
        return;
    }
    open(from, 0, false, out);
}

void Reload::on_prepared(std::uint64_t ticket, const Prepared& prepared, Output& out) {
    if (!question_ || question_->ticket != ticket || question_->stage != Stage::preparing) return out.operate(Operation::discard, ticket, {});
    Question& q = *question_;
    q.own = prepared;
    if (q.agreed) return vote(out);
    if (!prepared.good) return refuse(prepared.text, out);
    // Corosync refuses this at run time, so the other nodes of a mixed ring do.
    if (prepared.moved) return refuse("the address of a node has changed, which Corosync nodes in this ring do not take at run time; restart the nodes one by one instead", out);
    q.rekeyed = prepared.rekeyed;
    commit(out);
}

void Reload::vote(Output& out) {
    Bytes message;
    const Prepared& own = question_->own;
    wire::cfg::encode_reload_message({.step = ReloadStep::vote, .asker = question_->asker, .number = question_->number, .good = own.good,
                                      .rekeyed = own.rekeyed, .key_check = own.key_check, .text = own.text}, message);
    // Safe: whoever counts the last vote knows that every member has it.
    out.submit(message, Guarantee::safe);
}

// Who has which new key, where they are not all the same; "" otherwise.
std::string Reload::keys_differ() const {
    std::map<std::uint32_t, std::string> holders;
    for (const auto& [node, vote] : question_->votes) {
        if (!vote.rekeyed || vote.key_check == 0) continue;
        std::string& names = holders[vote.key_check];
        names += (names.empty() ? "" : ", ") + number(node);
    }
    if (holders.size() < 2) return {};
    std::vector<std::string> groups;
    for (const auto& [check, names] : holders) groups.push_back(names);
    std::sort(groups.begin(), groups.end());
    std::string out = "the new key is not the same everywhere: node ";
    for (std::size_t i = 0; i < groups.size(); ++i) out += (i == 0 ? "" : i == 1 ? " has one, node " : " another, node ") + groups[i];
    return out + " another; put the same file on every node";
}

// Why the ring cannot switch; "" if it can. The same on every member.
std::string Reload::objection() const {
    const Question& q = *question_;
    for (const auto& [node, vote] : q.votes)
        if (!vote.good) return "node " + number(node) + ": " + vote.text;
    const auto& [first, reference] = *q.votes.begin();
    for (const auto& [node, vote] : q.votes) {
        if (const std::string found = difference(first, reference.text, node, vote.text); !found.empty())
            return found + "; make the files agree";
        if (vote.rekeyed != reference.rekeyed) return "only some nodes have a new key or new encryption; put the same key on every node first";
    }
    if (const std::string why = keys_differ(); !why.empty()) return why;
    for (const NodeId node : q.members)
        if (std::find(q.own.nodes.begin(), q.own.nodes.end(), node) == q.own.nodes.end())
            return "node " + number(node) + " is a member of the ring and not in the new nodelist; stop it first";
    return {};
}

void Reload::decide(Output& out) {
    if (const std::string why = objection(); !why.empty()) return refuse(why, out);
    for (const auto& [node, vote] : question_->votes) question_->rekeyed |= vote.rekeyed;
    commit(out);
}

void Reload::commit(Output& out) {
    question_->stage = Stage::applying;
    question_->done.clear();
    start_clock();
    out.reload_begins();
    out.operate(Operation::commit, question_->ticket, {});
}

void Reload::refuse(const std::string& why, Output& out) {
    out.say(Say::error, "reload refused, nothing has changed: " + why);
    out.operate(Operation::discard, question_->ticket, {});
    out.reload_begins();
    out.reload_ends(Code::invalid_param);
    close(out);
    answer_all(Code::invalid_param, out);
    if (again_) again_ = false, open(self_, 0, false, out);
    else if (wanted_ && complete_) begin(out);
}

void Reload::on_applied(std::uint64_t ticket, bool good, std::string_view why, Output& out) {
    if (!question_ || question_->ticket != ticket || question_->stage != Stage::applying) return;
    Question& q = *question_;
    q.applied_here = true;
    out.reload_ends(good ? Code::ok : Code::invalid_param);
    if (!good) out.say(Say::error, "reload: what was agreed could not be carried out here: " + std::string(why));
    if (q.agreed) return send(ReloadStep::applied, good, why, out);
    q.done.insert(self_);
    const bool rekeyed = q.rekeyed && good;
    close(out);
    answer_all(good ? Code::ok : Code::invalid_param, out);
    if (rekeyed) {
        // Corosync nodes read their file in the order of messages and have gone through both phases by now: they hear the new key only.
        out.operate(Operation::switch_key, 0, {});
        Bytes message;
        wire::cfg::encode_crypto({1}, message);
        out.submit(message, Guarantee::safe);
    }
    if (again_) again_ = false, open(self_, 0, false, out);
    else if (wanted_ && complete_) begin(out);
}

// All members have said so: on to what comes next.
void Reload::stage_done(Output& out) {
    Question& q = *question_;
    if (q.stage == Stage::preparing || !q.applied_here) return;
    for (const NodeId node : q.members)
        if (!q.done.contains(node)) return;
    if (q.stage == Stage::applying && q.rekeyed) {
        answer_all(Code::ok, out);
        q.stage = Stage::switching;
        q.done.clear();
        start_clock();
        out.operate(Operation::switch_key, q.ticket, {});
        return send(ReloadStep::switched, true, {}, out);
    }
    if (q.stage == Stage::switching) out.operate(Operation::forget_key, q.ticket, {});
    finish(out);
}

void Reload::finish(Output& out) {
    out.say(Say::notice, "reload: in force on all nodes of the ring");
    close(out);
    answer_all(Code::ok, out);
    if (wanted_ && complete_) begin(out);
}

void Reload::close(Output&) {
    question_.reset();
    started_ = false;
    due_ = kNever;
}

void Reload::answer_all(Code code, Output& out) {
    // Waiters are those of this node's own questions; a question of another node leaves them waiting for theirs.
    if (asked_ || wanted_) return;
    for (const Waiter& w : waiters_) reply(w.conn, w.request, code, out);
    waiters_.clear();
}

void Reload::send(ReloadStep step, bool good, std::string_view text, Output& out) {
    Bytes message;
    wire::cfg::encode_reload_message({.step = step, .asker = question_->asker, .number = question_->number, .good = good, .text = text}, message);
    out.submit(message, Guarantee::safe);
}

// Of a mixed ring: each node acts on its own messages only.
void Reload::on_crypto(NodeId from, std::uint32_t phase, Output& out) {
    if (from != self_) return;
    if (phase == 1) {
        Bytes message;
        wire::cfg::encode_crypto({2}, message);
        out.submit(message, Guarantee::safe);
    } else if (phase == 2) {
        out.operate(Operation::forget_key, 0, {});
    }
}

void Reload::on_time(Instant now, Output& out) {
    if (started_) {
        due_ = now + kStepMax;
        started_ = false;
    }
    if (now < due_ || !question_) return;
    due_ = kNever;
    Question& q = *question_;
    if (q.stage == Stage::preparing) {
        if (!q.agreed) return refuse("motet did not read its configuration in time", out);
        if (!cancelled_) send(ReloadStep::cancel, false, {}, out);
        cancelled_ = true;
        return;
    }
    std::string missing;
    for (const NodeId node : q.members)
        if (!q.done.contains(node)) missing += (missing.empty() ? "" : ", ") + number(node);
    out.say(Say::error, "reload: decided, but node " + missing + " has not reported that it carried it out");
    if (!q.applied_here) out.reload_ends(Code::failed_operation);
    close(out);
    answer_all(Code::ok, out);
}

// --- for a successor

namespace {

constexpr std::uint32_t kTextMax = 1u << 20;

void put_text(Writer& out, std::string_view text) {
    out.u32(static_cast<std::uint32_t>(text.size()));
    out.bytes(as_bytes(text));
}
std::string take_text(Reader& in) {
    const std::uint32_t length = in.u32();
    return length > kTextMax ? std::string() : std::string(as_text(in.bytes(length)));
}
template <class Nodes>
void put_nodes(Writer& out, const Nodes& nodes) {
    out.u32(static_cast<std::uint32_t>(nodes.size()));
    for (const NodeId node : nodes) out.u32(node);
}
std::vector<NodeId> take_nodes(Reader& in) {
    std::vector<NodeId> out;
    const std::uint32_t count = in.u32();
    for (std::uint32_t i = 0; i < count && i < kNodesMax && in.ok(); ++i) out.push_back(in.u32());
    return out;
}
void put_flags(Writer& out, std::initializer_list<bool> flags) {
    for (const bool flag : flags) out.u8(flag ? 1 : 0);
}

}  // namespace

void Reload::save(Writer& out) const {
    out.u64(number_);
    out.u64(tickets_);
    put_nodes(out, members_);
    put_flags(out, {all_motet_, complete_, asked_, wanted_, again_, cancelled_, started_});
    out.u32(tries_);
    out.u64(static_cast<std::uint64_t>(due_.ns));
    out.u32(static_cast<std::uint32_t>(waiters_.size()));
    for (const Waiter& w : waiters_) {
        out.u64(w.conn);
        out.u64(w.request);
    }
    out.u8(question_ ? 1 : 0);
    if (!question_) return;
    const Question& q = *question_;
    out.u32(q.asker);
    out.u64(q.number);
    out.u8(static_cast<std::uint8_t>(q.stage));
    put_flags(out, {q.agreed, q.rekeyed, q.applied_here, q.own.good, q.own.rekeyed, q.own.moved});
    put_nodes(out, q.members);
    put_nodes(out, q.done);
    put_nodes(out, q.own.nodes);
    out.u32(q.own.key_check);
    put_text(out, q.own.text);
    out.u64(q.ticket);
    out.u32(static_cast<std::uint32_t>(q.votes.size()));
    for (const auto& [node, vote] : q.votes) {
        out.u32(node);
        put_flags(out, {vote.good, vote.rekeyed});
        out.u32(vote.key_check);
        put_text(out, vote.text);
    }
}

bool Reload::restore(Reader& in) {
    number_ = in.u64();
    tickets_ = in.u64();
    const std::vector<NodeId> members = take_nodes(in);
    members_ = {members.begin(), members.end()};
    for (bool* flag : {&all_motet_, &complete_, &asked_, &wanted_, &again_, &cancelled_, &started_}) *flag = in.u8() != 0;
    tries_ = in.u32();
    due_.ns = static_cast<std::int64_t>(in.u64());
    const std::uint32_t waiters = in.u32();
    for (std::uint32_t i = 0; i < waiters && in.ok(); ++i) {
        const ConnId conn = in.u64();
        waiters_.push_back({conn, in.u64()});
    }
    if (in.u8() == 0) return in.ok();
    Question& q = question_.emplace();
    q.asker = in.u32();
    q.number = in.u64();
    const std::uint8_t stage = in.u8();
    if (stage > static_cast<std::uint8_t>(Stage::switching)) return false;
    q.stage = static_cast<Stage>(stage);
    for (bool* flag : {&q.agreed, &q.rekeyed, &q.applied_here, &q.own.good, &q.own.rekeyed, &q.own.moved}) *flag = in.u8() != 0;
    const std::vector<NodeId> all = take_nodes(in), done = take_nodes(in);
    q.members = {all.begin(), all.end()};
    q.done = {done.begin(), done.end()};
    q.own.nodes = take_nodes(in);
    q.own.key_check = in.u32();
    q.own.text = take_text(in);
    q.ticket = in.u64();
    const std::uint32_t votes = in.u32();
    for (std::uint32_t i = 0; i < votes && in.ok(); ++i) {
        Vote& vote = q.votes[in.u32()];
        vote.good = in.u8() != 0;
        vote.rekeyed = in.u8() != 0;
        vote.key_check = in.u32();
        vote.text = take_text(in);
    }
    return in.ok();
}

}  // namespace motet::cfg
