// A Fabric on librdmacm and libibverbs. One thread; every descriptor is non-blocking.
#include <arpa/inet.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "libs/base/log.h"
#include "membership/transport/rdma/fabric.h"
#include "membership/transport/udp/address.h"

namespace motet::transport::rdma {
namespace {

constexpr std::size_t kRouteHeader = 40;            // in front of every received datagram, used or not
constexpr std::uint32_t kInfinibandMtu = 2048;      // default there: groups commonly have no more
constexpr std::uint32_t kInlineWanted = 256;
constexpr int kResolveMs = 1000, kListenBacklog = 64;
constexpr std::uint64_t kSendMark = std::uint64_t{1} << 32;
constexpr std::size_t kAskersMax = 64;              // queries waiting for our answer: it follows at once
constexpr int kRefused = 2;                         // status of UNREACHABLE when the peer said no

bool set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

Ticket ticket_of(const rdma_cm_id* id) { return reinterpret_cast<std::uintptr_t>(id->context); }

class Verbs final : public Fabric {
public:
    ~Verbs() override { close(false); }

    Result<Opened> open(const FabricConfig& config) override;
    void close(bool removed) override;
    std::span<const int> descriptors() const override { return descriptors_; }
    bool next(Event& event) override;
    bool next(Condition& condition) override;
    bool resolve_address(Ticket ticket, const std::string& peer) override;
    bool resolve_route(Ticket ticket) override;
    bool ask(Ticket ticket, ByteView data) override;
    void abandon(Ticket ticket) override;
    void accept(Asker asker, ByteView data) override;
    void reject(Asker asker) override;
    void forget(Handle handle) override;
    bool join(const std::string& group) override;
    void leave() override;
    std::span<std::uint8_t> send_buffer(std::uint32_t slot) override {
        return {arena_ + (config_.receive_depth + slot % config_.send_slots) * slot_size_, mtu_};
    }
    ByteView received(std::uint32_t slot, std::uint32_t length) override {
        return {arena_ + slot % config_.receive_depth * slot_size_ + kRouteHeader, std::min(length, mtu_)};
    }
    Posted post(std::span<const Send> sends) override;
    bool repost(std::span<const std::uint32_t> slots) override;
    std::size_t poll(std::span<Completion> out) override;
    bool arm() override;

private:
    Result<Opened> open_all();
    Error failed(const char* what) const;
    Status make_queues();
    Status make_arena();
    Handle keep(ibv_ah* handle);
    std::size_t poll(ibv_cq* queue, bool send, std::span<Completion> out);

