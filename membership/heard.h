// Who was last heard when: the evidence for a change of the ring. Frames are taken at their word here, for the log only.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "libs/wire/header.h"

namespace motet {

class Heard {
public:
    // Every frame that comes in; its sender stands in the header.
    void note(ByteView frame, Instant now) {
        if (frame.size() < wire::kHeaderSize) return;
        std::uint16_t magic;
        std::uint32_t from;
        std::memcpy(&magic, frame.data(), sizeof magic);
        std::memcpy(&from, frame.data() + 5, sizeof from);
        if (magic == wire::kMagicForeign) from = __builtin_bswap32(from);
        else if (magic != wire::kMagic) return;
        const auto type = static_cast<wire::FrameType>(frame[3]);
        if (type == wire::FrameType::orf_token) token_ = now;
        if (from == 0 && type == wire::FrameType::join) leave_ = now;   // a leave does not say whose it is
        if (from == 0) return;
        for (Node& node : nodes_)
            if (node.id == from) {
                node.at = now;
                return;
            }
        if (nodes_.size() < kNodesMax) nodes_.push_back({from, now});
    }

    // "2 (last heard 1043 ms before)" of those who left, and when the token was last here.
    std::string why_left(const std::vector<NodeId>& left, Instant now) const {
        std::string out;
        for (const NodeId id : left) {
            std::string when = "never heard";
            for (const Node& node : nodes_)
                if (node.id == id) when = "last heard " + std::to_string((now - node.at).ms()) + " ms before";
            out += (out.empty() ? "" : ", ") + std::to_string(id) + " (" + when + ")";
        }
        if (leave_.ns != 0 && now - leave_ < kLeaveRecent) out += "; a leave was announced " + std::to_string((now - leave_).ms()) + " ms before";
        else if (token_.ns != 0) out += "; the token was last here " + std::to_string((now - token_).ms()) + " ms before";
        return out;
    }

private:
    static constexpr Duration kLeaveRecent = seconds(2);
    struct Node {
        NodeId id = 0;
        Instant at{};
    };
    std::vector<Node> nodes_;
    Instant token_{}, leave_{};
};

}  // namespace motet
