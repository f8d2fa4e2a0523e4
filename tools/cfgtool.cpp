// corosync-cfgtool: links and nodes as this node sees them, reload, log files, kill, addresses, shutdown. Options, output and
// exit codes are Corosync's.
#include <arpa/inet.h>
#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <getopt.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/limit.h"

namespace {

constexpr int kOk = 0, kFailed = 1;
constexpr int kTries = 30;               // of a request that is told to try again, a second apart
constexpr int kDecision_ms = 3'600'000;  // a shutdown may be negotiated, a reload read slow files: silence alone ends these
constexpr const char* kTool = "corosync-cfgtool";

using motet::tools::Limit;

int usage() {
    std::printf("%s [-i LINK] [-b] -s | -n | -R | -L | -k NODEID | -a NODEID | -H [--force] | -h\n"
                "\nShows and controls the cluster engine on this node.\n"
                "  -s, --status        state of the links of this node\n"
                "  -b, --brief         with -s: one character for each node\n"
                "  -i, --if LINK       accepted, without effect\n"
                "  -n, --nodes         other nodes that can be reached, and their links\n"
                "  -R, --reload        all nodes read their configuration again\n"
                "  -L, --reopen        close and reopen the log files\n"
                "  -k, --kill NODEID   make a node leave at once\n"
                "  -a, --address NODEID  its addresses\n"
                "  -H, --shutdown      stop the engine on this node; --force: whatever its users say\n"
                "  -h, --help          this text\n",
                kTool);
    return kOk;
}

class Cfg {
public:
    ~Cfg() {
        if (open_) corosync_cfg_finalize(handle_);
    }
    cs_error_t open() {
        const cs_error_t result = corosync_cfg_initialize(&handle_, nullptr);
        open_ = result == CS_OK;
        return result;
    }
    // 0, or the tool's exit code, with the reason said. `by_name`: -R and -L name the error, the others number it.
    int need(bool by_name = false) {
        const cs_error_t result = open();
        if (result == CS_OK) return kOk;
        if (by_name) std::fprintf(stderr, "Could not initialize corosync configuration API error %s\n", cs_strerror(result));
        else std::fprintf(stderr, "Could not initialize corosync configuration API error %d\n", static_cast<int>(result));
        return kFailed;
    }
    corosync_cfg_handle_t operator*() const { return handle_; }

private:
    corosync_cfg_handle_t handle_ = 0;
    bool open_ = false;
};

class Cmap {
public:
    ~Cmap() {
        if (open_) cmap_finalize(handle_);
    }
    int need() {
        const cs_error_t result = cmap_initialize(&handle_);
        open_ = result == CS_OK;
        if (open_) return kOk;
        std::fprintf(stderr, "Could not initialize corosync cmap API error %s\n", cs_strerror(result));
        return kFailed;
    }
    std::string text(const std::string& key, const char* otherwise) const {
        char* value = nullptr;
        if (cmap_get_string(handle_, key.c_str(), &value) != CS_OK) return otherwise;
        std::string out(value);
        std::free(value);
        return out;
    }
    // Ids of the node list, ascending.
    std::set<unsigned> nodes() const {
        std::set<unsigned> out;
        cmap_iter_handle_t walk;
        if (cmap_iter_init(handle_, "nodelist.node.", &walk) != CS_OK) return out;
        char key[CMAP_KEYNAME_MAXLEN + 1];
        size_t length = 0;
        cmap_value_types_t type;
        while (cmap_iter_next(handle_, walk, key, &length, &type) == CS_OK) {
            uint32_t id = 0;
            if (std::string_view(key).ends_with(".nodeid") && cmap_get_uint32(handle_, key, &id) == CS_OK) out.insert(id);
        }
        cmap_iter_finalize(handle_, walk);
        return out;
    }

private:
    cmap_handle_t handle_ = 0;
    bool open_ = false;
};

// Of a link in the text: knet's carrier, nothing with other transports.
std::string carrier(const Cmap& map, const std::string& transport, unsigned link) {
    return transport == "knet" ? map.text("totem.interface." + std::to_string(link) + ".knet_transport", "udp") : "";
}

// What -s and -n share: this node, the transport, and every node's view.
struct View {
    unsigned self = 0;
    std::string transport;
    std::map<unsigned, corosync_cfg_node_status_v1> nodes;   // ascending
};

int look(Cfg& cfg, Cmap& map, View& view) {
    if (const int failed = cfg.need(); failed != kOk) return failed;
    if (const int failed = map.need(); failed != kOk) return failed;
    if (const cs_error_t result = corosync_cfg_local_get(*cfg, &view.self); result != CS_OK) {
        std::fprintf(stderr, "Could not get the local node id, the error is: %d\n", static_cast<int>(result));
        return kFailed;
    }
    view.transport = map.text("totem.transport", "knet");
    for (const unsigned id : map.nodes()) {
        corosync_cfg_node_status_v1 status;
        const cs_error_t result = corosync_cfg_node_status_get(*cfg, id, CFG_NODE_STATUS_V1, &status);
        if (result != CS_OK) {
            std::fprintf(stderr, "Could not get the status of node %u, the error is: %d\n", id, static_cast<int>(result));
            return kFailed;
        }
        view.nodes[id] = status;
    }
    std::printf("Local node ID %u, transport %s\n", view.self, view.transport.c_str());
    return kOk;
}

int status(bool brief) {
    const Limit limit(kTool);
    Cfg cfg;
    Cmap map;
    View view;
    if (const int failed = look(cfg, map, view); failed != kOk) return failed;
    const auto own = view.nodes.find(view.self);
    for (unsigned link = 0; link < CFG_MAX_LINKS; ++link) {
        if (own == view.nodes.end() || own->second.link_status[link].enabled == 0) continue;
        std::printf("LINK ID %u %s\n\taddr\t= %s\n", link, carrier(map, view.transport, link).c_str(), own->second.link_status[link].src_ipaddr);
        if (brief) std::printf("\tstatus\t= ");
        else std::printf("\tstatus:\n");
        for (const auto& [id, node] : view.nodes) {
            const corosync_knet_link_status_v1& l = node.link_status[link];
            if (brief) std::printf("%s", id == view.self ? "n" : std::to_string((l.enabled != 0 ? 1 : 0) + (l.connected != 0 ? 2 : 0)).c_str());
            else std::printf("\t\tnodeid: %10u:\t%s\n", id, id == view.self ? "localhost" : l.connected != 0 ? "connected" : "disconnected");
        }
        if (brief) std::printf("\n");
    }
    return kOk;
}

int nodes() {
    const Limit limit(kTool);
    Cfg cfg;
    Cmap map;
    View view;
    if (const int failed = look(cfg, map, view); failed != kOk) return failed;
    for (const auto& [id, node] : view.nodes) {
        if (id == view.self || node.reachable == 0) continue;
        std::printf("nodeid: %u reachable%s%s\n", id, node.remote != 0 ? " remote" : "", node.external != 0 ? " external" : "");
        for (unsigned link = 0; link < CFG_MAX_LINKS; ++link) {
            const corosync_knet_link_status_v1& l = node.link_status[link];
            if (l.enabled == 0) continue;
            std::printf("   LINK: %u %s (%s%s%s)%s%s%s mtu: %u\n", link, carrier(map, view.transport, link).c_str(), l.src_ipaddr,
                        l.dst_ipaddr[0] != '\0' ? "->" : "", l.dst_ipaddr, l.enabled != 0 ? " enabled" : "", l.connected != 0 ? " connected" : "",
                        l.dynconnected != 0 ? " dynconnected" : "", l.mtu);
        }
        std::printf("\n");
    }
    return kOk;
}

int reload() {
    const Limit limit(kTool, Limit::kPatience_ms, kDecision_ms);
    Cfg cfg;
    if (const int failed = cfg.need(true); failed != kOk) return failed;
    std::printf("Reloading corosync.conf...\n");
    std::fflush(stdout);
    const cs_error_t result = corosync_cfg_reload_config(*cfg);
    if (result != CS_OK) {
        std::fprintf(stderr, "Could not reload configuration. Error %s\n", cs_strerror(result));
        return static_cast<int>(result);
    }
    std::printf("Done\n");
    return kOk;
}

int reopen() {
    const Limit limit(kTool);
    Cfg cfg;
    if (const int failed = cfg.need(true); failed != kOk) return failed;
    const cs_error_t result = corosync_cfg_reopen_log_files(*cfg);
    if (result != CS_OK) std::fprintf(stderr, "Could not reopen corosync log files. Error %s\n", cs_strerror(result));
    return result == CS_OK ? kOk : static_cast<int>(result);
}

int kill_node(unsigned id) {
    const Limit limit(kTool);
    Cfg cfg;
    if (const int failed = cfg.need(); failed != kOk) return failed;
    std::printf("Killing node %u\n", id);
    std::fflush(stdout);
    const cs_error_t result = corosync_cfg_kill_node(*cfg, id, "Killed by corosync-cfgtool");
    if (result == CS_OK) return kOk;
    std::fprintf(stderr, "Could not kill node (error = %s)\n", cs_strerror(result));
    return kFailed;
}

int addresses(unsigned id) {
    const Limit limit(kTool);
    Cfg cfg;
    if (const int failed = cfg.need(); failed != kOk) return failed;
    corosync_cfg_node_address_t list[CFG_MAX_LINKS];
    int count = 0;
    if (corosync_cfg_get_node_addrs(*cfg, id, CFG_MAX_LINKS, &count, list) != CS_OK) {
        std::fprintf(stderr, "Could not get node address for nodeid %u\n", id);
        return kFailed;
    }
    for (int i = 0; i < count && i < CFG_MAX_LINKS; ++i) {
        sockaddr_storage address{};
        std::memcpy(&address, list[i].address, sizeof list[i].address);
        char text[INET6_ADDRSTRLEN] = "";
        const void* bytes = address.ss_family == AF_INET6 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr)
                                                          : static_cast<const void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr);
        inet_ntop(address.ss_family, bytes, text, sizeof text);
        std::printf("%s%s", i == 0 ? "" : " ", text);
    }
    std::printf("\n");
    return kOk;
}

