#include "membership/transport/knet/note_reader.h"

extern "C" {
#include <libknet.h>
}

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

namespace motet::transport {

void NoteReader::start(int pipe) {
    thread_ = std::thread([this, pipe] { run(pipe); });
}

void NoteReader::join() {
    if (thread_.joinable()) thread_.join();
}

void NoteReader::watch(const std::vector<std::string>& addresses) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, OfAddress> peers;
    for (const std::string& address : addresses) {
        const auto known = seen_.peers.find(address);
        peers[address] = known == seen_.peers.end() ? OfAddress{} : known->second;
    }
    seen_.peers = std::move(peers);
}

NoteReader::Seen NoteReader::look() {
    const std::lock_guard lock(mutex_);
    Seen copy = seen_;
    seen_.others.clear();
    return copy;
}

void NoteReader::run(int pipe) {
    knet_log_msg messages[64];
    for (;;) {
        const ssize_t size = ::read(pipe, messages, sizeof messages);
        if (size == 0) return;
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            pollfd p{pipe, POLLIN, 0};
            (void)::poll(&p, 1, -1);
            continue;
        }
        if (size < 0) return;
        const std::size_t count = static_cast<std::size_t>(size) / sizeof messages[0];
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < count; ++i) take({messages[i].msg, strnlen(messages[i].msg, sizeof messages[i].msg)});
    }
}

void NoteReader::take(std::string_view line) {
    const Note note = read_note(line);
    const auto peer = note.address.empty() ? seen_.peers.end() : seen_.peers.find(note.address);
    Rejected& rejected = seen_.rejected;
    switch (note.kind) {
        case Note::Kind::unauthenticated:
            ++rejected.unauthenticated;
            if (peer != seen_.peers.end()) {
                ++peer->second.unauthenticated;
            } else {
                ++seen_.strangers;
                seen_.last_stranger = note.address;
            }
            return;
        case Note::Kind::malformed: ++rejected.malformed; return;
        case Note::Kind::duplicate: ++rejected.duplicate; return;
        case Note::Kind::unknown_sender: ++rejected.unknown_sender; return;
        case Note::Kind::unreachable_sender: ++rejected.unreachable_sender; return;
        case Note::Kind::not_for_us: ++rejected.not_for_us; return;
        case Note::Kind::send_failed:
            if (peer != seen_.peers.end()) peer->second.send_errno = note.why;
            return;
        case Note::Kind::expected: return;
        case Note::Kind::other: break;
    }
    if (seen_.others.size() < kOthersMax) seen_.others.emplace_back(line);
}

}  // namespace motet::transport
