// corosync-cpgtool: the closed process groups and their members. Options, output and exit codes are Corosync's.
#include <arpa/inet.h>
#include <corosync/cfg.h>
#include <corosync/cpg.h>
#include <getopt.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "tools/limit.h"

namespace {

constexpr int kOk = 0, kFailed = 1;
constexpr const char* kTool = "corosync-cpgtool";

int usage(FILE* to, int code) {
    std::fprintf(to,
                 "usage: %s [-d C] [-e] [-n] [-h]\n"
                 "\nLists the closed process groups and their members.\n"
                 "  -d C  one line for each member, fields separated by C\n"
                 "  -e    print bytes as they are; otherwise unprintable ones appear as \\xHH\n"
                 "  -n    names of groups only\n"
                 "  -h    this text\n",
                 kTool);
    return code;
}

// All bytes of the name, a counted NUL too.
std::string name_of(const cpg_name& name, bool escape) {
    std::string out;
    const std::size_t length = std::min<std::size_t>(name.length, CPG_MAX_NAME_LENGTH);
    for (std::size_t i = 0; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(name.value[i]);
        if (!escape || (byte >= 0x20 && byte < 0x7f && byte != '\\')) {
            out += static_cast<char>(byte);
        } else if (byte == '\\') {
            out += "\\\\";
        } else {
            char text[8];
            std::snprintf(text, sizeof text, "\\x%02X", byte);
            out += text;
        }
    }
    return out;
}

std::string addresses_of(corosync_cfg_handle_t cfg, unsigned node) {
    corosync_cfg_node_address_t list[CFG_MAX_LINKS];
    int count = 0;
    std::string out;
    if (corosync_cfg_get_node_addrs(cfg, node, CFG_MAX_LINKS, &count, list) != CS_OK) return out;
    for (int i = 0; i < count && i < CFG_MAX_LINKS; ++i) {
        sockaddr_storage address{};
        std::memcpy(&address, list[i].address, sizeof list[i].address);
        char text[INET6_ADDRSTRLEN] = "";
        const void* bytes = address.ss_family == AF_INET6 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr)
                                                          : static_cast<const void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr);
        inet_ntop(address.ss_family, bytes, text, sizeof text);
        out += (i == 0 ? "" : " ") + std::string(text);
    }
    return out;
}

struct Wishes {
    char separator = 0;     // 0: for people
    bool escape = true, names_only = false;
};

int list(const Wishes& wishes) {
    const motet::tools::Limit limit(kTool);
    corosync_cfg_handle_t cfg;
    if (const cs_error_t result = corosync_cfg_initialize(&cfg, nullptr); result != CS_OK) {
        // Corosync's tool connects to cpg first; the text is its own.
        std::fprintf(stderr, "Could not initialize corosync cpg API error %d\n", static_cast<int>(result));
        return kFailed;
    }
    cpg_handle_t cpg;
    if (const cs_error_t result = cpg_initialize(&cpg, nullptr); result != CS_OK) {
        std::fprintf(stderr, "Could not initialize corosync cpg API error %d\n", static_cast<int>(result));
        return kFailed;
    }
    cpg_iteration_handle_t walk;
    const auto kind = wishes.names_only ? CPG_ITERATION_NAME_ONLY : CPG_ITERATION_ALL;
    if (const cs_error_t result = cpg_iteration_initialize(cpg, kind, nullptr, &walk); result != CS_OK) {
        std::fprintf(stderr, "Cannot initialize cpg iterator error %d\n", static_cast<int>(result));
        return kFailed;
    }
    const char c = wishes.separator;
    if (!wishes.names_only) {
        if (c == 0) std::printf("Group Name\t%10s\t%10s\n", "PID", "Node ID");
        else std::printf("GRP_NAME%cPID%cNODEID\n", c, c);
    }
    cpg_iteration_description_t entry;
    std::string group;
    bool first = true;
    while (cpg_iteration_next(walk, &entry) == CS_OK) {
        const std::string name = name_of(entry.group, wishes.escape);
        const auto write = [](const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); };
        if (wishes.names_only) {
            write(name);
            std::printf("%c", c == 0 ? '\n' : c);
        } else if (c != 0) {
            write(name);
            std::printf("%c%u%c%u\n", c, entry.pid, c, entry.nodeid);
        } else {
            if (first || name != group) {
                write(name);
                std::printf("\n");
            }
            std::printf("\t\t%10u\t%10u (%s)\n", entry.pid, entry.nodeid, addresses_of(cfg, entry.nodeid).c_str());
        }
        group = name;
        first = false;
    }
    if (wishes.names_only && c != 0) std::printf("\n");
    cpg_iteration_finalize(walk);
    cpg_finalize(cpg);
    corosync_cfg_finalize(cfg);
    return std::fflush(stdout) == 0 ? kOk : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
    Wishes wishes;
    for (int c; (c = getopt(argc, argv, "hd:ne")) != -1;) {
        switch (c) {
            case 'd': wishes.separator = optarg[0]; break;
            case 'n': wishes.names_only = true; break;
            case 'e': wishes.escape = false; break;
            case 'h': return usage(stdout, kOk);
            default: return usage(stderr, kFailed);
        }
    }
    return list(wishes);
}
