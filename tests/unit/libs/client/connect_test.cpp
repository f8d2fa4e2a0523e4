// Initialize, finalize, handles, and what is answered without the service.
#include <fcntl.h>
#include <sys/wait.h>

#include <thread>

#include "tests/unit/libs/client/cpg_fixture.h"

namespace motet::test {
namespace {

class Connect : public CpgTest {};

TEST_F(Connect, ModelRequestSaysWhatTheApplicationWants) {
    daemon->wait_for(wire::Request::model);
    cpg_handle_t other = 0;
    ASSERT_EQ(open(other, CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF), CS_OK);
    auto model = daemon->wait_for(wire::Request::model).as<wire::ModelRequest>();
    EXPECT_EQ(model.pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(model.flags, 1u);
    EXPECT_EQ(model.wants_totem, 1u);
    EXPECT_EQ(cpg_finalize(other), CS_OK);

    cpg_callbacks_t callbacks{on_deliver, nullptr};
    ASSERT_EQ(cpg_initialize(&other, &callbacks), CS_OK);
    model = daemon->wait_for(wire::Request::model).as<wire::ModelRequest>();
    EXPECT_EQ(model.flags, 0u);
    EXPECT_EQ(model.wants_totem, 0u);
    EXPECT_EQ(cpg_finalize(other), CS_OK);
}

TEST_F(Connect, BadParametersAreRefusedAndLeaveTheHandleAlone) {
    cpg_handle_t h = 99;
    cpg_model_v1_data_t model{};
    auto* data = reinterpret_cast<cpg_model_data_t*>(&model);
    EXPECT_EQ(cpg_model_initialize(&h, static_cast<cpg_model_t>(2), data, nullptr), CS_ERR_INVALID_PARAM);
    model.flags = 2;
    EXPECT_EQ(cpg_model_initialize(&h, CPG_MODEL_V1, data, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_model_initialize(nullptr, CPG_MODEL_V1, nullptr, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_initialize(nullptr, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(h, 99u);
}

TEST_F(Connect, NoModelDataMeansNoCallbacks) {
    cpg_handle_t h = 0;
    int marker = 0;
    ASSERT_EQ(cpg_model_initialize(&h, CPG_MODEL_V1, nullptr, &marker), CS_OK);
    void* context = nullptr;
    EXPECT_EQ(cpg_context_get(h, &context), CS_OK);
    EXPECT_EQ(context, &marker);
    EXPECT_EQ(cpg_finalize(h), CS_OK);
}

TEST_F(Connect, ServiceNotReadyIsTryAgain) {
    daemon->set_answer([](const Seen& s) -> std::optional<Bytes> {
        if (s.type == static_cast<std::uint16_t>(wire::Request::model)) return reply_of(CS_ERR_TRY_AGAIN);
        return {};
    });
    cpg_handle_t h = 99;
    EXPECT_EQ(open(h), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(h, 99u);
}

TEST_F(Connect, StatusOfTheHelloIsTheResult) {
    for (const auto status : {CS_ERR_TRY_AGAIN, CS_ERR_ACCESS, CS_ERR_NO_RESOURCES}) {
        daemon->set_tweak([status](ipc::Hello& hello, std::vector<int>& fds, std::size_t&) {
            hello.status = status;
            fds.clear();
        });
        cpg_handle_t h = 0;
        EXPECT_EQ(open(h), status);
    }
}

TEST_F(Connect, NobodyThereIsLibraryAtOnce) {
    daemon->stop();
    cpg_handle_t h = 0;
    EXPECT_EQ(open(h), CS_ERR_LIBRARY);
    setenv("MOTET_RUNTIME_DIR", "/nowhere/at/all", 1);
    EXPECT_EQ(open(h), CS_ERR_LIBRARY);
    setenv("MOTET_RUNTIME_DIR", std::string(200, 'x').c_str(), 1);
    EXPECT_EQ(open(h), CS_ERR_LIBRARY);
}

TEST_F(Connect, DescriptorIsTheSocketNonblockingAndCloseOnExec) {
    int fd = -1;
    ASSERT_EQ(cpg_fd_get(handle, &fd), CS_OK);
    EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    int type = 0;
    socklen_t size = sizeof type;
    ASSERT_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    EXPECT_EQ(type, SOCK_STREAM);
    ucred peer{};
    size = sizeof peer;
    ASSERT_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    EXPECT_EQ(peer.uid, getuid());   // of whoever called listen()
}

TEST_F(Connect, ContextIsKept) {
    void* context = &context;
    EXPECT_EQ(cpg_context_get(handle, &context), CS_OK);
    EXPECT_EQ(context, nullptr);
    EXPECT_EQ(cpg_context_set(handle, this), CS_OK);
    EXPECT_EQ(cpg_context_get(handle, &context), CS_OK);
    EXPECT_EQ(context, this);
}

TEST_F(Connect, AtomicSizeIsCorosyncs) {
    std::uint32_t size = 0;
    EXPECT_EQ(cpg_max_atomic_msgsize_get(handle, &size), CS_OK);
    EXPECT_EQ(size, 1047552u);
}

TEST_F(Connect, FinalizeTellsTheServiceAndClosesOnce) {
    const cpg_handle_t gone = handle;
    EXPECT_EQ(cpg_finalize(handle), CS_OK);
    handle = 0;
    daemon->wait_for(wire::Request::finalize);
    daemon->wait_closed();
    EXPECT_EQ(cpg_finalize(gone), CS_ERR_BAD_HANDLE);
}

TEST_F(Connect, FinalizeWhateverTheServiceAnswers) {
    daemon->set_answer([](const Seen& s) -> std::optional<Bytes> {
        if (s.type == static_cast<std::uint16_t>(wire::Request::finalize)) return reply_of(CS_ERR_TRY_AGAIN);
        return {};
    });
    EXPECT_EQ(cpg_finalize(handle), CS_OK);
    EXPECT_EQ(cpg_finalize(handle), CS_ERR_BAD_HANDLE);
    handle = 0;
}

TEST_F(Connect, AfterDeathLocalCallsWorkAndTheOthersAreLibrary) {
    const cpg_name g = group_named("g");
    daemon->stop();
    int fd = -1, entries = 0;
    void* context = nullptr;
    std::uint32_t size = 0;
    unsigned id = 0;
    cpg_flow_control_state_t state = CPG_FLOW_CONTROL_ENABLED;
    cpg_address members[CPG_MEMBERS_MAX];
    cpg_name name = g;
    cpg_iteration_handle_t it = 0;
    EXPECT_EQ(cpg_fd_get(handle, &fd), CS_OK);
    EXPECT_EQ(cpg_context_get(handle, &context), CS_OK);
    EXPECT_EQ(cpg_context_set(handle, nullptr), CS_OK);
    EXPECT_EQ(cpg_max_atomic_msgsize_get(handle, &size), CS_OK);
    EXPECT_EQ(cpg_flow_control_state_get(handle, &state), CS_OK);
    EXPECT_EQ(state, CPG_FLOW_CONTROL_DISABLED);
    EXPECT_EQ(cpg_join(handle, &g), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_leave(handle, &g), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_local_get(handle, &id), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_membership_get(handle, &name, members, &entries), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, nullptr, &it), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_zcb_alloc(handle, 10, &context), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, nullptr, 0), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_finalize(handle), CS_ERR_LIBRARY);
    EXPECT_EQ(cpg_finalize(handle), CS_ERR_BAD_HANDLE);
    handle = 0;
}

void expect_bad_everywhere(cpg_handle_t bad) {
    int fd = -1, entries = 0;
    void* pointer = nullptr;
    std::uint32_t size = 0;
    unsigned id = 0;
    cpg_flow_control_state_t state;
    cpg_address members[CPG_MEMBERS_MAX];
    cpg_name name = group_named("g");
    cpg_iteration_handle_t it = 0;
    cpg_iteration_description_t d;
    EXPECT_EQ(cpg_fd_get(bad, &fd), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_context_get(bad, &pointer), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_context_set(bad, nullptr), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_max_atomic_msgsize_get(bad, &size), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_flow_control_state_get(bad, &state), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_dispatch(bad, CS_DISPATCH_ALL), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_join(bad, &name), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_leave(bad, &name), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_local_get(bad, &id), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_membership_get(bad, &name, members, &entries), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_mcast_joined(bad, CPG_TYPE_AGREED, nullptr, 0), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_zcb_alloc(bad, 10, &pointer), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_zcb_free(bad, &id), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_zcb_mcast_joined(bad, CPG_TYPE_AGREED, &id, 1), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_iteration_initialize(bad, CPG_ITERATION_ALL, nullptr, &it), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_iteration_next(bad, &d), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_iteration_finalize(bad), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_finalize(bad), CS_ERR_BAD_HANDLE);
}

TEST_F(Connect, HandlesNeverIssuedOrStaleAreBadEverywhere) {
    expect_bad_everywhere(0);
    expect_bad_everywhere(UINT64_MAX);
    expect_bad_everywhere(handle ^ (std::uint64_t{1} << 40));
    expect_bad_everywhere(handle + 1);
    const cpg_handle_t stale = handle;
    ASSERT_EQ(cpg_finalize(handle), CS_OK);
    expect_bad_everywhere(stale);
    ASSERT_EQ(open(handle), CS_OK);   // takes the same entry again
    EXPECT_NE(handle, stale);
    expect_bad_everywhere(stale);
}

TEST_F(Connect, NullPointersAreInvalidParameters) {
    cpg_name name = group_named("g");
    cpg_address members[1];
    int entries = 0;
    EXPECT_EQ(cpg_fd_get(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_context_get(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_max_atomic_msgsize_get(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_flow_control_state_get(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_join(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_leave(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_local_get(handle, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_membership_get(handle, nullptr, members, &entries), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_membership_get(handle, &name, nullptr, &entries), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_membership_get(handle, &name, members, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_zcb_alloc(handle, 10, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, nullptr, nullptr), CS_ERR_INVALID_PARAM);
}

TEST_F(Connect, OneOfManyRacingFinalizesSucceeds) {
    for (int round = 0; round < 20; ++round) {
        cpg_handle_t h = 0;
        ASSERT_EQ(open(h), CS_OK);
        std::atomic<int> ok{0}, bad{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                const cs_error_t r = cpg_finalize(h);
                (r == CS_OK ? ok : bad) += r == CS_OK || r == CS_ERR_BAD_HANDLE;
            });
        for (auto& t : threads) t.join();
        EXPECT_EQ(ok, 1);
        EXPECT_EQ(bad, 3);
    }
}

TEST_F(Connect, ManyHandlesAreIndependent) {
    std::vector<cpg_handle_t> handles(300);
    for (auto& h : handles) ASSERT_EQ(open(h), CS_OK);
    for (auto& h : handles) EXPECT_EQ(cpg_finalize(h), CS_OK);
}

// Daemonizing programs initialize, fork, and go on in the child.
TEST_F(Connect, ChildMayGoOnWithTheHandle) {
    const pid_t child = fork();
    if (child == 0) {
        unsigned id = 0;
        const cpg_name g = group_named("g");
        const bool good = cpg_local_get(handle, &id) == CS_OK && id == 7 && cpg_join(handle, &g) == CS_OK;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(daemon->wait_for(wire::Request::join).as<wire::JoinRequest>().pid, static_cast<std::uint32_t>(child));
    handle = 0;   // the child's now
}

}  // namespace
}  // namespace motet::test
