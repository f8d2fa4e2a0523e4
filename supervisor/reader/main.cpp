// motet-config: reads one configuration, tells everything that is wrong with it, or writes the snapshot. Two processes:
// the one that was started keeps the network and the user database and only looks up names; its child has the bytes of
// the files, enters the sandbox and parses.
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "libs/base/result.h"
#include "libs/config/host.h"
#include "libs/sandbox/sandbox.h"
#include "supervisor/reader/compile.h"
#include "supervisor/reader/convert.h"
#include "supervisor/reader/print.h"

namespace motet::reader {
namespace {

constexpr int kOk = 0, kBadConfiguration = 1, kBadUsage = 2, kCannot = 3;
constexpr std::size_t kAccessFilesMax = 256;          // files in uidgid.d
constexpr std::size_t kAccessBytesMax = kFileMax;     // all of them together
constexpr unsigned kTotalTimeout_s = 20;              // then the kernel ends us; names alone may take five

constexpr const char* kUsage =
    "usage: motet-config [--config FILE] [--node NAME-or-ID] [--check | --snapshot-fd N [--running]]\n"
    "       motet-config --convert [--config FILE]\n"
    "       motet-config --print-man | --print-default\n"
    "  --config FILE      YAML, or Corosync's syntax when the name ends in .conf\n"
    "                     (default: " MOTET_SYSCONFDIR "/motet/motet.yaml, else " MOTET_SYSCONFDIR "/corosync/corosync.conf)\n"
    "  --node NAME-or-ID  the local node, where host name and address do not decide\n"
    "  --check            only tell what is wrong\n"
    "  --snapshot-fd N    write the validated configuration to this descriptor\n"
    "  --running          the descriptor holds the configuration of a running node that is to take this one over\n"
    "  --convert          print the file in the other syntax; what has no counterpart is told on stderr\n"
    "exit: 0 valid, 1 not valid (reasons on stderr), 2 usage, 3 could not do the work\n";

struct Options {
    std::string file, node;
    bool check = false, running = false, convert = false, print_man = false, print_default = false, help = false, version = false;
    int snapshot_fd = -1;
};

bool parse_options(int argc, char** argv, Options& out) {
    static const option kLong[] = {{"config", required_argument, nullptr, 'c'}, {"node", required_argument, nullptr, 'n'},
                                   {"check", no_argument, nullptr, 'k'}, {"running", no_argument, nullptr, 'r'}, {"snapshot-fd", required_argument, nullptr, 's'},
                                   {"convert", no_argument, nullptr, 'o'}, {"print-man", no_argument, nullptr, 'm'}, {"print-default", no_argument, nullptr, 'd'},
                                   {"help", no_argument, nullptr, 'h'}, {"version", no_argument, nullptr, 'v'}, {}};
    for (int c; (c = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
        switch (c) {
        case 'c': out.file = optarg; break;
        case 'n': out.node = optarg; break;
        case 'k': out.check = true; break;
        case 'r': out.running = true; break;
        case 'o': out.convert = true; break;
        case 's': {
            const char* end = optarg + std::strlen(optarg);
            const auto [stop, failure] = std::from_chars(optarg, end, out.snapshot_fd);
            if (failure != std::errc() || stop != end || out.snapshot_fd < 0) {
                std::fprintf(stderr, "motet-config: --snapshot-fd %s: not a descriptor; give the number of an open one\n", optarg);
                return false;
            }
            break;
        }
        case 'm': out.print_man = true; break;
        case 'd': out.print_default = true; break;
        case 'h': out.help = true; break;
        case 'v': out.version = true; break;
        default: return false;
        }
    }
    if (optind != argc) {
        std::fprintf(stderr, "motet-config: unexpected argument %s\n", argv[optind]);
        return false;
    }
    if (out.running && out.snapshot_fd < 0) {
        std::fprintf(stderr, "motet-config: --running needs --snapshot-fd\n");
        return false;
    }
    if (!out.check && !out.convert && out.snapshot_fd < 0 && !out.print_man && !out.print_default && !out.help && !out.version) {
        std::fprintf(stderr, "motet-config: nothing to do; give --check or --snapshot-fd\n");
        return false;
    }
    return true;
}

bool write_all(int fd, const void* data, std::size_t size) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

// One byte more than the limit, so that the parser sees the file was too large.
Result<std::string> read_file(const std::string& path, std::size_t limit) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);   // a FIFO must not make us wait
    if (fd < 0) return Error{"cannot be read: " + std::string(std::strerror(errno)) + "; name an existing file or correct its permissions"};
    struct stat status{};
    std::string text;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return Error{"is not a regular file; name the configuration file itself"};
    }
    char buffer[65536];
    while (text.size() <= limit) {
        const ssize_t n = read(fd, buffer, std::min(sizeof buffer, limit + 1 - text.size()));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const int why = errno;
            close(fd);
            return Error{"cannot be read: " + std::string(std::strerror(why)) + "; check the disk it is on"};
        }
        if (n == 0) break;
        text.append(buffer, static_cast<std::size_t>(n));
    }
    close(fd);
    return text;
}

