// A reload is one decision of the whole ring.
#include "tests/unit/workers/confdb/cfg_ring.h"

namespace motet::test {
namespace {

using client::Request;
using Flags = std::vector<std::string>;

TEST(CfgReload, AllNodesSwitchAndTheAskerHearsOk) {
    CfgRing ring(3);
    ring[2].request(1, Request::reload);
    EXPECT_EQ(ring[2].code(1), Code{});
    ring.run();
    EXPECT_EQ(ring[2].code(1), Code::ok);
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_TRUE(ring[id].did(Operation::commit));
        EXPECT_EQ(ring[id].flags, (Flags{"begins", "ok"}));
        EXPECT_STREQ(ring[id].core.status_json().find("\"none\"") != std::string::npos ? "none" : "busy", "none");
    }
}

TEST(CfgReload, OneBadFileStopsAllAndItsReasonIsToldEverywhere) {
    CfgRing ring(3);
    ring[3].found = {.good = false, .rekeyed = false, .moved = false, .key_check = 0, .text = "motet.yaml:4:3: totem.token: too small", .nodes = {}};
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_FALSE(ring[id].did(Operation::commit));
        EXPECT_TRUE(ring[id].did(Operation::discard));
        EXPECT_TRUE(ring[id].said("node 3: motet.yaml:4:3"));
        EXPECT_EQ(ring[id].flags, (Flags{"begins", "refused"}));
    }
}

TEST(CfgReload, FilesThatDisagreeStopAllAndTheSettingIsNamed) {
    CfgRing ring(3);
    ring[2].found.text = "totem.token=5000\n";
    ring[1].request(1, Request::reload);
    ring.run();
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_FALSE(ring[id].did(Operation::commit));
        EXPECT_TRUE(ring[id].said("totem.token is 3000 on node 1 and 5000 on node 2")) << id;
    }
}

TEST(CfgReload, AMemberMissingInTheNewNodelistStopsIt) {
    CfgRing ring(3);
    for (NodeId id = 1; id <= 3; ++id) ring[id].found.nodes = {1, 2};
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
    EXPECT_TRUE(ring[2].said("node 3 is a member of the ring and not in the new nodelist; stop it first"));
}

TEST(CfgReload, ANewKeyIsSentWithOnlyAfterAllHaveItAndTheOldForgottenAfterAllSendWithTheNew) {
    CfgRing ring(3);
    for (NodeId id = 1; id <= 3; ++id) ring[id].found.rekeyed = true;
    ring[1].request(1, Request::reload);
    // Step by step: nobody may switch while somebody has not applied, or forget while somebody has not switched.
    for (int i = 0; i < 100 && (!ring.bus.empty() || i < 50); ++i) {
        bool all_applied = true, all_switched = true;
        for (NodeId id = 1; id <= 3; ++id) {
            all_applied &= ring[id].did(Operation::commit);
            all_switched &= ring[id].did(Operation::switch_key);
        }
        for (NodeId id = 1; id <= 3; ++id) {
            if (ring[id].did(Operation::switch_key)) {
                EXPECT_TRUE(all_applied);
            }
            if (ring[id].did(Operation::forget_key)) {
                EXPECT_TRUE(all_switched);
            }
        }
        if (!ring.bus.empty()) {
            const auto [from, message] = std::move(ring.bus.front());
            ring.bus.pop_front();
            for (NodeId id = 1; id <= 3; ++id) ring[id].core.on_message(from, message, false, ring[id].out());
        } else {
            for (NodeId id = 1; id <= 3; ++id) {
                if (ring[id].pending.empty()) continue;
                const Operated o = ring[id].pending.front();
                ring[id].pending.pop_front();
                if (o.what == Operation::prepare) ring[id].core.on_prepared(o.number, ring[id].found, ring[id].out());
                if (o.what == Operation::commit) ring[id].core.on_applied(o.number, true, {}, ring[id].out());
                break;
            }
        }
    }
    for (NodeId id = 1; id <= 3; ++id) EXPECT_TRUE(ring[id].did(Operation::forget_key));
    EXPECT_EQ(ring[1].code(1), Code::ok);
}

TEST(CfgReload, AKeyThatOnlySomeHaveStopsAll) {
    CfgRing ring(2);
    ring[1].found.rekeyed = true;
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_FALSE(ring[1].did(Operation::commit) || ring[2].did(Operation::commit));
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
}

