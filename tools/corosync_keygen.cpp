// corosync-keygen: makes the cluster's key. Same options, output and exit codes as Corosync's program of this name; written by way
// of a file beside the target, so that there is never half a key under its name, and wiped from memory.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kBytesMin = 128, kBytesMax = 4096, kBytesDefault = 256;
constexpr int kBad = 1, kNotCreated = 2, kNotMode = 3, kNotWritten = 4, kNotClosed = 5;

constexpr const char* kUsage =
    "Usage: corosync-keygen [-k <keyfile>] [-s size] [-r <randomfile>] [-l] [-h]\n"
    "     -k / --key-file=<filename> -  Write to the specified keyfile\n"
    "            instead of the default /etc/corosync/authkey.\n"
    "     -r / --random-file -  Random number source file. Default is\n"
    "            /dev/urandom.\n"
    "     -l / --less-secure - Not used, option is kept only\n"
    "            for compatibility.\n"
    "     -s / --size -  Length of key.\n"
    "     -h / --help -  Print basic usage.\n";

struct Secret {
    std::array<unsigned char, kBytesMax> bytes{};
    ~Secret() { explicit_bzero(bytes.data(), bytes.size()); }
};

int complain(int code, const std::string& what) {
    std::fprintf(stderr, "corosync-keygen: %s\n", what.c_str());
    return code;
}

bool read_all(int fd, unsigned char* to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = read(fd, to, size);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = ENODATA;       // a source that has no more
        if (got <= 0) return false;
        to += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

int write_key(const std::string& path, const unsigned char* bytes, std::size_t size) {
    const std::string beside = path + ".new";
    (void)unlink(beside.c_str());
    const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (fd < 0) return complain(kNotCreated, "Could not create " + path + ": " + std::strerror(errno));
    int code = 0;
    if (fchmod(fd, 0400) != 0) code = complain(kNotMode, "Failed to set the mode of " + path + ": " + std::strerror(errno));
    if (code == 0 && (write(fd, bytes, size) != static_cast<ssize_t>(size) || fsync(fd) != 0))
        code = complain(kNotWritten, "Could not write " + path + ": " + std::strerror(errno));
    if (close(fd) != 0 && code == 0) code = complain(kNotClosed, "Could not close " + path + ": " + std::strerror(errno));
    if (code == 0 && rename(beside.c_str(), path.c_str()) != 0) code = complain(kNotCreated, "Could not create " + path + ": " + std::strerror(errno));
    if (code != 0) (void)unlink(beside.c_str());
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    static const option known[] = {{"key-file", required_argument, nullptr, 'k'}, {"random-file", required_argument, nullptr, 'r'},
                                   {"less-secure", no_argument, nullptr, 'l'},    {"size", required_argument, nullptr, 's'},
                                   {"help", no_argument, nullptr, 'h'},           {nullptr, 0, nullptr, 0}};
    std::string path = "/etc/corosync/authkey", source = "/dev/urandom";
    std::size_t size = kBytesDefault;
    for (int c; (c = getopt_long(argc, argv, "k:r:ls:h", known, nullptr)) != -1;) {
        switch (c) {
            case 'k': path = optarg; break;
            case 'r': source = optarg; break;
            case 'l': break;
            case 's': {
                const char* end = optarg + std::strlen(optarg);
                const auto [stop, failure] = std::from_chars(optarg, end, size);
                if (failure != std::errc() || stop != end || size < kBytesMin || size > kBytesMax)
                    return complain(kBad, "Unsupported key size (supported <128,4096>)\n");
                break;
            }
            case 'h': return std::fputs(kUsage, stdout) < 0 ? kBad : 0;
            default: return kBad;
        }
    }
    std::printf("Corosync Cluster Engine Authentication key generator.\n");
    const int from = open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (from < 0) return complain(kBad, "Failed to open random source: " + std::string(std::strerror(errno)));
    std::printf("Gathering %zu bits for key from %s.\n", size * 8, source.c_str());
    std::fflush(stdout);
    Secret key;
    if (!read_all(from, key.bytes.data(), size)) return complain(kBad, "Could not read " + source + ": " + std::strerror(errno));
    close(from);
    std::printf("Writing corosync key to %s.\n", path.c_str());
    std::fflush(stdout);
    return write_key(path, key.bytes.data(), size);
}
