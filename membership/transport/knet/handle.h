// libknet's handle as a value that cleans up after itself, and the calls that set it up, each with an error somebody can act on.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "membership/transport/knet/guard.h"
#include "membership/transport/knet/knet.h"
#include "membership/transport/knet/note_reader.h"

struct knet_handle;

namespace motet::transport {

class Handle {
public:
    Handle() = default;
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { close(); }

    // The handle itself, its threads, the data socket and everything but hosts and links.
    Status open(const KnetConfig& config, const Key& key);
    // Makes hosts and links what `config` wants; `before` is what they are, null at the start. What has not changed is not touched.
    Status set_nodes(const KnetConfig& config, const KnetConfig* before);
    Status set_parameters(const KnetConfig& config);
    // Flushes what was written, then takes everything down.
    void close();

    // A second key beside the one in use: both are accepted, the first is used for sending. Then the switch, then the end of the old one.
    Status install(const Crypto& crypto, const Key& key);
    Status use_installed();
    Status forget_old();

    knet_handle* get() const { return handle_; }
    int data() const { return data_[0]; }
    NoteReader& notes() { return notes_; }
    std::uint64_t malformed() const;        // frames that the routing filter refused

private:
    Status set_link(const KnetConfig& config, const KnetNode& self, const KnetNode& node, std::uint8_t link);
    void clear_link(NodeId node, std::uint8_t link);
    void remove_node(NodeId node);
    Status set_slot(const Crypto& crypto, const Key& key, std::uint8_t slot);

    knet_handle* handle_ = nullptr;
    NoteReader notes_;
    int data_[2] = {-1, -1}, log_[2] = {-1, -1};
    std::vector<NodeId> hosts_;
    std::uint8_t slot_ = 0, installed_ = 0;   // in use and beside it; 0: none
    bool installed_clear_ = false;
    struct Routing;
    Routing* routing_ = nullptr;
};

// Links with their addresses, as the guard wants them.
Result<std::vector<GuardedLink>> guarded_links(const KnetConfig& config);

}  // namespace motet::transport
