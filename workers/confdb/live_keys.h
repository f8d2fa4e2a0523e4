// Keys of the configuration that clients change while the node runs: checked before they are stored, as a file would be, then
// told to the supervisor, which gives every process the new configuration. What follows from them (runtime.config.) changes with them.
#pragma once
#include "libs/config/live.h"
#include "workers/confdb/core/gate.h"
#include "workers/confdb/part.h"

namespace motet::confdb {

class LiveKeys final : public Gate, public Listener {
public:
    static constexpr Duration kPause = milliseconds(100);   // between two messages to the supervisor; what changes meanwhile goes together

    explicit LiveKeys(const Shared& shared) : shared_(shared) { shared_.changes.add(*this); }

    bool permits(std::string_view flat, const Value* value) const override;
    void on_key(const KeyChange& change) override;
    void on_object_created(const Object&) override {}
    void on_object_deleted(const Object&, bool) override {}

    // Keys are also written by a reload and from the pages of other processes: that is no client's doing. Paused at first.
    void pause() { paused_ = true; }
    void resume() { paused_ = false; }

    void settle();
    Instant deadline() const { return pending_.empty() ? kNever : next_; }
    void on_time(Instant now);
    void save(Writer& out) const;
    bool restore(Reader& in);

private:
    config::Snapshot configuration() const;   // as the store has it

    const Shared shared_;
    config::LiveChanges pending_;
    Instant next_{};
    bool paused_ = true, derive_ = false;
};

}  // namespace motet::confdb
