// A connected handle, and callbacks that write down what they are told.
#pragma once
#include <corosync/cpg.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/unit/libs/client/fake_daemon.h"

namespace motet::test {

struct Delivery {
    std::string group;
    std::uint32_t nodeid, pid;
    std::string text;
};
struct Change {
    std::string group;
    std::vector<cpg_address> members, left, joined;
    bool pointers = false;   // none was NULL
};
struct RingChange {
    cpg_ring_id ring;
    std::vector<std::uint32_t> nodes;
};

class CpgTest : public testing::Test {
protected:
    void SetUp() override {
        self = this;
        daemon = std::make_unique<FakeDaemon>();
        ASSERT_EQ(open(handle), CS_OK);
    }
    void TearDown() override {
        if (handle != 0) cpg_finalize(handle);
        self = nullptr;
    }
    cs_error_t open(cpg_handle_t& out, unsigned flags = 0) {
        cpg_model_v1_data_t model{CPG_MODEL_V1, on_deliver, on_confchg, on_totem, flags};
        return cpg_model_initialize(&out, CPG_MODEL_V1, reinterpret_cast<cpg_model_data_t*>(&model), nullptr);
    }

    static void on_deliver(cpg_handle_t h, const cpg_name* group, std::uint32_t nodeid, std::uint32_t pid, void* msg, std::size_t length) {
        self->deliveries.push_back({{group->value, group->length}, nodeid, pid, {static_cast<char*>(msg), length}});
        if (length != 0) static_cast<char*>(msg)[0] ^= 1;   // applications change messages in place
        if (self->during) self->during(h);
    }
    static void on_confchg(cpg_handle_t h, const cpg_name* group, const cpg_address* m, std::size_t ms, const cpg_address* l,
                           std::size_t ls, const cpg_address* j, std::size_t js) {
        const bool pointers = m != nullptr && l != nullptr && j != nullptr;
        // Some applications look at the first entry before they look at the count.
        volatile std::uint32_t first = m->nodeid + l->nodeid + j->nodeid;
        (void)first;
        self->changes.push_back({{group->value, group->length}, {m, m + ms}, {l, l + ls}, {j, j + js}, pointers});
        if (self->during) self->during(h);
    }
    static void on_totem(cpg_handle_t, cpg_ring_id ring, std::uint32_t n, const std::uint32_t* nodes) {
        self->rings.push_back({ring, {nodes, nodes + n}});
    }

    bool readable() {
        int fd = -1;
        EXPECT_EQ(cpg_fd_get(handle, &fd), CS_OK);
        pollfd p{fd, POLLIN, 0};
        return poll(&p, 1, 0) == 1;
    }

    static inline CpgTest* self = nullptr;
    std::unique_ptr<FakeDaemon> daemon;
    cpg_handle_t handle = 0;
    std::vector<Delivery> deliveries;
    std::vector<Change> changes;
    std::vector<RingChange> rings;
    std::function<void(cpg_handle_t)> during;   // runs inside callbacks
};

inline cpg_name group_named(std::string_view text) {
    cpg_name name{};
    name.length = static_cast<std::uint32_t>(text.size());
    std::memcpy(name.value, text.data(), text.size());
    return name;
}

}  // namespace motet::test
