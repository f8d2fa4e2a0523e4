// corosync-quorumtool: who is in the cluster, may it act, and the few things an administrator can change about that. Options,
// output and exit codes are those of Corosync 3.1's tool, which scripts read.
#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#ifndef MOTET_COROSYNC_VERSION
#define MOTET_COROSYNC_VERSION "3.1.7"
#endif

namespace {

constexpr int kOk = 0, kFailure = 1, kNotQuorate = 2;
constexpr int kTriesMax = 10;                // of a connection that is told to try again
constexpr unsigned kTryPauseUs = 200'000;
constexpr unsigned kNodesMax = 4096;         // of the node list and of a membership

enum class Action { status, list, monitor, expected, votes, unregister };
enum class Order { address, id, name };

struct Options {
    Action action = Action::status;
    Order order = Order::address;
    bool all_names = false, addresses = false, hexadecimal = false, qdevice_column = false;
    unsigned expected = 0, votes = 0;
    unsigned nodeid = 0;
};

// The last quorum notification.
struct Seen {
    bool heard = false;
    bool quorate = false;
    std::uint64_t ring_seq = 0;
    std::vector<std::uint32_t> members;
} seen;

struct VoteRing {
    bool heard = false;
    votequorum_ring_id_t ring{};
} vote_ring;

void on_quorum(quorum_handle_t, uint32_t quorate, uint64_t ring_seq, uint32_t entries, uint32_t* members) {
    seen.heard = true;
    seen.quorate = quorate != 0;
    seen.ring_seq = ring_seq;
    seen.members.assign(members, members + entries);
}

void on_vote_nodes(votequorum_handle_t, uint64_t, votequorum_ring_id_t ring, uint32_t, uint32_t*) {
    vote_ring.heard = true;
    vote_ring.ring = ring;
}

template <class Call>
cs_error_t patiently(Call call) {
    cs_error_t error = CS_OK;
    for (int i = 0; i < kTriesMax && (error = call()) == CS_ERR_TRY_AGAIN; ++i) usleep(kTryPauseUs);
    return error;
}

class Tool {
public:
    explicit Tool(const Options& options) : options_(options) {}
    ~Tool() {
        if (cfg_ != 0) corosync_cfg_finalize(cfg_);
        if (votequorum_ != 0) votequorum_finalize(votequorum_);
        if (quorum_ != 0) quorum_finalize(quorum_);
        if (cmap_ != 0) cmap_finalize(cmap_);
    }
    Tool(const Tool&) = delete;
    Tool& operator=(const Tool&) = delete;

    int run() {
        if (!connect()) return kFailure;
        switch (options_.action) {
            case Action::status: return status();
            case Action::list: return list();
            case Action::monitor: return monitor();
            case Action::expected: return set_expected();
            case Action::votes: return set_votes();
            case Action::unregister: return unregister();
        }
        return kFailure;
    }

private:
    bool connect() {
        if (patiently([&] { return cmap_initialize(&cmap_); }) != CS_OK) {
            cmap_ = 0;
            std::fprintf(stderr, "Cannot initialize CMAP service\n");
            return false;
        }
        quorum_callbacks_t callbacks{on_quorum};
        if (const cs_error_t e = patiently([&] { return quorum_initialize(&quorum_, &callbacks, &type_); }); e != CS_OK) {
            quorum_ = 0;
            std::fprintf(stderr, "Cannot initialize QUORUM service\n");
            return false;
        }
        if (type_ == QUORUM_SET && provider() == "corosync_votequorum") {
            votequorum_callbacks_t votes{nullptr, nullptr, on_vote_nodes};
            if (const cs_error_t e = patiently([&] { return votequorum_initialize(&votequorum_, &votes); }); e != CS_OK) {
                votequorum_ = 0;
                std::fprintf(stderr, "Cannot initialize VOTEQUORUM service\n");
                return false;
            }
        }
        return true;
    }