int shut_down(bool force) {
    Cfg cfg;
    {
        const Limit limit(kTool);
        if (const int failed = cfg.need(); failed != kOk) return failed;
    }
    std::printf("Shutting down corosync\n");
    std::fflush(stdout);
    const auto flags = force ? COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS : COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST;
    cs_error_t result = CS_OK;
    for (int tries = 0; tries < kTries; ++tries) {
        if (tries > 0) {
            const timespec second{1, 0};
            nanosleep(&second, nullptr);
        }
        const Limit limit(kTool, Limit::kPatience_ms, kDecision_ms);
        result = corosync_cfg_try_shutdown(*cfg, flags);
        if (result != CS_ERR_TRY_AGAIN) break;
    }
    // A veto is an answer, not a failure of the tool.
    if (result != CS_OK) std::fprintf(stderr, "Could not shutdown (error = %d)\n", static_cast<int>(result));
    return kOk;
}

bool node_number(const char* text, unsigned& out) {
    char* end = nullptr;
    errno = 0;
    const long long value = std::strtoll(text, &end, 10);
    if (errno == 0 && *text != '\0' && *end == '\0' && value > 0 && value <= UINT_MAX) {
        out = static_cast<unsigned>(value);
        return true;
    }
    std::fprintf(stderr, "The nodeid was not valid, try a positive number\n");
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    static const option kLong[] = {{"if", required_argument, nullptr, 'i'},      {"status", no_argument, nullptr, 's'}, {"brief", no_argument, nullptr, 'b'},
                                   {"nodes", no_argument, nullptr, 'n'},         {"reload", no_argument, nullptr, 'R'}, {"reopen", no_argument, nullptr, 'L'},
                                   {"kill", required_argument, nullptr, 'k'},    {"address", required_argument, nullptr, 'a'},
                                   {"shutdown", no_argument, nullptr, 'H'},      {"force", no_argument, nullptr, 'F'},  {"help", no_argument, nullptr, 'h'},
                                   {nullptr, 0, nullptr, 0}};
    char action = 'h';
    bool brief = false, force = false;
    unsigned node = 0;
    for (int c; (c = getopt_long(argc, argv, "i:snbRLk:a:hHr", kLong, nullptr)) != -1;) {
        switch (c) {
            case 'i': break;
            case 'b': brief = true; break;
            case 'F': force = true; break;
            case 's': case 'n': case 'R': case 'L': case 'H': action = static_cast<char>(c); break;
            case 'k': case 'a':
                if (!node_number(optarg, node)) return kFailed;
                action = static_cast<char>(c);
                break;
            case 'h': case 'r': return usage();
            default: return kFailed;
        }
    }
    switch (action) {
        case 's': return status(brief);
        case 'n': return nodes();
        case 'R': return reload();
        case 'L': return reopen();
        case 'k': return kill_node(node);
        case 'a': return addresses(node);
        case 'H': return shut_down(force);
        default: return usage();
    }
}
