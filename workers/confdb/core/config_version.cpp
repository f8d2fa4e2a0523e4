#include "workers/confdb/core/config_version.h"

#include <algorithm>
#include <utility>

#include "libs/wire/cmap.h"

namespace motet::confdb {

void ConfigVersion::on_init(std::size_t continuing, std::uint64_t mine) {
    continuing_ = continuing;
    mine_ = highest_ = mine;
}

void ConfigVersion::encode_sync(Bytes& out) const { wire::cmap::encode_config_version(wire::cmap::Reason::sync, mine_, out); }

void ConfigVersion::encode_change(std::uint64_t mine, Bytes& out) {
    mine_ = mine;
    wire::cmap::encode_config_version(wire::cmap::Reason::new_config_version, mine, out);
}

std::optional<ConfigVersion::Heard> ConfigVersion::on_message(NodeId from, ByteView body, bool swap) {
    const auto decoded = wire::cmap::decode_mcast(body, swap);
    if (!decoded) {
        ++dropped_;
        return std::nullopt;
    }
    const std::uint64_t version = wire::cmap::config_version(*decoded);
    if (from == self_) return Heard{version, false};
    highest_ = std::max(highest_, version);
    const bool differs = decoded->reason == static_cast<std::uint8_t>(wire::cmap::Reason::sync) && version != 0 && mine_ != 0 && version != mine_;
    return Heard{version, differs && std::exchange(told_[from], version) != version};
}

// Once per process, in the first round that others of an earlier ring took part in, as with Corosync.
bool ConfigVersion::on_activate() {
    if (continuing_ == 0 || checked_) return false;
    checked_ = true;
    return mine_ != 0 && highest_ != mine_;
}

void ConfigVersion::save(Writer& out) const {
    out.u64(mine_);
    out.u64(highest_);
    out.u64(continuing_);
    out.u8(checked_);
}

bool ConfigVersion::restore(Reader& in) {
    mine_ = in.u64();
    highest_ = in.u64();
    continuing_ = in.u64();
    checked_ = in.u8() != 0;
    return in.ok();
}

}  // namespace motet::confdb