    std::string text_key(const std::string& key) const {
        char* text = nullptr;
        if (cmap_get_string(cmap_, key.c_str(), &text) != CS_OK) return "";
        const std::string value = text;
        std::free(text);
        return value;
    }
    std::string provider() const { return text_key("quorum.provider"); }

    // Only where the configuration has no name of a node: 0 if it is not served.
    corosync_cfg_handle_t cfg() {
        if (cfg_ == 0 && patiently([&] { return corosync_cfg_initialize(&cfg_, nullptr); }) != CS_OK) cfg_ = 0;
        return cfg_;
    }

    unsigned local_node() {
        uint32_t id = 0;
        if (cmap_get_uint32(cmap_, "runtime.votequorum.this_node_id", &id) == CS_OK) return id;
        unsigned local = 0;
        return corosync_cfg_local_get(cfg(), &local) == CS_OK ? local : 0;
    }

    // The present state: what is queued by the call is dispatched at once.
    bool fetch() {
        if (const cs_error_t e = quorum_trackstart(quorum_, CS_TRACK_CURRENT); e != CS_OK) {
            std::fprintf(stderr, "Unable to start quorum status tracking: %s\n", cs_strerror(e));
            return false;
        }
        seen.heard = false;
        for (int i = 0; i < kTriesMax && !seen.heard; ++i) {
            if (const cs_error_t e = quorum_dispatch(quorum_, CS_DISPATCH_ONE); e != CS_OK) {
                std::fprintf(stderr, "Unable to dispatch quorum status: %s\n", cs_strerror(e));
                return false;
            }
        }
        return seen.heard && fetch_votes();
    }
    bool fetch_votes() {
        if (votequorum_ == 0) return true;
        if (const cs_error_t e = votequorum_trackstart(votequorum_, 0, CS_TRACK_CURRENT); e != CS_OK) {
            std::fprintf(stderr, "Unable to start votequorum status tracking: %s\n", cs_strerror(e));
            return false;
        }
        vote_ring.heard = false;
        for (int i = 0; i < kTriesMax && !vote_ring.heard; ++i)
            if (votequorum_dispatch(votequorum_, CS_DISPATCH_ONE) != CS_OK) return false;
        return votequorum_dispatch(votequorum_, CS_DISPATCH_ALL) == CS_OK;
    }

    int status() {
        if (!fetch()) return kFailure;
        return show();
    }

    int show() {
        const time_t now = std::time(nullptr);
        const std::string who = provider();
        std::printf("Quorum information\n------------------\n");
        std::printf("Date:             %s", std::ctime(&now));
        std::printf("Quorum provider:  %s\n", who.empty() ? "Not configured" : who.c_str());
        std::printf("Nodes:            %zu\n", seen.members.size());
        std::printf("Node ID:          %s\n", id_text(local_node(), false).c_str());
        if (votequorum_ != 0)
            std::printf("Ring ID:          %" PRIx32 ".%" PRIx64 "\n", vote_ring.ring.nodeid, vote_ring.ring.seq);
        else
            std::printf("Ring ID:          %" PRIx64 "\n", seen.ring_seq);
        std::printf("Quorate:          %s\n", seen.quorate ? "Yes" : "No");
        votequorum_info info{};
        if (votequorum_ != 0) {
            if (const cs_error_t e = votequorum_getinfo(votequorum_, 0, &info); e != CS_OK) {
                std::fprintf(stderr, "votequorum_getinfo FAILED: %s\n", cs_strerror(e));
                return kFailure;
            }
            show_votes(info);
        }
        if (votequorum_ == 0 && type_ == QUORUM_FREE) return seen.quorate ? kOk : kNotQuorate;
        show_members();
        return seen.quorate ? kOk : kNotQuorate;
    }