std::string default_path() {
    const std::string own = MOTET_SYSCONFDIR "/motet/motet.yaml", corosync = MOTET_SYSCONFDIR "/corosync/corosync.conf";
    return access(own.c_str(), F_OK) == 0 || access(corosync.c_str(), F_OK) != 0 ? own : corosync;
}

// The files of uidgid.d beside the configuration, by name; none if there is no such directory.
Result<std::vector<Source>> read_access_files(const std::string& main) {
    const std::size_t slash = main.rfind('/');
    const std::string folder = (slash == main.npos ? std::string() : main.substr(0, slash + 1)) + "uidgid.d";
    std::vector<Source> files;
    DIR* directory = opendir(folder.c_str());
    if (directory == nullptr) return files;
    std::vector<std::string> names;
    while (const dirent* entry = readdir(directory)) {
        const std::string name = entry->d_name;
        if (name.starts_with('.') || name.ends_with('~')) continue;
        names.push_back(name);
        if (names.size() > kAccessFilesMax) break;
    }
    closedir(directory);
    if (names.size() > kAccessFilesMax) return Error{folder + ": more than " + std::to_string(kAccessFilesMax) + " files; remove what is not needed"};
    std::sort(names.begin(), names.end());
    std::size_t total = 0;
    for (const std::string& name : names) {
        const std::string path = folder + "/" + name;
        struct stat status{};
        if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) continue;
        const auto text = read_file(path, kAccessBytesMax);
        if (!text) return Error{path + ": " + text.error().text};
        total += text->size();
        if (total > kAccessBytesMax) return Error{folder + ": more than " + std::to_string(kAccessBytesMax) + " bytes; remove what is not needed"};
        files.push_back({path, *text});
    }
    return files;
}

// The snapshot that the supervisor has left on the descriptor; afterwards it is empty again.
Result<config::Snapshot> take_running(int fd) {
    Bytes bytes;
    std::uint8_t buffer[65536];
    for (ssize_t n; (n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(bytes.size()))) != 0;) {
        if (n < 0 || bytes.size() + static_cast<std::size_t>(n) > config::kSnapshotMax) return Error{"the running configuration cannot be read"};
        bytes.insert(bytes.end(), buffer, buffer + n);
    }
    if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0) return Error{std::string("the descriptor of the snapshot: ") + std::strerror(errno)};
    return config::Snapshot::decode(bytes);
}

int convert(const Input& input) {
    Problems problems;
    Document document;
    const bool conf = is_corosync_syntax(input.main.name);
    if (plausible(input.main.name, input.main.text, problems))
        document = conf ? parse_corosync(input.main.name, input.main.text, problems) : parse_yaml(input.main.name, input.main.text, problems);
    std::string lines;
    for (const std::string& line : problems.lines()) lines += line + "\n";
    Converted converted;
    if (problems.ok() && !document.parts.empty()) converted = conf ? to_yaml(document) : to_corosync(document);
    for (const std::string& remark : converted.remarks) lines += input.main.name + ": warning: " + remark + "\n";
    write_all(STDERR_FILENO, lines.data(), lines.size());
    if (!problems.ok()) return kBadConfiguration;
    return write_all(STDOUT_FILENO, converted.text.data(), converted.text.size()) ? kOk : kCannot;
}

// Everything that looks at a byte of the files. Runs in the child.
int parse_in_sandbox(const Input& input, int names_socket, const Options& options) {
    // What is missing here is missing for the workers too, and the supervisor reports it there.
    const auto entered = sandbox::enter({.profile = sandbox::Profile::config, .user = "motet-config"});
    if (!entered) {
        std::fprintf(stderr, "motet-config: the sandbox could not be entered: %s\n", entered.error().text.c_str());
        return kCannot;
    }
    if (options.convert) return convert(input);
    RemoteNames names(names_socket);
    Problems problems;
    const config::Snapshot snapshot = compile(input, names, problems);
    std::string lines;
    for (const std::string& line : problems.lines()) lines += line + "\n";
    write_all(STDERR_FILENO, lines.data(), lines.size());
    if (!problems.ok()) return kBadConfiguration;
    if (options.snapshot_fd < 0) return kOk;
    const Bytes bytes = snapshot.encode();
    if (write_all(options.snapshot_fd, bytes.data(), bytes.size())) return kOk;
    std::fprintf(stderr, "motet-config: the snapshot could not be written: %s\n", std::strerror(errno));
    return kCannot;
}