// All have a new key, but not all the same one: the ring would fall apart at the switch.
TEST(CfgReload, KeysThatDifferStopAllAndWhoHasWhichIsTold) {
    CfgRing ring(3);
    for (NodeId id = 1; id <= 3; ++id) {
        ring[id].found.rekeyed = true;
        ring[id].found.key_check = id == 3 ? 77 : 5;
    }
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_FALSE(ring[id].did(Operation::commit));
        EXPECT_TRUE(ring[id].said("the new key is not the same everywhere: node 1, 2 has one, node 3 another")) << id;
    }
    for (NodeId id = 1; id <= 3; ++id) ring[id].found.key_check = id;
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_TRUE(ring[2].said("node 1 has one, node 2 another, node 3 another; put")) << "none like another";
    for (NodeId id = 1; id <= 3; ++id) ring[id].found.key_check = 5;
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::ok);
    for (NodeId id = 1; id <= 3; ++id) EXPECT_TRUE(ring[id].did(Operation::forget_key)) << id;
}

TEST(CfgReload, ASecondRequestHearsBusy) {
    CfgRing ring(2);
    ring[1].request(1, Request::reload);
    ring[1].request(2, Request::reload);
    EXPECT_EQ(ring[1].code(2), Code::busy);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::ok);
}

TEST(CfgReload, OfTwoNodesThatAskAtOnceOneWinsAndTheOtherHearsBusy) {
    CfgRing ring(2);
    ring[1].request(1, Request::reload);
    ring[2].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_EQ(ring[2].code(1), Code::busy);
    EXPECT_EQ(ring[1].flags, (Flags{"begins", "ok"}));
}

TEST(CfgReload, ARingChangeBeforeTheDecisionDiscardsAndAsksAgain) {
    CfgRing ring(3);
    for (NodeId id = 1; id <= 3; ++id) ring[id].found.nodes = {1, 2, 3};
    ring[3].daemon_answers = false;
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_FALSE(ring[1].did(Operation::commit));
    ring.form({1, 2});
    ring.run();
    EXPECT_TRUE(ring[1].did(Operation::commit) && ring[2].did(Operation::commit));
    EXPECT_EQ(ring[1].code(1), Code::ok);
}

TEST(CfgReload, ANodeThatDoesNotAnswerEndsItForAllAfterTheTimeLimit) {
    CfgRing ring(3);
    ring[3].daemon_answers = false;
    ring[1].request(1, Request::reload);
    ring.run();
    ring.tick(0);
    ring.tick(15'001);
    ring.run();
    for (NodeId id = 1; id <= 3; ++id) EXPECT_TRUE(ring[id].said("no answer in time from node 3")) << id;
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
    // Its late answer changes nothing, and the next reload works.
    ring[3].daemon_answers = true;
    ring.run();
    ring[2].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[2].code(1), Code::ok);
}

TEST(CfgReload, AmongCorosyncNodesEachReloadsForItselfAndSpeaksItsMessagesOnly) {
    CfgRing ring(2, false);
    ring[2].found = {.good = false, .rekeyed = false, .moved = false, .key_check = 0, .text = "broken", .nodes = {}};
    ring[1].request(1, Request::reload);
    ASSERT_EQ(ring.bus.size(), 1u);
    EXPECT_TRUE(wire::cfg::decode_reload(ring.bus[0].second, false));
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_TRUE(ring[1].did(Operation::commit));
    EXPECT_FALSE(ring[2].did(Operation::commit));
    EXPECT_EQ(ring[2].flags, (Flags{"begins", "refused"}));
}

TEST(CfgReload, AmongCorosyncNodesANewKeyGoesThroughBothPhasesOfOurOwn) {
    CfgRing ring(2, false);
    ring[1].found.rekeyed = true;
    Bytes reload;
    wire::cfg::encode_reload({{9, 0}}, reload);
    ring.bus.emplace_back(2, reload);
    ring.run();
    EXPECT_TRUE(ring[1].did(Operation::switch_key) && ring[1].did(Operation::forget_key));
    EXPECT_FALSE(ring[2].did(Operation::switch_key));
}

// They read their file in the order of messages and have forgotten the old key when ours has been read.
TEST(CfgReload, AmongCorosyncNodesANewKeyIsSentWithAsSoonAsItIsThere) {
    CfgRing ring(2, false);
    CfgNode& ours = ring[1];
    ours.found.rekeyed = true;
    ours.daemon_answers = false;
    Bytes reload;
    wire::cfg::encode_reload({{9, 0}}, reload);
    ring.bus.emplace_back(2, reload);
    ring.run();
    ASSERT_FALSE(ours.operations.empty());
    const std::uint64_t number = ours.operations.back().number;
    ours.core.on_prepared(number, ours.found, ours.out());
    EXPECT_FALSE(ours.did(Operation::switch_key)) << "it is not there yet";
    ours.core.on_applied(number, true, {}, ours.out());
    EXPECT_TRUE(ours.did(Operation::switch_key)) << "before any message has come back";
    EXPECT_FALSE(ours.did(Operation::forget_key));
    ring.run();
    EXPECT_TRUE(ours.did(Operation::forget_key));
}