    void show_votes(const votequorum_info& info) const {
        const bool quorate = (info.flags & VOTEQUORUM_INFO_QUORATE) != 0;
        std::printf("\nVotequorum information\n----------------------\n");
        std::printf("Expected votes:   %u\n", info.node_expected_votes);
        std::printf("Highest expected: %u\n", info.highest_expected);
        std::printf("Total votes:      %u\n", info.total_votes);
        std::printf("Quorum:           %u %s\n", info.quorum, quorate ? " " : "Activity blocked");
        std::printf("Flags:            ");
        static const struct {
            unsigned flag;
            const char* word;
        } kWords[] = {{VOTEQUORUM_INFO_TWONODE, "2Node "},
                      {VOTEQUORUM_INFO_QUORATE, "Quorate "},
                      {VOTEQUORUM_INFO_WAIT_FOR_ALL, "WaitForAll "},
                      {VOTEQUORUM_INFO_LAST_MAN_STANDING, "LastManStanding "},
                      {VOTEQUORUM_INFO_AUTO_TIE_BREAKER, "AutoTieBreaker "},
                      {VOTEQUORUM_INFO_ALLOW_DOWNSCALE, "AllowDownscale "},
                      {VOTEQUORUM_INFO_QDEVICE_REGISTERED, "Qdevice "}};
        for (const auto& w : kWords)
            if ((info.flags & w.flag) != 0) std::fputs(w.word, stdout);
        std::printf("\n");
    }

    int list() {
        if (!fetch()) return kFailure;
        show_members();
        return kOk;
    }

    struct Row {
        std::uint32_t id;
        std::string name;
    };

    void show_members() {
        votequorum_info own{};
        const bool votes = votequorum_ != 0 && votequorum_getinfo(votequorum_, 0, &own) == CS_OK;
        const bool device = votes && (options_.qdevice_column || (own.flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) != 0);
        std::printf("\nMembership information\n----------------------\n");
        std::printf("    Nodeid ");
        if (votes) std::printf("     Votes ");
        if (device) std::printf("   Qdevice ");
        std::printf("Name\n");
        std::vector<Row> rows;
        for (const std::uint32_t id : seen.members) rows.push_back({id, name_of(id)});
        if (options_.order == Order::id) std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
        if (options_.order == Order::name)
            std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
        const unsigned local = local_node();
        for (const Row& row : rows) {
            votequorum_info info{};
            const bool known = votes && votequorum_getinfo(votequorum_, row.id, &info) == CS_OK;
            std::printf("%s ", id_text(row.id, true).c_str());
            if (votes && known) std::printf("%10u ", info.node_votes);
            if (votes && !known) std::printf("       ??? ");
            if (device) std::printf("%10s ", device_text(info.flags).c_str());
            std::printf("%s%s\n", row.name.c_str(), row.id == local ? " (local)" : "");
        }
        if (votes && own.qdevice_name[0] != '\0') show_device(own, device);
    }

    void show_device(const votequorum_info& own, bool device_column) const {
        const bool casts = (own.flags & VOTEQUORUM_INFO_QDEVICE_CAST_VOTE) != 0;
        std::printf("%s %10u ", id_text(VOTEQUORUM_QDEVICE_NODEID, true).c_str(), casts ? own.qdevice_votes : 0);
        if (device_column) std::printf("%10s ", "");
        std::printf("%s", own.qdevice_name);
        if (!casts) std::printf(" (votes %u)", own.qdevice_votes);
        std::printf("\n");
    }

    static std::string device_text(unsigned flags) {
        if ((flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) == 0) return "NR";
        std::string text = (flags & VOTEQUORUM_INFO_QDEVICE_ALIVE) != 0 ? "A" : "NA";
        text += (flags & VOTEQUORUM_INFO_QDEVICE_CAST_VOTE) != 0 ? ",V" : ",NV";
        return text + ((flags & VOTEQUORUM_INFO_QDEVICE_MASTER_WINS) != 0 ? ",MW" : ",NMW");
    }

