// Join, leave, membership, local node, iteration: what is asked of the service and what becomes of its answers.
#include "tests/unit/libs/client/cpg_fixture.h"

namespace motet::test {
namespace {

class Groups : public CpgTest {
protected:
    // Answers every request of one type with the given reply.
    void answer(wire::Request type, Bytes reply) {
        daemon->set_answer([type, reply](const Seen& s) -> std::optional<Bytes> {
            if (s.type == static_cast<std::uint16_t>(type)) return reply;
            return {};
        });
    }
};

TEST_F(Groups, JoinSendsPidAndNameByteForByte) {
    cpg_name g = group_named(std::string_view("a\0b\0", 4));
    EXPECT_EQ(cpg_join(handle, &g), CS_OK);
    const auto join = daemon->wait_for(wire::Request::join).as<wire::JoinRequest>();
    EXPECT_EQ(join.pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(std::string_view(join.name.value, join.name.length), std::string_view("a\0b\0", 4));

    EXPECT_EQ(cpg_leave(handle, &g), CS_OK);
    const auto leave = daemon->wait_for(wire::Request::leave).as<wire::LeaveRequest>();
    EXPECT_EQ(std::string_view(leave.name.value, leave.name.length), std::string_view("a\0b\0", 4));
}

TEST_F(Groups, NamesOf128BytesFitAndLongerOnesDoNot) {
    cpg_name g{};
    g.length = CPG_MAX_NAME_LENGTH;
    EXPECT_EQ(cpg_join(handle, &g), CS_OK);
    g.length = CPG_MAX_NAME_LENGTH + 1;
    cpg_address members[CPG_MEMBERS_MAX];
    int entries = 0;
    cpg_iteration_handle_t it = 0;
    EXPECT_EQ(cpg_join(handle, &g), CS_ERR_NAME_TOO_LONG);
    EXPECT_EQ(cpg_leave(handle, &g), CS_ERR_NAME_TOO_LONG);
    EXPECT_EQ(cpg_membership_get(handle, &g, members, &entries), CS_ERR_NAME_TOO_LONG);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ONE_GROUP, &g, &it), CS_ERR_NAME_TOO_LONG);
    EXPECT_EQ(daemon->count(wire::Request::join), 1u);
}

TEST_F(Groups, AnswersOfTheServicePassThrough) {
    const cpg_name g = group_named("g");
    for (const auto error : {CS_ERR_EXIST, CS_ERR_TRY_AGAIN, CS_ERR_NOT_EXIST, CS_ERR_NO_RESOURCES, CS_ERR_NAME_TOO_LONG}) {
        answer(wire::Request::join, reply_of(error));
        EXPECT_EQ(cpg_join(handle, &g), error);
        answer(wire::Request::leave, reply_of(error));
        EXPECT_EQ(cpg_leave(handle, &g), error);
    }
}

TEST_F(Groups, BusyIsRepeatedInsideTheLibrary) {
    int left = 3;
    daemon->set_answer([&left](const Seen& s) -> std::optional<Bytes> {
        if (s.type == static_cast<std::uint16_t>(wire::Request::leave) && left-- > 0) return reply_of(CS_ERR_BUSY);
        return {};
    });
    const cpg_name g = group_named("g");
    EXPECT_EQ(cpg_leave(handle, &g), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::leave), 4u);
}

TEST_F(Groups, ChangesAreRefusedWhileTheServiceSynchronises) {
    const cpg_name g = group_named("g");
    for (const auto bit : {ring::kFlowSync, ring::kFlowCritical, ring::kFlowNotReady}) {
        daemon->set_flow(bit);
        EXPECT_EQ(cpg_join(handle, &g), CS_ERR_TRY_AGAIN);
        EXPECT_EQ(cpg_leave(handle, &g), CS_ERR_TRY_AGAIN);
        unsigned id = 0;
        EXPECT_EQ(cpg_local_get(handle, &id), CS_OK);   // questions are not
    }
    daemon->set_flow(ring::kFlowLagging | ring::kFlowNoQuorum);
    EXPECT_EQ(cpg_join(handle, &g), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::join), 1u);
}