TEST(CfgReload, AmongCorosyncNodesAMovedAddressIsRefusedAsTheyDo) {
    CfgRing ring(2, false);
    ring[1].found.moved = true;
    ring[1].request(1, Request::reload);
    ring.run();
    EXPECT_EQ(ring[1].code(1), Code::invalid_param);
    EXPECT_FALSE(ring[1].did(Operation::commit));
}

TEST(CfgReload, ASignalReloadsAsAClientDoes) {
    CfgRing ring(2);
    ring[1].core.on_reload_wanted(ring[1].out());
    ring.run();
    EXPECT_TRUE(ring[1].did(Operation::commit) && ring[2].did(Operation::commit));
}

TEST(CfgReload, VotesOfOutsidersAndForOtherQuestionsCountNothing) {
    CfgRing ring(3);
    ring[3].daemon_answers = false;
    ring[1].request(1, Request::reload);
    ring.run();
    for (const NodeId from : {NodeId{3}, NodeId{77}}) {
        Bytes vote;
        wire::cfg::encode_reload_message({.step = wire::cfg::ReloadStep::vote, .asker = from == 3 ? NodeId{2} : NodeId{1}, .number = 4711, .good = true, .text = {}}, vote);
        ring.bus.emplace_back(from, vote);
    }
    ring.run();
    EXPECT_FALSE(ring[1].did(Operation::commit));
}

// Goal: a successor goes on where a worker died. Method: in the middle of a question and of a shutdown, the state moves to a
// fresh core, which ends both.
TEST(CfgReload, ASuccessorFinishesWhatWasUnderWay) {
    CfgRing ring(3);
    ring[1].daemon_answers = false;
    ring[1].request(1, Request::reload);
    ring[1].request(7, Request::track_start);
    ring[1].request_with(2, Request::try_shutdown, std::uint32_t{0});
    ring.run();
    Bytes saved, again;
    Writer out(saved);
    ring[1].core.save(out);
    config::TotemSettings settings;
    for (NodeId id = 1; id <= 3; ++id) settings.nodes.push_back({.id = id, .name = "", .addresses = {"127.0.0." + std::to_string(id)}, .votes = 1});
    std::deque<std::pair<NodeId, Bytes>> bus;
    CfgNode successor(1, settings, bus);
    Reader in(saved);
    ASSERT_TRUE(successor.core.restore(in));
    EXPECT_EQ(in.remaining(), 0u);
    Writer twice(again);
    successor.core.save(twice);
    EXPECT_EQ(saved, again);
    successor.core.on_prepared(1, successor.found, successor.out());
    ASSERT_EQ(bus.size(), 1u);
    EXPECT_TRUE(wire::cfg::decode_reload_message(bus[0].second, false)->good);
    successor.request_with(7, Request::reply_shutdown, std::uint32_t{1});
    EXPECT_EQ(successor.code(2), Code::ok);
    for (std::size_t cut = 0; cut < saved.size(); ++cut) {
        CfgNode broken(1, settings, bus);
        Reader part(ByteView(saved).first(cut));
        EXPECT_FALSE(broken.core.restore(part)) << cut;
    }
}

TEST(CfgReload, DifferencesAreNamedWhereverTheyAre) {
    EXPECT_EQ(cfg::difference(1, "a=1\nb=2\n", 2, "a=1\nb=2\n"), "");
    EXPECT_EQ(cfg::difference(1, "a=1\nb=2\n", 2, "a=1\nb=3\n"), "b is 2 on node 1 and 3 on node 2");
    EXPECT_EQ(cfg::difference(1, "a=1\nb=2\n", 2, "b=2\n"), "a is set on node 1 and not on node 2");
    EXPECT_EQ(cfg::difference(1, "a=1\n", 2, "a=1\nb=2\n"), "b is set on node 2 and not on node 1");
    EXPECT_EQ(cfg::difference(1, "", 2, "b=2\n"), "b is set on node 2 and not on node 1");
}

}  // namespace
}  // namespace motet::test
