// The quorum device of this node: a client that registers, polls, and whose vote counts as long as it polls.
#include <algorithm>

#include "workers/quorum/core_votes.h"

namespace motet::quorum {

namespace wire_vq = wire::votequorum;

namespace {
constexpr std::uint32_t kDeviceFlags = wire_vq::kQdeviceRegistered | wire_vq::kQdeviceAlive | wire_vq::kQdeviceCastVote |
                                       wire_vq::kQdeviceMasterWins;
bool sound_name(std::string_view name) { return !name.empty() && name.size() < wire_vq::kQdeviceNameSize; }
}  // namespace

Refusal Votes::check_device(std::string_view name) const {
    if (!device_registered()) return Refusal::not_exist;
    return name == device_name_ ? Refusal::ok : Refusal::invalid_param;
}

Votes::Registration Votes::register_device(std::string_view name, Effects& out) {
    if (!sound_name(name)) return {Refusal::invalid_param, false};
    if (!settings_.device.configured) return {Refusal::access, false};
    if (device_registered()) return {name == device_name_ ? Refusal::ok : Refusal::exist, false};
    if (!registering_.empty()) return {Refusal::try_again, false};
    if (!device_name_.empty() && name != device_name_) return {Refusal::exist, false};
    registering_ = name;
    send_reg(true, name, out);
    return {Refusal::try_again, true};
}

Refusal Votes::unregister_device(std::string_view name, Effects& out) {
    if (const Refusal no = check_device(name); no != Refusal::ok) return no;
    if (!registering_.empty()) return Refusal::try_again;
    us().flags &= ~kDeviceFlags;
    device_timer_.stop();
    send_own(out);
    send_reg(false, name, out);
    end_wait(out);
    return Refusal::ok;
}

Refusal Votes::rename_device(std::string_view from, std::string_view to, Effects& out) {
    if (!sound_name(to)) return Refusal::invalid_param;
    if (const Refusal no = check_device(from); no != Refusal::ok) return no;
    if (!registering_.empty()) return Refusal::try_again;
    Bytes bytes;
    wire_vq::encode_qdevice_reconfigure({from, to}, bytes);
    out.send(bytes);
    return Refusal::ok;
}

Refusal Votes::poll_device(std::string_view name, bool vote, RingId ring, Effects& out) {
    if (!device_registered()) return Refusal::not_exist;
    if (ring != ring_) return Refusal::message_error;
    if (name != device_name_) return Refusal::invalid_param;
    const std::uint32_t before = us().flags;
    us().flags |= wire_vq::kQdeviceAlive;
    if (vote)
        us().flags |= wire_vq::kQdeviceCastVote;
    else
        us().flags &= ~wire_vq::kQdeviceCastVote;
    device_timer_.start(settings_.device.timeout);
    if (us().flags != before) send_own(out);
    end_wait(out);
    return Refusal::ok;
}

Refusal Votes::master_wins(std::string_view name, bool allow, Effects& out) {
    if (const Refusal no = check_device(name); no != Refusal::ok) return no;
    const std::uint32_t before = us().flags;
    if (allow)
        us().flags |= wire_vq::kQdeviceMasterWins;
    else
        us().flags &= ~wire_vq::kQdeviceMasterWins;
    if (us().flags != before) send_own(out);
    return Refusal::ok;
}

void Votes::end_wait(Effects& out) {
    const bool waited = device_waits_;
    device_waits_ = false;
    if (waited && step_open_) out.step_done();
}

void Votes::device_silent(Effects& out) {
    const std::uint32_t before = us().flags;
    us().flags &= ~(wire_vq::kQdeviceAlive | wire_vq::kQdeviceCastVote);
    if (us().flags != before) {
        out.note("the quorum device \"" + device_name_ + "\" did not poll in time; its vote does not count");
        send_own(out);
    }
    end_wait(out);
}

void Votes::on_device_reg(NodeId from, const wire_vq::QdeviceReg& reg, Effects& out) {
    if (reg.operation == 0) {
        const bool in_use = std::any_of(voters_.begin(), voters_.end(), [](const Voter& v) {
            return v.state == NodeState::member && (v.flags & wire_vq::kQdeviceRegistered) != 0;
        });
        if (!in_use) device_name_.clear();
        return;
    }
    if (!sound_name(reg.name)) return;
    if (from != settings_.self) {
        if (device_name_.empty()) device_name_ = reg.name;
        return;
    }
    if (registering_.empty() || registering_ != reg.name) return;
    const bool same = device_name_.empty() || device_name_ == reg.name;
    if (same) {
        device_name_ = reg.name;
        us().flags |= wire_vq::kQdeviceRegistered;
        send_device(out);
        send_own(out);
    }
    registering_.clear();
    out.device_registered(same);
}

void Votes::on_device_renamed(const wire_vq::QdeviceReconfigure& change) {
    if (change.old_name == device_name_ && sound_name(change.new_name)) device_name_ = change.new_name;
}

}  // namespace motet::quorum
