// A room: the namespaces of one service, made once and kept open by descriptor, so that a restart costs no more than entering
// them and a death is seen before their teardown. Its root is one empty read-only directory. There is no process
// namespace: its init would be deaf to SIGABRT and see clients as process 0; own user and system-call list hide other processes.
#pragma once
#include <sys/types.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/result.h"

namespace motet::sandbox {

inline constexpr int kRoomFd = 10;          // a process started for a room finds its descriptors from here on
inline constexpr int kRoomFdsMax = 7;       // six namespaces and the root

enum class Network { none, hosts };         // an empty one of its own, or the host's

class Room {
public:
    // Forks; the child makes the namespaces, hands them over and ends. Must be called single-threaded. As an ordinary user they
    // belong to a user namespace in which only the caller exists. An error: this machine or user does not allow it.
    static Result<Room> make(Network network);
    // As after a re-execution: descriptors that make() once returned.
    static Room adopt(std::vector<int> fds);
    Room(Room&& other) noexcept : fds_(std::exchange(other.fds_, {})) {}
    Room& operator=(Room&& other) noexcept;
    ~Room();

    // For the process to come, at kRoomFd and above, in this order.
    std::span<const int> descriptors() const { return fds_; }

private:
    explicit Room(std::vector<int> fds) : fds_(std::move(fds)) {}
    std::vector<int> fds_;
};

// What the kernel says about a running process and the room it was started for. `unknown`: we may not look, which needs
// CAP_SYS_PTRACE for a process of another user or one that is not dumpable.
enum class Inside { yes, no, unknown };
Inside inside(pid_t pid, const Room& room);

// The process's side. What it finds at kRoomFd and above it enters, single-threaded and before it gives up any right; the
// descriptors are closed.
//   whole: with the empty root. Nothing can be opened by name from here on.
//   rest:  all but the root, which is left for leave_files(): for a process that still has files to open. Its mounts are a copy.
enum class Entering { whole, rest };
// Empty: it is in its room. Otherwise the reason why not, for the report; an error is a room that was given and cannot be entered.
Result<std::string> enter_room(Entering how);
// After Entering::rest, also with threads running: the root becomes the room's. False: there is none.
Result<bool> leave_files();
// Namespaces that die with the caller, for a short-lived process; empty or the reason why not.
std::string make_own_room();

}  // namespace motet::sandbox