int child(const Input& input, int names_socket, const Options& options) {
    try {
        return parse_in_sandbox(input, names_socket, options);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: could not be parsed: %s; check it for damage\n", input.main.name.c_str(), e.what());
        return kBadConfiguration;
    }
}

int exit_code(int status) {
    if (WIFEXITED(status)) return WEXITSTATUS(status) <= kCannot ? WEXITSTATUS(status) : kCannot;
    constexpr std::string_view kText = "motet-config: the parser was ended by a signal; the configuration was not read\n";
    write_all(STDERR_FILENO, kText.data(), kText.size());
    return kCannot;
}

// The parser has finished, perhaps without waiting for an answer: a lookup that still waits for the network ends with us.
void on_child_ended(int) {
    int status = 0;
    if (waitpid(-1, &status, WNOHANG) > 0) _exit(exit_code(status));
}

// Whoever started us may have blocked or ignored what we rely on.
void prepare_signals() {
    struct sigaction action{};
    action.sa_handler = on_child_ended;
    action.sa_flags = SA_NOCLDSTOP | SA_RESTART;
    sigaction(SIGCHLD, &action, nullptr);
    action.sa_handler = SIG_DFL;
    sigaction(SIGALRM, &action, nullptr);
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &ours, nullptr);
}

int run(const Options& options) {
    Input input;
    input.main.name = options.file.empty() ? default_path() : options.file;
    input.node_wanted = options.node;
    const auto text = read_file(input.main.name, kFileMax);
    if (!text) {
        std::fprintf(stderr, "%s: %s\n", input.main.name.c_str(), text.error().text.c_str());
        return kBadConfiguration;
    }
    input.main.text = *text;
    auto access_files = read_access_files(input.main.name);
    if (!access_files) {
        std::fprintf(stderr, "%s\n", access_files.error().text.c_str());
        return kBadConfiguration;
    }
    input.uidgid = std::move(*access_files);
    input.host = config::this_host();
    if (options.running) {
        auto running = take_running(options.snapshot_fd);
        if (!running) {
            std::fprintf(stderr, "motet-config: %s\n", running.error().text.c_str());
            return kCannot;
        }
        input.running = std::move(*running);
    }

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        std::fprintf(stderr, "motet-config: no socket pair: %s\n", std::strerror(errno));
        return kCannot;
    }
    prepare_signals();
    alarm(kTotalTimeout_s);
    const pid_t pid = fork();
    if (pid < 0) {
        std::fprintf(stderr, "motet-config: no second process: %s\n", std::strerror(errno));
        return kCannot;
    }
    if (pid == 0) {
        close(pair[0]);
        alarm(kTotalTimeout_s);                            // not inherited
        std::fflush(nullptr);
        _exit(child(input, pair[1], options));
    }
    close(pair[1]);
    if (options.snapshot_fd >= 0) close(options.snapshot_fd);
    // What is left here is looking up names for a parser that may have been taken over by what it read.
    if (const auto bare = sandbox::enter({.profile = sandbox::Profile::lookup, .user = "motet-config"}); !bare) {
        std::fprintf(stderr, "motet-config: %s\n", bare.error().text.c_str());
        return kCannot;
    }
    setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);      // before the first lookup: a dead name server must not hold us up
    SystemNames names;
    serve_names(pair[0], names);
    close(pair[0]);                                        // so that nobody waits for an answer any more
    for (;;) pause();                                      // until on_child_ended() or the alarm
}

}  // namespace
}  // namespace motet::reader

int main(int argc, char** argv) {
    using namespace motet::reader;
    Options options;
    if (!parse_options(argc, argv, options)) {
        std::fputs(kUsage, stderr);
        return kBadUsage;
    }
    if (options.help) return std::fputs(kUsage, stdout) < 0 ? kCannot : kOk;
    if (options.version) return std::puts("motet-config " MOTET_VERSION) < 0 ? kCannot : kOk;
    if (options.print_man || options.print_default) {
        const std::string text = options.print_man ? manual_page() : default_file();
        return write_all(STDOUT_FILENO, text.data(), text.size()) ? kOk : kCannot;
    }
    return run(options);
}