    std::string id_text(std::uint32_t id, bool aligned) const {
        char text[16];
        std::snprintf(text, sizeof text, options_.hexadecimal ? "0x%08x" : aligned ? "%10u" : "%u", id);
        return text;
    }

    std::string name_of(std::uint32_t id) {
        if (!options_.addresses) {
            for (unsigned i = 0; i < kNodesMax; ++i) {
                const std::string node = "nodelist.node." + std::to_string(i);
                uint32_t listed = 0;
                if (cmap_get_uint32(cmap_, (node + ".nodeid").c_str(), &listed) != CS_OK) {
                    if (text_key(node + ".ring0_addr").empty()) break;
                    continue;
                }
                if (listed != id) continue;
                const std::string name = text_key(node + ".name");
                if (!name.empty()) return name;
                break;
            }
        }
        corosync_cfg_node_address_t addresses[CFG_MAX_LINKS] = {};
        int count = 0;
        if (corosync_cfg_get_node_addrs(cfg(), id, CFG_MAX_LINKS, &count, addresses) != CS_OK || count <= 0) return "";
        std::string text;
        const int shown = options_.all_names ? std::min(count, CFG_MAX_LINKS) : 1;
        for (int i = 0; i < shown; ++i) {
            const std::string one = host_of(addresses[i]);
            if (one.empty()) continue;
            text += (text.empty() ? "" : ", ") + one;
        }
        return text;
    }

    std::string host_of(const corosync_cfg_node_address_t& address) const {
        sockaddr_storage at{};
        std::memcpy(&at, address.address, std::min(sizeof at, sizeof address.address));
        if (at.ss_family != AF_INET && at.ss_family != AF_INET6) return "";
        const socklen_t length = at.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        if (at.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&at)->sin6_scope_id = 0;
        char host[NI_MAXHOST];
        const int flags = options_.addresses ? NI_NUMERICHOST : 0;
        if (getnameinfo(reinterpret_cast<sockaddr*>(&at), length, host, sizeof host, nullptr, 0, flags) != 0) return "";
        return host;
    }

    int monitor() {
        if (type_ == QUORUM_FREE) return status();
        if (const cs_error_t e = quorum_trackstart(quorum_, CS_TRACK_CHANGES); e != CS_OK) {
            std::fprintf(stderr, "Unable to start quorum status tracking: %s\n", cs_strerror(e));
            return kFailure;
        }
        for (;;) {
            seen.heard = false;
            while (!seen.heard) {
                if (const cs_error_t e = quorum_dispatch(quorum_, CS_DISPATCH_ONE); e != CS_OK) {
                    std::fprintf(stderr, "Unable to dispatch quorum status: %s\n", cs_strerror(e));
                    return kFailure;
                }
            }
            if (!fetch_votes()) return kFailure;
            if (show() == kFailure) return kFailure;
            std::printf("\n");
            std::fflush(stdout);
        }
    }

    bool needs_votes() const {
        if (votequorum_ != 0) return true;
        std::fprintf(stderr, "quorum.provider is not corosync_votequorum: there are no votes here\n");
        return false;
    }

    int set_expected() {
        if (!needs_votes()) return kFailure;
        const cs_error_t e = votequorum_setexpected(votequorum_, options_.expected);
        if (e == CS_OK) return kOk;
        std::fprintf(stderr, "Unable to set expected votes: %s\n", cs_strerror(e));
        return kFailure;
    }

    int set_votes() {
        if (!needs_votes()) return kFailure;
        const cs_error_t e = votequorum_setvotes(votequorum_, options_.nodeid, options_.votes);
        if (e == CS_OK) return kOk;
        std::fprintf(stderr, "Unable to set votes %u for nodeid: %s: %s\n", options_.votes,
                     id_text(options_.nodeid, false).c_str(), cs_strerror(e));
        return kFailure;
    }

