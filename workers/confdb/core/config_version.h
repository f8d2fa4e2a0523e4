// totem.config_version between nodes (service 0, cmap): each tells the others its own when the ring changes and when the
// value does; a node that finds itself behind at its first ring with others stops. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace motet::confdb {

class ConfigVersion {
public:
    explicit ConfigVersion(NodeId self) : self_(self) {}

    void on_init(std::size_t continuing, std::uint64_t mine);
    // The message of a synchronisation step; of a changed value.
    void encode_sync(Bytes& out) const;
    void encode_change(std::uint64_t mine, Bytes& out);
    struct Heard {
        std::uint64_t version = 0;       // the sender's; 0: none
        bool worth_saying = false;       // another one than ours as the ring forms, told once
    };
    // nullopt: the message makes no sense and is counted.
    std::optional<Heard> on_message(NodeId from, ByteView body, bool swap);
    // True: another node has a higher version, this one has to stop.
    bool on_activate();
    std::uint64_t highest() const { return highest_; }
    std::uint64_t mine() const { return mine_; }
    std::uint64_t dropped() const { return dropped_; }

    void save(Writer& out) const;
    bool restore(Reader& in);

private:
    const NodeId self_;
    std::uint64_t mine_ = 0, highest_ = 0, dropped_ = 0, continuing_ = 0;
    bool checked_ = false;
    std::map<NodeId, std::uint64_t> told_;   // not saved: a successor may say it again
};

}  // namespace motet::confdb
