// corosync-cmapctl: reads, writes and follows the map of the local node. Options, output and exit codes are those of
// Corosync 3.1's tool of this name, which scripts parse.
#include <corosync/cmap.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tools/cmap_values.h"
#include "tools/patience.h"

namespace {

using namespace motet::ctl;

constexpr const char* kHelp =
    "usage: corosync-cmapctl [-b] [-m MAP] [KEY_PREFIX...]       print keys, all or those with a prefix\n"
    "       corosync-cmapctl [-b] [-q] [-m MAP] -g KEY...       print these keys; -q: values only\n"
    "       corosync-cmapctl -s KEY TYPE VALUE                  set a key\n"
    "       corosync-cmapctl -d KEY... | -D KEY_PREFIX...       delete keys\n"
    "       corosync-cmapctl [-b] [-m MAP] -t KEY... | -T KEY_PREFIX...\n"
    "                                                           follow changes until q and return, or the end of stdin\n"
    "       corosync-cmapctl -p FILE                            set and delete as the lines of a file say\n"
    "       corosync-cmapctl -C knet|ipc|totem|schedmiss|all    let statistics count from zero again\n"
    "\n"
    "  -b        print binary values too\n"
    "  -m MAP    icmap (the default: configuration and run-time keys), default, or stats (statistics)\n"
    "  TYPE      i8 u8 i16 u16 i32 u32 i64 u64 flt dbl str bin; the value of a bin is the name of a file, - for stdin\n"
    "  lines     KEY TYPE VALUE sets, ^KEY deletes, ^^KEY_PREFIX deletes all with it, # begins a comment\n";

enum class Action { print, get, set, erase, erase_prefix, follow, follow_prefix, load, clear, help };

constexpr int kTries = 10;              // while the node is starting
constexpr useconds_t kPauseUs = 250'000;
constexpr std::size_t kLineMax = 1024;

struct Options {
    Action action = Action::print;
    bool binary = false, quiet = false;
    cmap_map_t map = CMAP_MAP_DEFAULT;
    std::string file, group;
    std::vector<std::string> words;
};

Patience patience("corosync-cmapctl");
cmap_handle_t handle;

int fail(const char* format, const char* what, cs_error_t error) {
    std::fprintf(stderr, format, what, cs_strerror(error));
    return 1;
}

bool connect(cmap_map_t map) {
    cs_error_t error = CS_ERR_TRY_AGAIN;
    patience.step();
    for (int i = 0; i < kTries && error == CS_ERR_TRY_AGAIN; ++i) {
        if (i > 0) {
            usleep(kPauseUs);
            patience.step();
        }
        error = cmap_initialize_map(&handle, map);
    }
    patience.step();
    if (error == CS_OK) return true;
    std::fprintf(stderr, "Failed to initialize the cmap API. Error %s\n", cs_strerror(error));
    return false;
}

// The whole line of a key; its value is fetched unless that would not be printed.
bool print_key(const char* key, std::size_t length, cmap_value_types_t type, const Options& options) {
    std::string value;
    if (type != CMAP_VALUETYPE_BINARY || options.binary) {
        std::vector<char> bytes(length + 1);
        for (;;) {
            std::size_t room = bytes.size();
            const cs_error_t error = cmap_get(handle, key, bytes.data(), &room, &type);
            if (error == CS_ERR_INVALID_PARAM && room == bytes.size() && bytes.size() <= 16384) {   // it has grown since
                bytes.resize(16385);
                continue;
            }
            if (error != CS_OK) {
                fail("Can't get value of %s. Error %s\n", key, error);
                return false;
            }
            value = text_of(bytes.data(), room, type, options.binary);
            break;
        }
    }
    const std::string line = options.quiet ? value : line_of(key, value, type, options.binary);
    std::puts(line.c_str());
    return true;
}

// Adds to `printed`; an error: its exit code.
int print_prefix(const char* prefix, const Options& options, std::size_t& printed) {
    cmap_iter_handle_t walk;
    if (const cs_error_t error = cmap_iter_init(handle, prefix, &walk); error != CS_OK)
        return fail("Failed to initialize iteration%.0s. Error %s\n", "", error);
    char key[CMAP_KEYNAME_MAXLEN + 1];
    std::size_t length = 0;
    cmap_value_types_t type;
    cs_error_t error;
    while ((error = cmap_iter_next(handle, walk, key, &length, &type)) == CS_OK) {
        patience.step();
        print_key(key, length, type, options);
        ++printed;
    }
    cmap_iter_finalize(handle, walk);
    return error == CS_ERR_NO_SECTIONS ? 0 : fail("Failed to read the next key%.0s. Error %s\n", "", error);
}

int get_keys(const Options& options) {
    for (const std::string& key : options.words) {
        std::size_t length = 0;
        cmap_value_types_t type;
        patience.step();
        if (const cs_error_t error = cmap_get(handle, key.c_str(), nullptr, &length, &type); error != CS_OK)
            return fail("Can't get key %s. Error %s\n", key.c_str(), error);
        if (!print_key(key.c_str(), length, type, options)) return 1;
    }
    return 0;
}

int set_key(const std::string& key, const std::string& type, const std::string& value) {
    const Parsed parsed = parse_value(type, value);
    if (!parsed.problem.empty()) {
        std::fprintf(stderr, "%s\n", parsed.problem.c_str());
        return 1;
    }
    patience.step();
    // As with Corosync's tool an empty file is no value.
    const void* bytes = parsed.type == CMAP_VALUETYPE_BINARY && parsed.bytes.empty() ? nullptr : parsed.bytes.data();
    const cs_error_t error = cmap_set(handle, key.c_str(), bytes, parsed.bytes.size(), parsed.type);
    return error == CS_OK ? 0 : fail("Failed to set key %s. Error %s\n", key.c_str(), error);
}

int erase_key(const std::string& key) {
    patience.step();
    const cs_error_t error = cmap_delete(handle, key.c_str());
    return error == CS_OK ? 0 : fail("Can't delete key %s. Error %s\n", key.c_str(), error);
}

int erase_prefix(const std::string& prefix) {
    cmap_iter_handle_t walk;
    if (const cs_error_t error = cmap_iter_init(handle, prefix.c_str(), &walk); error != CS_OK)
        return fail("Failed to initialize iteration%.0s. Error %s\n", "", error);
    char key[CMAP_KEYNAME_MAXLEN + 1];
    while (cmap_iter_next(handle, walk, key, nullptr, nullptr) == CS_OK) erase_key(key);
    cmap_iter_finalize(handle, walk);
    return 0;
}

const Options* following;

void on_change(cmap_handle_t, cmap_track_handle_t, int32_t event, const char* key, cmap_notify_value fresh, cmap_notify_value old, void*) {
    const char* what = event == CMAP_TRACK_ADD ? "create" : event == CMAP_TRACK_DELETE ? "delete" : "modify";
    const cmap_notify_value& shown = event == CMAP_TRACK_DELETE ? old : fresh;
    const bool binary = following->binary;
    const std::string value = text_of(shown.data, shown.len, shown.type, binary);
    std::printf("%s> %s\n", what, line_of(key, value, shown.type, binary).c_str());
    std::fflush(stdout);
}

int follow(const Options& options) {
    following = &options;
    const std::int32_t events = CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | (options.action == Action::follow_prefix ? CMAP_TRACK_PREFIX : 0);
    for (const std::string& key : options.words) {
        cmap_track_handle_t track;
        std::int32_t wanted = events;
        // Statistics can be followed in these two ways only.
        if (options.map == CMAP_MAP_STATS) wanted = options.action == Action::follow_prefix ? events & ~CMAP_TRACK_MODIFY : CMAP_TRACK_MODIFY;
        patience.step();
        if (const cs_error_t error = cmap_track_add(handle, key.c_str(), wanted, on_change, nullptr, &track); error != CS_OK)
            return fail("Failed to add tracking function%.0s. Error %s\n", "", error);
    }
    patience.rest();
    int fd = -1;
    if (const cs_error_t error = cmap_fd_get(handle, &fd); error != CS_OK) return fail("Failed to get file handle%.0s. Error %s\n", "", error);
    std::puts("Type \"q\" to finish");
    std::fflush(stdout);
    for (;;) {
        pollfd waiting[2] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        if (poll(waiting, 2, -1) < 0) {
            if (errno == EINTR) continue;
            std::perror("poll");
            return 1;
        }
        if (waiting[1].revents != 0) {
            char byte = 0;
            const ssize_t got = read(STDIN_FILENO, &byte, 1);
            if (got == 0 || (got == 1 && byte == 'q')) return 0;
        }
        if (waiting[0].revents != 0) {
            if (const cs_error_t error = cmap_dispatch(handle, CS_DISPATCH_ALL); error != CS_OK)
                return fail("Error %.0s%s from dispatch\n", "", error);
        }
    }
}

int load(const Options& options) {
    std::FILE* file = options.file == "-" ? stdin : std::fopen(options.file.c_str(), "r");
    if (file == nullptr) {
        std::perror("Couldn't open file.");
        return 0;
    }
    char line[kLineMax];
    int result = 0;
    while (result == 0 && std::fgets(line, sizeof line, file) != nullptr) {
        std::vector<std::string> words;
        for (char *rest = nullptr, *word = strtok_r(line, " \t\r\n", &rest); word != nullptr; word = strtok_r(nullptr, " \t\r\n", &rest)) words.emplace_back(word);
        if (words.empty() || words[0][0] == '#') continue;
        if (words[0].starts_with("^^")) {
            erase_prefix(words[0].substr(2));
        } else if (words[0].starts_with("^")) {
            erase_key(words[0].substr(1));
        } else if (words.size() < 3) {
            std::fprintf(stderr, "Both type and value for key %s are required\n", words[0].c_str());
            result = 1;
        } else {
            result = set_key(words[0], words[1], words[2]);
        }
    }
    if (file != stdin) std::fclose(file);
    return result;
}

int clear(const Options& options) {
    for (const char* known : {"knet", "ipc", "totem", "schedmiss", "all"}) {
        if (options.group != known) continue;
        const std::string key = "stats.clear." + options.group;
        const cs_error_t error = cmap_set_uint32(handle, key.c_str(), 1);
        return error == CS_OK ? 0 : fail("Failed to clear statistics%.0s. Error %s\n", "", error);
    }
    return 1;
}

// Nothing: an exit code is in `code`.
bool parse(int argc, char** argv, Options& options, int& code) {
    int c;
    code = 1;
    while ((c = getopt(argc, argv, "m:hgsdDtTbqp:C:")) != -1) {
        switch (c) {
            case 'h': options.action = Action::help; break;
            case 'b': options.binary = true; break;
            case 'q': options.quiet = true; break;
            case 'g': options.action = Action::get; break;
            case 's': options.action = Action::set; break;
            case 'd': options.action = Action::erase; break;
            case 'D': options.action = Action::erase_prefix; break;
            case 't': options.action = Action::follow; break;
            case 'T': options.action = Action::follow_prefix; break;
            case 'p':
                options.action = Action::load;
                options.file = optarg;
                break;
            case 'C':
                options.action = Action::clear;
                options.group = optarg;
                options.map = CMAP_MAP_STATS;
                break;
            case 'm':
                if (std::strcmp(optarg, "icmap") == 0 || std::strcmp(optarg, "default") == 0) {
                    options.map = CMAP_MAP_ICMAP;
                } else if (std::strcmp(optarg, "stats") == 0) {
                    options.map = CMAP_MAP_STATS;
                } else {
                    std::fputs("invalid map name, must be 'default', 'icmap' or 'stats'\n", stderr);
                    return false;
                }
                break;
            default: return false;
        }
    }
    options.words.assign(argv + optind, argv + argc);
    if (options.action == Action::help) {
        std::fputs(kHelp, stdout);
        code = 0;
        return false;
    }
    if (options.action == Action::clear) {
        bool known = false;
        for (const char* group : {"knet", "ipc", "totem", "schedmiss", "all"}) known |= options.group == group;
        if (!known) {
            std::fputs("argument to -C should be 'knet', 'totem', 'ipc', 'schedmiss' or 'all'\n", stderr);
            return false;
        }
    }
    if (options.action == Action::set && options.words.size() < 3) {
        std::fputs("At least 3 parameters are expected for set\n", stderr);
        return false;
    }
    const bool needs_key = options.action != Action::print && options.action != Action::load && options.action != Action::clear;
    if (needs_key && options.words.empty()) {
        std::fputs("Expected key after options\n", stderr);
        return false;
    }
    return true;
}

int run(const Options& options) {
    int result = 0;
    std::size_t printed = 0;
    switch (options.action) {
        case Action::print:
            if (options.words.empty()) return print_prefix(nullptr, options, printed);
            for (const std::string& prefix : options.words) result |= print_prefix(prefix.c_str(), options, printed);
            return printed == 0 ? 1 : result;
        case Action::get: return get_keys(options);
        case Action::set: return set_key(options.words[0], options.words[1], options.words[2]);
        case Action::erase:
            for (const std::string& key : options.words)
                if (erase_key(key) != 0) return 1;
            return 0;
        case Action::erase_prefix:
            for (const std::string& prefix : options.words) result |= erase_prefix(prefix);
            return result;
        case Action::follow: case Action::follow_prefix: return follow(options);
        case Action::load: return load(options);
        case Action::clear: return clear(options);
        case Action::help: break;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    int code = 1;
    if (!parse(argc, argv, options, code)) return code;
    if (!connect(options.map)) return 1;
    const int result = run(options);
    patience.step();
    cmap_finalize(handle);
    return std::fflush(stdout) == 0 ? result : 1;
}
