#include "workers/confdb/cmap_part.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "libs/base/log.h"
#include "libs/config/totem_settings.h"
#include "libs/wire/cmap.h"

namespace motet::confdb {
namespace {

constexpr std::string_view kVersionKey = wire::cmap::kConfigVersionKey;
constexpr std::string_view kCancelKey = "quorum.cancel_wait_for_all";

}  // namespace

CmapPart::CmapPart(const Shared& shared, Pages& pages, const Gate& gate)
    : shared_(shared), out_(shared.host), core_(shared.store, pages, out_, &gate), version_(shared.settings.self) {
    shared_.changes.add(core_);
    shared_.changes.add(*this);
}

void CmapPart::on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) {
    core_.on_request(conn, static_cast<wire::cmap_client::Request>(number), request, payload);
}

bool CmapPart::is_pure_request(std::uint8_t number) const {
    const auto request = static_cast<wire::cmap_client::Request>(number);
    return request == wire::cmap_client::Request::get || request == wire::cmap_client::Request::next;
}

std::uint64_t CmapPart::own_version() const {
    const Key* key = shared_.store.find(kVersionKey);
    return key != nullptr && key->value.type == Type::u64 ? key->value.integer() : 0;
}

std::string CmapPart::member(NodeId node, const char* what) const { return "runtime.members." + std::to_string(node) + "." + what; }

void CmapPart::joined(NodeId node) {
    Store& store = shared_.store;
    // "r(0) ip(A) r(1) ip(B) ", as Corosync writes it.
    std::string addresses;
    const config::TotemSettings totem = config::derive(shared_.settings.config);
    const auto known = std::ranges::find(totem.nodes, node, &config::NodeSettings::id);
    for (std::size_t link = 0; known != totem.nodes.end() && link < known->addresses.size(); ++link)
        if (!known->addresses[link].empty()) addresses += "r(" + std::to_string(link) + ") ip(" + known->addresses[link] + ") ";
    const Key* before = store.find(member(node, "join_count"));
    const auto count = before != nullptr ? static_cast<std::uint32_t>(before->value.integer()) : 0;
    store.set(member(node, "ip"), Value::text(addresses));
    store.set(member(node, "join_count"), Value::u32(count + 1));
    store.set(member(node, "status"), Value::text("joined"));
}

void CmapPart::left(NodeId node) { shared_.store.set(member(node, "status"), Value::text("left")); }

void CmapPart::on_init(const feed::Init& init) {
    // Who was here before and did not come along has left, even if it is back already.
    const auto among = [](const std::vector<NodeId>& all, NodeId node) { return std::ranges::find(all, node) != all.end(); };
    for (const NodeId node : members_)
        if (!among(init.continuing, node)) left(node);
    for (const NodeId node : init.members)
        if (!among(init.continuing, node) || !among(members_, node)) joined(node);
    members_ = init.members;
    version_.on_init(init.continuing.size(), own_version());
}

void CmapPart::on_process(feed::Step step) {
    Bytes message;
    version_.encode_sync(message);
    const std::array<ByteView, 1> pieces{message};
    shared_.host.submit_sync(step.round, pieces);
    shared_.host.sync_done(step.service, step.round);
}

void CmapPart::on_message(const feed::Message& message) {
    const auto heard = version_.on_message(message.from, message.body, message.foreign_order);
    if (!heard) return;
    shared_.store.set(member(message.from, "config_version"), Value::u64(heard->version));
    if (!heard->worth_saying) return;
    const bool older = heard->version < version_.mine();
    MOTET_LOG(warning, "node %u has version %llu of the configuration, this node %llu: copy the newer file to %s, which stops at a change of the ring",
              message.from, static_cast<unsigned long long>(heard->version), static_cast<unsigned long long>(version_.mine()),
              older ? "it" : "this node");
}