    int unregister() {
        if (!needs_votes()) return kFailure;
        votequorum_info info{};
        if (const cs_error_t e = votequorum_getinfo(votequorum_, 0, &info); e != CS_OK) {
            std::fprintf(stderr, "Unable to get quorum device info: %s\n", cs_strerror(e));
            return kFailure;
        }
        if ((info.flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) == 0) return kOk;
        const cs_error_t e = votequorum_qdevice_unregister(votequorum_, info.qdevice_name);
        if (e == CS_OK) return kOk;
        std::fprintf(stderr, "Unable to unregister quorum device: %s\n", cs_strerror(e));
        return kFailure;
    }

    const Options& options_;
    cmap_handle_t cmap_ = 0;
    quorum_handle_t quorum_ = 0;
    votequorum_handle_t votequorum_ = 0;
    corosync_cfg_handle_t cfg_ = 0;
    uint32_t type_ = QUORUM_FREE;
};

int usage(const char* program) {
    std::printf(
        "usage: %s <options>\n"
        "\n"
        "  what to do\n"
        "    -s             show the state of quorum (the default)\n"
        "    -m             show it again after every change, until interrupted\n"
        "    -l             list the members\n"
        "    -v <votes>     set the votes of a node (see -n)\n"
        "    -n <nodeid>    the node that -v is about (default: this one)\n"
        "    -e <expected>  set the expected votes of the cluster\n"
        "    -f             unregister the quorum device of this node\n"
        "    -h             this text\n"
        "    -V             the version\n"
        "\n"
        "  how to show it\n"
        "    -H             node ids in hexadecimal\n"
        "    -i             addresses instead of names\n"
        "    -a             all names or addresses of a node\n"
        "    -p             always with the column of the quorum device\n"
        "    -o <a|n|i>     members by address (the default), name or node id\n",
        program);
    return kFailure;
}

bool number(const char* text, unsigned& out) {
    char* end = nullptr;
    errno = 0;
    const long long value = std::strtoll(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > UINT_MAX) return false;
    out = static_cast<unsigned>(value);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int c; (c = getopt(argc, argv, "aVHslmfe:v:hin:o:p")) != -1;) {
        switch (c) {
            case 's': options.action = Action::status; break;
            case 'l': options.action = Action::list; break;
            case 'm': options.action = Action::monitor; break;
            case 'f': options.action = Action::unregister; break;
            case 'a': options.all_names = true; break;
            case 'i': options.addresses = true; break;
            case 'H': options.hexadecimal = true; break;
            case 'p': options.qdevice_column = true; break;
            case 'e':
                if (!number(optarg, options.expected)) {
                    std::fprintf(stderr, "New expected votes value was not valid, try a positive number\n");
                    return kFailure;
                }
                options.action = Action::expected;
                break;
            case 'v':
                if (!number(optarg, options.votes)) {
                    std::fprintf(stderr, "New votes value was not valid, try a positive number\n");
                    return kFailure;
                }
                options.action = Action::votes;
                break;
            case 'n':
                if (!number(optarg, options.nodeid)) {
                    std::fprintf(stderr, "The nodeid was not valid, try a positive number\n");
                    return kFailure;
                }
                break;
            case 'o':
                if (std::strcmp(optarg, "a") == 0) options.order = Order::address;
                else if (std::strcmp(optarg, "i") == 0) options.order = Order::id;
                else if (std::strcmp(optarg, "n") == 0) options.order = Order::name;
                else {
                    std::fprintf(stderr, "Invalid ordering option. valid orders are a(address), i(node ID) or n(name)\n");
                    return kFailure;
                }
                break;
            case 'V': std::printf("corosync-quorumtool version: %s\n", MOTET_COROSYNC_VERSION); return kOk;
            case 'h': usage(argv[0]); return kOk;
            default: return usage(argv[0]);
        }
    }
    return Tool(options).run();
}