TEST_F(Groups, MembershipFillsTheCallersArray) {
    answer(wire::Request::membership, reply_of(CS_OK, std::uint32_t{2}, wire::MemberEntry{1, 10, 4}, wire::MemberEntry{2, 20, 1}));
    cpg_name g = group_named("g");
    cpg_address members[CPG_MEMBERS_MAX];
    int entries = -1;
    ASSERT_EQ(cpg_membership_get(handle, &g, members, &entries), CS_OK);
    ASSERT_EQ(entries, 2);
    EXPECT_EQ(members[1].nodeid, 2u);
    EXPECT_EQ(members[1].pid, 20u);
    EXPECT_EQ(members[0].reason, 0u);
}

TEST_F(Groups, UnknownGroupHasNoMembers) {
    answer(wire::Request::membership, reply_of(CS_OK, std::uint32_t{0}));
    cpg_name g = group_named("g");
    cpg_address members[CPG_MEMBERS_MAX];
    int entries = -1;
    EXPECT_EQ(cpg_membership_get(handle, &g, members, &entries), CS_OK);
    EXPECT_EQ(entries, 0);
}

TEST_F(Groups, MembershipBeyondTheArrayIsCut) {
    Bytes reply = reply_of(CS_OK, std::uint32_t{300});
    for (std::uint32_t i = 0; i < 300; ++i) append(reply, wire::MemberEntry{i, 1, 0});
    answer(wire::Request::membership, reply);
    cpg_name g = group_named("g");
    std::vector<cpg_address> members(CPG_MEMBERS_MAX + 1, cpg_address{77, 77, 77});
    int entries = 0;
    EXPECT_EQ(cpg_membership_get(handle, &g, members.data(), &entries), CS_OK);
    EXPECT_EQ(entries, CPG_MEMBERS_MAX);
    EXPECT_EQ(members[127].nodeid, 127u);
    EXPECT_EQ(members[128].nodeid, 77u);
}

TEST_F(Groups, IterationWalksToTheEnd) {
    int step = 0;
    daemon->set_answer([&step](const Seen& s) -> std::optional<Bytes> {
        if (s.type != static_cast<std::uint16_t>(wire::Request::iteration_next)) return {};
        EXPECT_EQ(s.as<std::uint64_t>(), 42u);
        if (step++ == 2) return reply_of(CS_ERR_NO_SECTIONS);
        return reply_of(CS_OK, std::uint32_t{3}, std::uint32_t(100 + step), name_of("grp"));
    });
    cpg_iteration_handle_t it = 0;
    ASSERT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, nullptr, &it), CS_OK);
    const auto start = daemon->wait_for(wire::Request::iteration_start).as<wire::IterationRequest>();
    EXPECT_EQ(start.type, 3u);
    EXPECT_EQ(start.has_name, 0u);
    cpg_iteration_description_t d{};
    EXPECT_EQ(cpg_iteration_next(it, nullptr), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_OK);
    EXPECT_EQ(d.nodeid, 3u);
    EXPECT_EQ(d.pid, 101u);
    EXPECT_EQ(std::string_view(d.group.value, d.group.length), "grp");
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_OK);
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_ERR_NO_SECTIONS);
    EXPECT_EQ(cpg_iteration_finalize(it), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::iteration_end).as<std::uint64_t>(), 42u);
    EXPECT_EQ(cpg_iteration_finalize(it), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_ERR_BAD_HANDLE);
}

TEST_F(Groups, IterationTypeAndGroupMustFit) {
    const cpg_name g = group_named("g");
    cpg_iteration_handle_t it = 0;
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ONE_GROUP, nullptr, &it), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, &g, &it), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_NAME_ONLY, &g, &it), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_initialize(handle, static_cast<cpg_iteration_type_t>(9), nullptr, &it), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ONE_GROUP, &g, &it), CS_OK);
    const auto start = daemon->wait_for(wire::Request::iteration_start).as<wire::IterationRequest>();
    EXPECT_EQ(start.has_name, 1u);
    EXPECT_EQ(std::string_view(start.name.value, start.name.length), "g");
}

TEST_F(Groups, IterationsEndWithTheirConnection) {
    cpg_iteration_handle_t it = 0;
    ASSERT_EQ(cpg_iteration_initialize(handle, CPG_ITERATION_ALL, nullptr, &it), CS_OK);
    ASSERT_EQ(cpg_finalize(handle), CS_OK);
    handle = 0;
    cpg_iteration_description_t d;
    EXPECT_EQ(cpg_iteration_next(it, &d), CS_ERR_BAD_HANDLE);
    EXPECT_EQ(cpg_iteration_finalize(it), CS_ERR_BAD_HANDLE);
}

}  // namespace
}  // namespace motet::test
