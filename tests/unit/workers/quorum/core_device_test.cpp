// The quorum device: registration, polls, silence, and a synchronisation that waits for its vote.
#include "tests/unit/workers/quorum/core_fixture.h"

namespace motet::quorum::test {
namespace {

constexpr ConnId kDevice = 3;

Settings with_device(std::uint32_t votes) {
    Settings s;
    s.device.configured = true;
    s.device.votes = votes;
    s.expected_votes = 2 + votes;
    return s;
}

class Device : public testing::Test {
protected:
    Device() : c(2, with_device(1)) {
        ring = c.ring({1, 2});
        for (const NodeId id : {1u, 2u}) EXPECT_EQ(c.node(id).open(kDevice, client::Interface::votequorum), kOk);
    }
    std::uint32_t registered(NodeId id, std::string_view name = "Qdevice") {
        c.node(id).ask(kDevice, Request::device_register, record(device_name(name)));
        const auto key = std::pair{kDevice, c.node(id).request};
        c.deliver({1, 2});
        const auto& replies = c.node(id).notes.replies;
        return replies.contains(key) ? replies.at(key).code : 0;
    }
    std::uint32_t poll(NodeId id, bool vote, RingId at, std::string_view name = "Qdevice") {
        return c.node(id).ask(kDevice, Request::device_poll, record(client::PollRequest{at.seq, at.rep, vote, device_name(name)}));
    }
    bool voted(NodeId id) { return (c.node(id).core.votes().us().flags & vq::kQdeviceCastVote) != 0; }