    FabricConfig config_;
    Address own_;
    rdma_event_channel* channel_ = nullptr;
    rdma_cm_id *main_ = nullptr, *listener_ = nullptr;
    ibv_pd* domain_ = nullptr;
    ibv_comp_channel* completions_ = nullptr;
    ibv_cq *receive_queue_ = nullptr, *send_queue_ = nullptr;
    ibv_mr* region_ = nullptr;
    std::uint8_t* arena_ = nullptr;
    std::size_t arena_size_ = 0, slot_size_ = 0;
    std::uint32_t mtu_ = 0, inline_max_ = 0;
    std::map<Ticket, rdma_cm_id*> queries_;
    std::map<Asker, rdma_cm_id*> askers_;
    Asker last_asker_ = 0;
    std::vector<ibv_ah*> handles_;
    Address group_;
    bool joined_ = false;
    std::vector<int> descriptors_;
};

Error Verbs::failed(const char* what) const {
    return error("%s: %s: %s", config_.address.c_str(), what, std::strerror(errno));
}

Result<Opened> Verbs::open(const FabricConfig& config) {
    config_ = config;
    Result<Opened> opened = open_all();
    if (!opened) close(false);
    return opened;
}

Result<Opened> Verbs::open_all() {
    const Result<Address> own = parse_address(config_.address, 0);
    if (!own) return own.error();
    own_ = *own;
    channel_ = rdma_create_event_channel();
    if (channel_ == nullptr)
        return error("no RDMA device can be used: /dev/infiniband/rdma_cm: %s; load the adapter's driver and rdma_ucm, or use transport knet",
                     std::strerror(errno));
    if (!set_nonblocking(channel_->fd)) return failed("connection manager");
    if (rdma_create_id(channel_, &main_, nullptr, RDMA_PS_UDP) != 0) return failed("connection manager");
    if (rdma_bind_addr(main_, reinterpret_cast<sockaddr*>(&own_.storage)) != 0) {
        if (errno == ENODEV || errno == EADDRNOTAVAIL)
            return error("%s is not the address of an interface of an RDMA device (%s): check ring0_addr, or use transport knet",
                         config_.address.c_str(), std::strerror(errno));
        return failed("binding to the address");
    }
    if (main_->verbs == nullptr)
        return error("%s is not the address of an RDMA device: give the node the address of its ib or RoCE interface, or use transport knet",
                     config_.address.c_str());
    if (Status made = make_queues(); !made) return made.error();
    if (Status made = make_arena(); !made) return made.error();
    std::vector<std::uint32_t> all(config_.receive_depth);
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    if (!repost(all)) return failed("posting receives");
    if (!arm()) return failed("waiting for completions");

    Address service = own_;
    service.set_port(config_.port);
    if (rdma_create_id(channel_, &listener_, nullptr, RDMA_PS_UDP) != 0) return failed("connection manager");
    if (rdma_bind_addr(listener_, reinterpret_cast<sockaddr*>(&service.storage)) != 0 || rdma_listen(listener_, kListenBacklog) != 0)
        return error("%s: port %u of the connection manager: %s; another program, perhaps another node on this machine, has it",
                     config_.address.c_str(), config_.port, std::strerror(errno));
    set_nonblocking(main_->verbs->async_fd);
    descriptors_ = {channel_->fd, completions_->fd, main_->verbs->async_fd};
    return Opened{.device = ibv_get_device_name(main_->verbs->device), .port = main_->port_num, .mtu = mtu_, .queue_pair = main_->qp->qp_num,
                  .inline_max = inline_max_};
}

Status Verbs::make_queues() {
    domain_ = ibv_alloc_pd(main_->verbs);
    if (domain_ == nullptr) return failed("protection domain");
    completions_ = ibv_create_comp_channel(main_->verbs);
    if (completions_ == nullptr || !set_nonblocking(completions_->fd)) return failed("completion channel");
    receive_queue_ = ibv_create_cq(main_->verbs, static_cast<int>(config_.receive_depth), nullptr, completions_, 0);
    send_queue_ = ibv_create_cq(main_->verbs, static_cast<int>(config_.send_depth), nullptr, completions_, 0);
    if (receive_queue_ == nullptr || send_queue_ == nullptr) return failed("completion queue");
    // Devices grant what they like, and refuse the whole queue pair when asked for more.
    for (inline_max_ = kInlineWanted;; inline_max_ /= 2) {
        ibv_qp_init_attr wanted{};
        wanted.qp_type = IBV_QPT_UD;
        wanted.send_cq = send_queue_;
        wanted.recv_cq = receive_queue_;
        wanted.cap.max_send_wr = config_.send_depth;
        wanted.cap.max_recv_wr = config_.receive_depth;
        wanted.cap.max_send_sge = wanted.cap.max_recv_sge = 1;
        wanted.cap.max_inline_data = inline_max_;
        if (rdma_create_qp(main_, domain_, &wanted) == 0) break;
        if (errno != EINVAL || inline_max_ == 0) return failed("queue pair");
    }
    ibv_port_attr port{};
    if (ibv_query_port(main_->verbs, main_->port_num, &port) != 0) return failed("port");
    mtu_ = 128u << port.active_mtu;
    if (config_.mtu_max != 0) mtu_ = std::min(mtu_, config_.mtu_max);
    else if (port.link_layer == IBV_LINK_LAYER_INFINIBAND) mtu_ = std::min(mtu_, kInfinibandMtu);
    return Done{};
}

Status Verbs::make_arena() {
    slot_size_ = (kRouteHeader + mtu_ + 63) / 64 * 64;
    arena_size_ = (config_.receive_depth + config_.send_slots) * slot_size_;
    void* const at = mmap(nullptr, arena_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return failed("memory");
    arena_ = static_cast<std::uint8_t*>(at);
    region_ = ibv_reg_mr(domain_, arena_, arena_size_, IBV_ACCESS_LOCAL_WRITE);
    if (region_ == nullptr && errno == ENOMEM)
        return error("%zu KiB cannot be locked into memory: raise the memory lock limit (LimitMEMLOCK= of the service, ulimit -l) to %zu KiB at least",
                     arena_size_ / 1024, arena_size_ / 1024 + 1024);
    return region_ != nullptr ? Status(Done{}) : Status(failed("registering memory"));
}

// A queue pair that is still in a group cannot be destroyed, and would keep its device from being removed: leave first.
void Verbs::close(bool removed) {
    const auto check = [&](int result, const char* what) {
        if (result != 0 && !removed) MOTET_LOG(debug, "closing %s: %s: %s", config_.address.c_str(), what, std::strerror(errno));
    };
    for (ibv_ah* handle : handles_)
        if (handle != nullptr) check(ibv_destroy_ah(handle), "address handle");
    handles_.clear();
    for (auto& [ticket, id] : queries_) check(rdma_destroy_id(id), "query");
    queries_.clear();
    for (auto& [asker, id] : askers_) check(rdma_destroy_id(id), "asker");
    askers_.clear();
    leave();
    if (main_ != nullptr && main_->qp != nullptr) {
        check(ibv_destroy_qp(main_->qp), "queue pair");     // rdma_destroy_qp() does not tell
        main_->qp = nullptr;
    }
    if (region_ != nullptr) check(ibv_dereg_mr(region_), "memory region");
    if (arena_ != nullptr) munmap(arena_, arena_size_);
    region_ = nullptr;
    arena_ = nullptr;
    if (receive_queue_ != nullptr) check(ibv_destroy_cq(receive_queue_), "receive queue");
    if (send_queue_ != nullptr) check(ibv_destroy_cq(send_queue_), "send queue");
    receive_queue_ = send_queue_ = nullptr;
    if (completions_ != nullptr) check(ibv_destroy_comp_channel(completions_), "completion channel");
    if (domain_ != nullptr) check(ibv_dealloc_pd(domain_), "protection domain");
    completions_ = nullptr;
    domain_ = nullptr;
    if (listener_ != nullptr) check(rdma_destroy_id(listener_), "listener");
    if (main_ != nullptr) check(rdma_destroy_id(main_), "identifier");
    listener_ = main_ = nullptr;
    if (channel_ != nullptr) rdma_destroy_event_channel(channel_);
    channel_ = nullptr;
    descriptors_.clear();
    // The library keeps its device open beyond the last identifier, and drivers that cannot revoke that wait for it. Listing the
    // devices makes it notice that one is gone.
    if (removed)
        if (ibv_context** devices = rdma_get_devices(nullptr); devices != nullptr) rdma_free_devices(devices);
}

// --- events

Handle Verbs::keep(ibv_ah* handle) {
    if (handle == nullptr) return kNoHandle;
    const auto free = std::find(handles_.begin(), handles_.end(), nullptr);
    const auto index = static_cast<Handle>(free - handles_.begin());
    if (free == handles_.end()) handles_.push_back(handle);
    else *free = handle;
    return index;
}

bool Verbs::next(Event& event) {
    rdma_cm_event* e = nullptr;
    if (channel_ == nullptr || rdma_get_cm_event(channel_, &e) != 0) return false;
    event = {};
    event.status = e->status;
    event.ticket = ticket_of(e->id);
    const auto copy = [&](const void* data, std::uint8_t size) {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        if (bytes != nullptr) event.data.assign(bytes, bytes + size);
    };
    rdma_cm_id* stranger = nullptr;
    switch (e->event) {
        case RDMA_CM_EVENT_ADDR_RESOLVED: event.kind = Event::Kind::address_resolved; break;
        case RDMA_CM_EVENT_ROUTE_RESOLVED: event.kind = Event::Kind::route_resolved; break;
        case RDMA_CM_EVENT_ADDR_ERROR:
        case RDMA_CM_EVENT_ROUTE_ERROR:
        case RDMA_CM_EVENT_CONNECT_ERROR:
        case RDMA_CM_EVENT_UNREACHABLE:
        case RDMA_CM_EVENT_REJECTED:
            event.kind = Event::Kind::failed;
            event.refused = e->event == RDMA_CM_EVENT_REJECTED || (e->event == RDMA_CM_EVENT_UNREACHABLE && e->status == kRefused);
            break;
        case RDMA_CM_EVENT_ESTABLISHED:
            event.kind = Event::Kind::answered;
            copy(e->param.ud.private_data, e->param.ud.private_data_len);
            event.target = {keep(ibv_create_ah(domain_, &e->param.ud.ah_attr)), e->param.ud.qp_num};
            break;
        case RDMA_CM_EVENT_CONNECT_REQUEST:
            event.kind = Event::Kind::asked;
            copy(e->param.ud.private_data, e->param.ud.private_data_len);
            stranger = e->id;
            event.ticket = 0;
            break;
        case RDMA_CM_EVENT_MULTICAST_JOIN:
            event.kind = Event::Kind::joined;
            event.target = {keep(ibv_create_ah(domain_, &e->param.ud.ah_attr)), e->param.ud.qp_num};
            if (event.target.handle == kNoHandle) event.kind = Event::Kind::join_failed;
            break;
        case RDMA_CM_EVENT_MULTICAST_ERROR: event.kind = Event::Kind::join_failed; break;
        case RDMA_CM_EVENT_DEVICE_REMOVAL: event.kind = Event::Kind::device_removed; break;
        case RDMA_CM_EVENT_ADDR_CHANGE: event.kind = e->id == main_ ? Event::Kind::address_changed : Event::Kind::other; break;
        default: break;
    }
    rdma_ack_cm_event(e);       // before anything is destroyed: destroying waits for it
    if (stranger != nullptr) {
        if (askers_.size() >= kAskersMax) {
            rdma_reject(stranger, nullptr, 0);
            rdma_destroy_id(stranger);
            event.kind = Event::Kind::other;
        } else {
            event.asker = ++last_asker_;
            askers_[event.asker] = stranger;
        }
    }
    return true;
}

bool Verbs::next(Condition& condition) {
    ibv_async_event e;
    if (main_ == nullptr || ibv_get_async_event(main_->verbs, &e) != 0) return false;
    condition = Condition::other;
    const bool of_port = e.event_type == IBV_EVENT_PORT_ERR || e.event_type == IBV_EVENT_PORT_ACTIVE || e.event_type == IBV_EVENT_GID_CHANGE ||
                         e.event_type == IBV_EVENT_LID_CHANGE || e.event_type == IBV_EVENT_PKEY_CHANGE || e.event_type == IBV_EVENT_SM_CHANGE ||
                         e.event_type == IBV_EVENT_CLIENT_REREGISTER;
    if (!of_port || e.element.port_num == main_->port_num) {
        switch (e.event_type) {
            case IBV_EVENT_PORT_ERR: condition = Condition::port_down; break;
            case IBV_EVENT_PORT_ACTIVE: condition = Condition::port_up; break;
            case IBV_EVENT_GID_CHANGE:
            case IBV_EVENT_LID_CHANGE:
            case IBV_EVENT_PKEY_CHANGE:
            case IBV_EVENT_SM_CHANGE:
            case IBV_EVENT_CLIENT_REREGISTER: condition = Condition::addresses_changed; break;
            case IBV_EVENT_QP_FATAL:
            case IBV_EVENT_QP_REQ_ERR:
            case IBV_EVENT_QP_ACCESS_ERR:
            case IBV_EVENT_CQ_ERR:
            case IBV_EVENT_DEVICE_FATAL: condition = Condition::broken; break;
            default: break;
        }
    }
    ibv_ack_async_event(&e);
    return true;
}

// --- queries and the group

bool Verbs::resolve_address(Ticket ticket, const std::string& peer) {
    Result<Address> to = parse_address(peer, config_.port);
    rdma_cm_id* id = nullptr;
    if (!to || channel_ == nullptr || rdma_create_id(channel_, &id, reinterpret_cast<void*>(static_cast<std::uintptr_t>(ticket)), RDMA_PS_UDP) != 0) return false;
    queries_[ticket] = id;
    Address from = own_;
    return rdma_resolve_addr(id, reinterpret_cast<sockaddr*>(&from.storage), reinterpret_cast<sockaddr*>(&to->storage), kResolveMs) == 0;
}

bool Verbs::resolve_route(Ticket ticket) {
    const auto it = queries_.find(ticket);
    return it != queries_.end() && rdma_resolve_route(it->second, kResolveMs) == 0;
}

bool Verbs::ask(Ticket ticket, ByteView data) {
    const auto it = queries_.find(ticket);
    rdma_conn_param param{};
    param.private_data = data.data();
    param.private_data_len = static_cast<std::uint8_t>(data.size());
    return it != queries_.end() && rdma_connect(it->second, &param) == 0;
}

void Verbs::abandon(Ticket ticket) {
    const auto it = queries_.find(ticket);
    if (it == queries_.end()) return;
    rdma_destroy_id(it->second);
    queries_.erase(it);
}

void Verbs::accept(Asker asker, ByteView data) {
    const auto it = askers_.find(asker);
    if (it == askers_.end()) return;
    rdma_conn_param param{};
    param.private_data = data.data();
    param.private_data_len = static_cast<std::uint8_t>(data.size());
    param.qp_num = main_->qp->qp_num;
    if (rdma_accept(it->second, &param) != 0) MOTET_LOG(debug, "a query cannot be answered: %s", std::strerror(errno));
    rdma_destroy_id(it->second);        // the answer is on its way
    askers_.erase(it);
}

void Verbs::reject(Asker asker) {
    const auto it = askers_.find(asker);
    if (it == askers_.end()) return;
    rdma_reject(it->second, nullptr, 0);
    rdma_destroy_id(it->second);
    askers_.erase(it);
}

void Verbs::forget(Handle handle) {
    if (handle >= handles_.size() || handles_[handle] == nullptr) return;
    ibv_destroy_ah(handles_[handle]);
    handles_[handle] = nullptr;
}

bool Verbs::join(const std::string& group) {
    const Result<Address> parsed = parse_address(group, 0);
    if (!parsed || main_ == nullptr) return false;
    group_ = *parsed;
    joined_ = rdma_join_multicast(main_, reinterpret_cast<sockaddr*>(&group_.storage), nullptr) == 0;
    return joined_;
}

void Verbs::leave() {
    // Says ENXIO behind a removal, and detaches nevertheless.
    if (joined_) rdma_leave_multicast(main_, reinterpret_cast<sockaddr*>(&group_.storage));
    joined_ = false;
}

// --- datagrams

Posted Verbs::post(std::span<const Send> sends) {
    constexpr std::size_t kChain = 64;
    std::array<ibv_send_wr, kChain> work;
    std::array<ibv_sge, kChain> pieces;
    for (std::size_t first = 0; first < sends.size(); first += kChain) {
        const std::size_t count = std::min(kChain, sends.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const Send& s = sends[first + i];
            if (s.target.handle >= handles_.size() || handles_[s.target.handle] == nullptr) return Posted::broken;
            pieces[i] = {reinterpret_cast<std::uintptr_t>(send_buffer(s.slot).data()), s.length, region_->lkey};
            work[i] = {};
            work[i].wr_id = kSendMark | s.slot;
            work[i].next = i + 1 < count ? &work[i + 1] : nullptr;
            work[i].sg_list = &pieces[i];
            work[i].num_sge = 1;
            work[i].opcode = IBV_WR_SEND;
            work[i].send_flags = (s.signalled ? unsigned{IBV_SEND_SIGNALED} : 0u) | (s.length <= inline_max_ ? unsigned{IBV_SEND_INLINE} : 0u);
            work[i].wr.ud.ah = handles_[s.target.handle];
            work[i].wr.ud.remote_qpn = s.target.queue_pair;
            work[i].wr.ud.remote_qkey = RDMA_UDP_QKEY;
        }
        ibv_send_wr* bad = nullptr;
        const int result = ibv_post_send(main_->qp, work.data(), &bad);
        if (result == 0) continue;
        const int why = result > 0 ? result : errno;
        return why == ENOMEM ? Posted::full : why == EACCES ? Posted::denied : Posted::broken;
    }
    return Posted::ok;
}

bool Verbs::repost(std::span<const std::uint32_t> slots) {
    constexpr std::size_t kChain = 64;
    std::array<ibv_recv_wr, kChain> work;
    std::array<ibv_sge, kChain> pieces;
    for (std::size_t first = 0; first < slots.size(); first += kChain) {
        const std::size_t count = std::min(kChain, slots.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t slot = slots[first + i] % config_.receive_depth;
            pieces[i] = {reinterpret_cast<std::uintptr_t>(arena_ + slot * slot_size_), static_cast<std::uint32_t>(kRouteHeader + mtu_), region_->lkey};
            work[i] = {};
            work[i].wr_id = slot;
            work[i].next = i + 1 < count ? &work[i + 1] : nullptr;
            work[i].sg_list = &pieces[i];
            work[i].num_sge = 1;
        }
        ibv_recv_wr* bad = nullptr;
        if (ibv_post_recv(main_->qp, work.data(), &bad) != 0) return false;
    }
    return true;
}

std::size_t Verbs::poll(ibv_cq* queue, bool send, std::span<Completion> out) {
    std::array<ibv_wc, 32> found;
    std::size_t n = 0;
    while (n < out.size()) {
        const int count = ibv_poll_cq(queue, static_cast<int>(std::min(found.size(), out.size() - n)), found.data());
        if (count <= 0) break;
        for (int i = 0; i < count; ++i) {
            const ibv_wc& c = found[static_cast<std::size_t>(i)];
            Completion& o = out[n++];
            o = {};
            o.send = send;
            o.ok = c.status == IBV_WC_SUCCESS;
            o.error = o.ok ? "" : ibv_wc_status_str(c.status);
            o.slot = static_cast<std::uint32_t>(c.wr_id);
            if (o.ok && !send) {
                o.length = c.byte_len > kRouteHeader ? c.byte_len - static_cast<std::uint32_t>(kRouteHeader) : 0;
                o.source = c.src_qp;
            }
        }
    }
    return n;
}

std::size_t Verbs::poll(std::span<Completion> out) {
    if (main_ == nullptr) return 0;
    const std::size_t sends = poll(send_queue_, true, out.first(out.size() / 2));
    return sends + poll(receive_queue_, false, out.subspan(sends));
}

bool Verbs::arm() {
    ibv_cq* queue = nullptr;
    void* context = nullptr;
    // Each acknowledgement takes a lock: once per queue.
    unsigned of_sends = 0, of_receives = 0;
    while (ibv_get_cq_event(completions_, &queue, &context) == 0) ++(queue == send_queue_ ? of_sends : of_receives);
    if (of_sends != 0) ibv_ack_cq_events(send_queue_, of_sends);
    if (of_receives != 0) ibv_ack_cq_events(receive_queue_, of_receives);
    return ibv_req_notify_cq(receive_queue_, 0) == 0 && ibv_req_notify_cq(send_queue_, 0) == 0;
}

}  // namespace

void load_drivers() {
    if (ibv_device** const list = ibv_get_device_list(nullptr); list != nullptr) ibv_free_device_list(list);
}

std::unique_ptr<Fabric> make_verbs() { return std::make_unique<Verbs>(); }

}  // namespace motet::transport::rdma
