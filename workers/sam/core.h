// The registered applications of this node. Pure: connections, requests and time in; events, replies and closings out. What an
// application's parent says about it is taken as its own word and touches no other application; the key that its processes
// share says which connections are of one application.
//
// Time is known in on_time() only: whatever depends on it is put off until then, and due at once.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "libs/wire/client_sam.h"

namespace motet::sam {

using ConnId = std::uint64_t;
using AppId = std::uint64_t;
namespace wire = motet::wire::sam_client;

enum class Close { violation, orderly };

class Output {
public:
    virtual ~Output() = default;
    virtual void event(ConnId conn, wire::Event type, std::span<const ByteView> pieces) = 0;
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void close(ConnId conn, Close why) = 0;
    // For the log: what an administrator should know, once.
    virtual void note(const std::string& line) = 0;
};

inline constexpr std::size_t kAppsMax = 4096;            // more are turned away
inline constexpr std::size_t kDataTotalMax = 32u << 20;  // of all; beyond only sizes are kept
inline constexpr std::size_t kEndedMax = 64;             // applications that ended in failure or were lost, newest last

// How many restarts are free, and what further ones cost.
struct Budget {
    std::uint32_t burst = 10;                 // restarts without delay within the window
    Duration window = seconds(60);            // in which as many are forgotten
    Duration delay_first = milliseconds(100); // of the first one beyond; doubles
    Duration delay_max = seconds(30);
    std::uint32_t most = 0;                   // beyond this many an application is given up; 0: never
};

enum class Supervision : std::uint32_t { watched, orphaned, hung, lost, ended };
const char* name_of(Supervision supervision);

struct Counters {
    std::uint64_t enrolled = 0, restarts = 0, delayed = 0, given_up = 0, takeovers = 0, hung_parents = 0, lost = 0, orders = 0;
    std::array<std::uint64_t, wire::kCauses> failures{};
};

class Core {
public:
    explicit Core(const Budget& budget) : budget_(budget) {}

    void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid);
    void on_request(ConnId conn, wire::Request type, std::uint64_t request, ByteView payload, Output& out);
    void on_disconnect(ConnId conn, Output& out);
    void on_time(Instant now, Output& out);
    Instant deadline() const;

    // What a value of every application is published as: libs/metrics is not for a pure room.
    struct Shown {
        AppId id = 0;
        std::int32_t supervisor = 0;
        std::uint32_t child = 0, instance = 0, restarts = 0, interval_ms = 0;
        bool by_itself = false;      // the parent publishes Corosync's keys
        bool restarts_itself = false;
        std::uint64_t heard_ns = 0;  // of the application, monotonic
        const char* state = "";
        const char* supervision = "";
        const char* last_failure = "";
        std::string_view name;
    };
    void each(const std::function<void(const Shown&)>& show) const;
    // An application with the cmap flag failed for good: the watchdog is to know.
    bool any_failed_for_good() const;

    std::string status_json() const;   // counts, and the first kShownMax applications
    const Counters& counters() const { return counters_; }
    std::size_t size() const { return apps_.size(); }

    void snapshot(Bytes& out) const;
    Status restore(ByteView state);

private:
    using Key = std::array<std::uint8_t, wire::kKeySize>;
    struct App {
        AppId id = 0;
        Key key{};
        std::string name;
        std::uint32_t uid = 0;
        std::uint32_t interval_ms = 0, policy = 0, beat_ms = 0, takeovers = 0, instances_seen = 0;
        std::int32_t warn_signal = 0;
        std::uint64_t registered_ns = 0;
        wire::Change now;
        std::uint32_t last_cause = 0;         // of its last failure
        Supervision supervision = Supervision::watched;
        ConnId parent = 0, standby = 0;       // 0: none
        std::int32_t parent_pid = 0, standby_pid = 0;
        std::uint64_t silent_ms = 0;          // as the last beat said
        Instant heard{};                      // of the parent
        bool heard_now = false;               // since on_time()
        bool spared = false;                  // its deadline passed while we did not run; once in a silence
        Instant deadline = kNever;            // of whatever comes next in its supervision
        std::uint32_t asked = 0;              // number of a Failed request that waits for on_time(); 0: none
        double level = 0;                     // of its budget
        Instant level_at{};
        Bytes data;
        std::uint64_t data_total = 0;
    };
    struct Client {
        std::int32_t pid = 0;
        std::uint32_t uid = 0;
        AppId app = 0;
        bool standby = false;
    };

    void on_enrol(ConnId conn, Client& client, ByteView payload, Output& out);
    void on_attach(ConnId conn, Client& client, ByteView payload, Output& out);
    App* admit(const Client& client, const wire::Enrol& enrol, ConnId conn, Output& out);
    void on_data(App& app, ByteView payload, Output& out, ConnId conn);
    void on_failed(App& app, ByteView payload, Output& out, ConnId conn);
    void on_admin(ConnId conn, const Client& client, wire::Request type, std::uint64_t request, ByteView payload, Output& out);
    void list(ConnId conn, std::uint64_t request, AppId after, Output& out);
    bool take_change(App& app, const wire::Change& change, Output& out);
    void touch(App& app);
    void answer_failed(App& app, Instant now, Output& out);
    void watch(App& app, Instant now, Output& out);
    void end(AppId id, Supervision how);
    void violation(ConnId conn, Output& out) { out.close(conn, Close::violation); }
    App* find(AppId id);
    const App* find_target(std::uint64_t target) const;
    Duration limit(const App& app) const;
    std::string json(const App& app) const;
    static void write_app(const App& app, Bytes& out);
    static bool read_app(Reader& in, App& app);

    Budget budget_;
    std::map<AppId, App> apps_;
    std::map<Key, AppId> by_key_;
    std::map<ConnId, Client> clients_;
    std::vector<AppId> touched_;              // wait for on_time()
    std::vector<App> ended_;
    std::size_t data_total_ = 0;
    AppId next_ = 0;
    Instant now_{};
    Counters counters_;
};

}  // namespace motet::sam