    Cluster c;
    RingId ring;
};

TEST_F(Device, IsAnsweredWhenItsRegistrationCameRound) {
    c.node(1).ask(kDevice, Request::device_register, record(device_name("Qdevice")));
    EXPECT_FALSE(c.node(1).notes.replies.contains({kDevice, c.node(1).request}));
    EXPECT_EQ(c.node(1).ask(kDevice, Request::device_register, record(device_name("Qdevice"))), kTryAgain);
    EXPECT_FALSE(c.node(1).core.votes().device_registered());
    c.deliver({1, 2});
    EXPECT_EQ((c.node(1).notes.replies.at({kDevice, c.node(1).request - 1}).code), kOk);
    EXPECT_TRUE(c.node(1).core.votes().device_registered());
    EXPECT_EQ(registered(1), kOk) << "once more under the same name";
    EXPECT_EQ(registered(1, "other"), kExist);
    EXPECT_EQ(registered(2, "other"), kExist) << "the name belongs to the cluster";
    EXPECT_EQ(registered(2), kOk);
}

TEST_F(Device, RefusesWhatMakesNoSense) {
    EXPECT_EQ(poll(1, true, ring), kNotExist);
    EXPECT_EQ(registered(1, ""), kInvalidParam);
    EXPECT_EQ(registered(1, std::string(255, 'x')), kInvalidParam);
    EXPECT_EQ(registered(1), kOk);
    EXPECT_EQ(poll(1, true, {1, 999}), kMessageError);
    EXPECT_EQ(poll(1, true, ring, "other"), kInvalidParam);
    EXPECT_EQ(poll(1, true, ring), kOk);
    EXPECT_EQ(c.node(1).ask(kDevice, Request::device_unregister, record(device_name("other"))), kInvalidParam);
    EXPECT_EQ(c.node(2).ask(kDevice, Request::device_unregister, record(device_name("Qdevice"))), kNotExist);
}

TEST_F(Device, NeedsAConfiguration) {
    Cluster plain(1);
    plain.ring({1});
    ASSERT_EQ(plain.node(1).open(kDevice, client::Interface::votequorum), kOk);
    EXPECT_EQ(plain.node(1).ask(kDevice, Request::device_register, record(device_name("Qdevice"))), kAccess);
}

TEST_F(Device, ItsVoteKeepsTheSurvivingHalfQuorate) {
    for (const NodeId id : {1u, 2u}) {
        ASSERT_EQ(registered(id), kOk);
        ASSERT_EQ(poll(id, true, ring), kOk);
    }
    c.deliver({1, 2});
    EXPECT_EQ(c.node(1).core.votes().total_votes(), 3u);
    c.begin({1});
    c.node(1).core.on_process(kVotequorumService, 2, c.node(1).notes);
    EXPECT_TRUE(c.node(1).core.votes().waiting_for_device());
    EXPECT_TRUE(c.node(1).notes.done.empty() || c.node(1).notes.done.back() != (std::pair<std::uint32_t, Round>{kVotequorumService, 2}));
    EXPECT_EQ(poll(1, true, ring), kMessageError) << "it has to know the new ring";
    EXPECT_EQ(poll(1, true, c.node(1).core.votes().ring()), kOk);
    EXPECT_EQ(c.node(1).notes.done.back(), (std::pair<std::uint32_t, Round>{kVotequorumService, 2}));
    c.deliver({1});
    c.node(1).core.on_activate(kVotequorumService, 2, c.node(1).notes);
    EXPECT_TRUE(c.quorate(1));
}

TEST_F(Device, ThatIsSilentDuringASynchronisationLosesItsVoteInTime) {
    ASSERT_EQ(registered(1), kOk);
    ASSERT_EQ(poll(1, true, ring), kOk);
    c.deliver({1, 2});
    c.begin({1});
    c.node(1).core.on_process(kVotequorumService, 2, c.node(1).notes);
    c.time({1}, milliseconds(29999));
    EXPECT_TRUE(voted(1));
    c.time({1}, milliseconds(1));
    EXPECT_FALSE(voted(1));
    EXPECT_EQ(c.node(1).notes.done.back(), (std::pair<std::uint32_t, Round>{kVotequorumService, 2}));
    c.node(1).core.on_activate(kVotequorumService, 2, c.node(1).notes);
    EXPECT_FALSE(c.quorate(1));
}

TEST_F(Device, ThatStopsPollingLosesItsVoteButStaysRegistered) {
    ASSERT_EQ(registered(1), kOk);
    ASSERT_EQ(poll(1, true, ring), kOk);
    c.deliver({1, 2});
    c.time({1, 2}, milliseconds(10000));
    EXPECT_FALSE(voted(1));
    EXPECT_TRUE(c.node(1).core.votes().device_registered());
    EXPECT_TRUE(c.quorate(1)) << "two of three";
}

TEST_F(Device, UnregisteredTakesItsVoteAndNameAlong) {
    ASSERT_EQ(registered(1), kOk);
    ASSERT_EQ(poll(1, true, ring), kOk);
    c.deliver({1, 2});
    EXPECT_EQ(c.node(1).ask(kDevice, Request::device_unregister, record(device_name("Qdevice"))), kOk);
    c.deliver({1, 2});
    EXPECT_EQ(c.node(2).core.votes().info(0)->device_name, "");
    EXPECT_FALSE(voted(1));
    EXPECT_EQ(registered(2, "other"), kOk);
}

TEST_F(Device, OfTheMasterDecidesForItsPartition) {
    for (const NodeId id : {1u, 2u}) ASSERT_EQ(registered(id), kOk);
    ASSERT_EQ(poll(1, true, ring), kOk);
    ASSERT_EQ(c.node(1).ask(kDevice, Request::device_master_wins, record(client::MasterWinsRequest{device_name("Qdevice"), 1})), kOk);
    c.deliver({1, 2});
    ASSERT_EQ(c.node(1).open(9, client::Interface::votequorum), kOk);
    ASSERT_EQ(c.node(1).ask(9, Request::set_votes, record(std::array<std::uint32_t, 2>{2, 1})), kOk);
    c.begin({1});
    c.node(1).core.on_process(kVotequorumService, 2, c.node(1).notes);
    ASSERT_EQ(poll(1, true, c.node(1).core.votes().ring()), kOk);
    c.deliver({1});
    c.node(1).core.on_activate(kVotequorumService, 2, c.node(1).notes);
    EXPECT_TRUE(c.quorate(1));
}

TEST_F(Device, ARegistrationLostWithItsRingIsSentAgain) {
    c.node(1).ask(kDevice, Request::device_register, record(device_name("Qdevice")));
    const auto key = std::pair{kDevice, c.node(1).request};
    c.node(1).notes.sent.clear();
    c.ring({1, 2});
    EXPECT_EQ(c.node(1).notes.replies.at(key).code, kOk);
}

TEST_F(Device, IsTheZerothNodeOfVotequorumsList) {
    ASSERT_EQ(registered(1), kOk);
    ASSERT_EQ(c.node(1).open(8, client::Interface::votequorum), kOk);
    ASSERT_EQ(c.node(1).track(8, 1), kOk);
    EXPECT_EQ(c.node(1).notes.events[8].back(), "vquorum 1 [2 1 1 1 0 0]");
}

}  // namespace
}  // namespace motet::quorum::test
