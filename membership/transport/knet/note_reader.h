// Reads libknet's log as fast as it is written, in a thread of its own: when the pipe is full libknet's threads wait for it, and
// every packet of rubbish writes lines. Lines become counters; a few that are not understood are kept for the log.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/time.h"
#include "membership/transport/knet/notes.h"

namespace motet::transport {

class NoteReader {
public:
    struct OfAddress {
        std::uint64_t unauthenticated = 0;
        int send_errno = 0;
    };
    struct Seen {
        Rejected rejected;
        std::map<std::string, OfAddress> peers;     // those that are watched
        std::uint64_t strangers = 0;                // packets that did not authenticate, from other addresses
        std::string last_stranger;
        std::vector<std::string> others;            // at most kOthersMax since the last look
    };
    static constexpr std::size_t kOthersMax = 8;

    NoteReader() = default;
    NoteReader(const NoteReader&) = delete;
    ~NoteReader() { join(); }

    // Starts the thread; it ends when the other end of `pipe` is closed everywhere. The descriptor stays the caller's until join().
    void start(int pipe);
    void join();

    // Whose packets and sends are told apart from now on; counts of addresses that stay are kept.
    void watch(const std::vector<std::string>& addresses);
    // What has been seen since the start.
    Seen look();

private:
    void run(int pipe);
    void take(std::string_view line);

    std::thread thread_;
    std::mutex mutex_;      // of seen_; held for a batch of at most 64 lines
    Seen seen_;
};

}  // namespace motet::transport