void CmapPart::on_activate(feed::Step) {
    if (!version_.on_activate()) return;
    const std::string why = "the configuration of this node is version " + std::to_string(version_.mine()) + ", another node has " +
                            std::to_string(version_.highest()) + ". Copy the newer file here, then start motet again.";
    control::Header header;
    header.type = static_cast<std::uint32_t>(control::Type::shutdown);
    shared_.host.tell(header, as_bytes(why));
}

void CmapPart::on_key(const KeyChange& change) {
    if (change.flat == kVersionKey) version_changed_ = true;
    if (change.flat == kCancelKey) cancel_changed_ = true;
    if (change.flat.starts_with("uidgid.") && !change.flat.starts_with("uidgid.config.")) access_changed_.emplace_back(change.flat);
}

// What a change causes is done after the input that made it.
void CmapPart::settle() {
    if (version_changed_) {
        version_changed_ = false;
        if (const std::uint64_t mine = own_version(); mine != version_.mine()) {
            Bytes message;
            version_.encode_change(mine, message);
            const std::array<ByteView, 1> pieces{message};
            shared_.host.submit(0, pieces, Guarantee::agreed, true, true);
        }
    }
    if (cancel_changed_) {
        cancel_changed_ = false;
        const Key* now = shared_.store.find(kCancelKey);
        if (now != nullptr && now->value.type == Type::u8 && now->value.integer() >= 1) {
            control::Header header;
            header.type = static_cast<std::uint32_t>(control::Type::cancel_wait_for_all);
            shared_.host.tell(header, {});
            shared_.store.set(std::string(kCancelKey), Value::u8(0));   // done, as Corosync shows it
        }
    }
    for (const std::string& key : access_changed_) {
        std::string_view rest = std::string_view(key).substr(7);
        const bool user = rest.starts_with("uid."), group = rest.starts_with("gid.");
        if (!user && !group) continue;
        rest.remove_prefix(4);
        std::uint32_t id = 0;
        const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), id);
        if (problem != std::errc{} || end != rest.data() + rest.size()) continue;
        const Key* now = shared_.store.find(key);
        control::Header header;
        header.type = static_cast<std::uint32_t>(control::Type::access);
        header.a = group ? 1 : 0;
        header.b = id;
        header.c = now != nullptr && now->value.type == Type::u8 && now->value.integer() == 1 ? 1 : 0;
        shared_.host.tell(header, {});
    }
    access_changed_.clear();
}

void CmapPart::on_outside(ByteView bytes) {
    const auto news = decode_news(bytes);
    if (!news) return;
    for (const PageNews& page : news->pages) {
        // What a page does not say any more is gone.
        std::vector<std::string> gone;
        for (const auto& [key, from] : outside_)
            if (from == page.number && !page.values.contains(key)) gone.push_back(key);
        for (const std::string& key : gone) {
            shared_.store.erase(key);
            outside_.erase(key);
        }
        for (const auto& [key, value] : page.values) {
            if (!is_flat_name(key)) continue;
            shared_.store.set(key, value);
            outside_[key] = page.number;
        }
    }
    if (news->statistics) core_.poll_statistics(*news->statistics);
}

void CmapPart::save(Writer& out) const {
    core_.save(out);
    version_.save(out);
    out.u32(static_cast<std::uint32_t>(members_.size()));
    for (const NodeId node : members_) out.u32(node);
    out.u32(static_cast<std::uint32_t>(outside_.size()));
    for (const auto& [key, page] : outside_) {
        out.u8(page);
        out.u8(static_cast<std::uint8_t>(key.size()));
        out.bytes(as_bytes(key));
    }
}

bool CmapPart::restore(Reader& in) {
    if (!core_.restore(in) || !version_.restore(in)) return false;
    const std::uint32_t members = in.u32();
    if (members > kNodesMax) return false;
    for (std::uint32_t i = 0; i < members; ++i) members_.push_back(in.u32());
    const std::uint32_t outside = in.u32();
    for (std::uint32_t i = 0; i < outside && in.ok(); ++i) {
        const std::uint8_t page = in.u8();
        outside_[std::string(as_text(in.bytes(in.u8())))] = page;
    }
    return in.ok();
}

}  // namespace motet::confdb
