// Sending: one record, parts, zero-copy buffers, and every way of being told to try again.
#include <thread>

#include "tests/unit/libs/client/cpg_fixture.h"

namespace motet::test {
namespace {

class Send : public CpgTest {
protected:
    cs_error_t send(std::string_view text, cpg_guarantee_t guarantee = CPG_TYPE_AGREED) {
        iovec iov{const_cast<char*>(text.data()), text.size()};
        return cpg_mcast_joined(handle, guarantee, &iov, 1);
    }
    static std::string_view text_of(const Seen& seen, std::size_t header) {
        return as_text(ByteView(seen.payload)).substr(header);
    }
    void answer_parts(std::function<std::uint32_t(std::size_t)> error) {
        daemon->set_answer([error, n = std::size_t{0}](const Seen& s) mutable -> std::optional<Bytes> {
            if (s.type == static_cast<std::uint16_t>(wire::Request::multicast_part)) return reply_of(error(n++));
            return {};
        });
    }
};

TEST_F(Send, PiecesBecomeOneRecord) {
    char a[] = "abc", b[] = "de";
    const iovec iov[] = {{a, 3}, {nullptr, 0}, {b, 2}};
    ASSERT_EQ(cpg_mcast_joined(handle, CPG_TYPE_SAFE, iov, 3), CS_OK);
    const Seen seen = daemon->wait_for(wire::Request::multicast);
    EXPECT_EQ(seen.as<wire::MulticastRequest>().guarantee, 3u);
    EXPECT_EQ(seen.as<wire::MulticastRequest>().length, 5u);
    EXPECT_EQ(text_of(seen, sizeof(wire::MulticastRequest)), "abcde");
}

TEST_F(Send, EmptyMessagesAreSent) {
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, nullptr, 0), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::multicast).as<wire::MulticastRequest>().length, 0u);
}

TEST_F(Send, RequestsAreNumberedWithoutGaps) {
    const std::uint64_t first = daemon->wait_for(wire::Request::model).number;
    EXPECT_EQ(send("a"), CS_OK);
    unsigned id = 0;
    EXPECT_EQ(cpg_local_get(handle, &id), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::multicast).number, first + 1);
    EXPECT_EQ(daemon->wait_for(wire::Request::local).number, first + 2);
}

TEST_F(Send, UpTo1024PiecesAndNoMore) {
    char c = 'x';
    std::vector<iovec> iov(1025, iovec{&c, 1});
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov.data(), 1025), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov.data(), 1024), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::multicast).as<wire::MulticastRequest>().length, 1024u);
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, nullptr, 1), CS_ERR_INVALID_PARAM);
    iov[0] = {nullptr, 4};
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov.data(), 1), CS_ERR_INVALID_PARAM);
}

TEST_F(Send, AtomicMaximumIsOneRecordAndOneMoreByteIsTwoParts) {
    const std::string text(wire::kAtomicMax + 1, 'm');
    EXPECT_EQ(send(std::string_view(text).substr(1)), CS_OK);
    EXPECT_EQ(daemon->wait_for(wire::Request::multicast).payload.size(), sizeof(wire::MulticastRequest) + wire::kAtomicMax);
    EXPECT_EQ(send(text), CS_OK);
    const auto first = daemon->wait_for(wire::Request::multicast_part).as<wire::PartRequest>();
    const auto last = daemon->wait_for(wire::Request::multicast_part).as<wire::PartRequest>();
    EXPECT_EQ(first.kind, 1u);
    EXPECT_EQ(first.total, wire::kAtomicMax + 1);
    EXPECT_EQ(first.length, wire::kAtomicMax);
    EXPECT_EQ(last.kind, 3u);
    EXPECT_EQ(last.length, 1u);
}

TEST_F(Send, PartsCutAcrossPieces) {
    std::string text(3'000'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
    std::vector<iovec> iov;
    for (std::size_t at = 0; at < text.size(); at += 700'001)
        iov.push_back({text.data() + at, std::min<std::size_t>(700'001, text.size() - at)});
    ASSERT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov.data(), static_cast<unsigned>(iov.size())), CS_OK);
    std::string got;
    std::vector<std::uint32_t> kinds;
    while (got.size() < text.size()) {
        const Seen part = daemon->wait_for(wire::Request::multicast_part);
        ASSERT_FALSE(part.payload.empty());
        kinds.push_back(part.as<wire::PartRequest>().kind);
        got += text_of(part, sizeof(wire::PartRequest));
    }
    EXPECT_EQ(got, text);
    EXPECT_EQ(kinds, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(Send, LongerThanSixteenMebibytesIsTooBig) {
    std::vector<char> text(wire::kMessageMax);
    iovec iov[] = {{text.data(), text.size()}, {text.data(), 1}};
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov, 2), CS_ERR_TOO_BIG);
    iov[0].iov_len = SIZE_MAX;
    EXPECT_EQ(cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov, 2), CS_ERR_TOO_BIG);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 0u);
}

TEST_F(Send, PartIsRepeatedOnTryAgain) {
    answer_parts([](std::size_t n) { return n == 1 || n == 2 ? CS_ERR_TRY_AGAIN : CS_OK; });
    EXPECT_EQ(send(std::string(wire::kAtomicMax + 1, 'm')), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 4u);
}

TEST_F(Send, PartsGiveUpAfterAHundredTries) {
    answer_parts([](std::size_t) { return CS_ERR_TRY_AGAIN; });
    EXPECT_EQ(send(std::string(wire::kAtomicMax + 1, 'm')), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 100u);
}

// The laggard may be the sender itself: it must get the chance to read, not be kept inside the call.
TEST_F(Send, LaggingMemberRefusesLongMessagesAtOnceButDoesNotStopOneUnderWay) {
    daemon->set_flow(ring::kFlowLagging);
    EXPECT_EQ(send(std::string(wire::kAtomicMax + 1, 'm')), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 0u);
    daemon->set_flow(0);
    ring::SegmentPage& page = daemon->page();
    answer_parts([&page](std::size_t) {
        page.flow_control = ring::kFlowLagging;
        return CS_OK;
    });
    EXPECT_EQ(send(std::string(wire::kAtomicMax + 1, 'm')), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 2u);
}

TEST_F(Send, BrokenOffPartsAreInterruptAndUnjoinedIsNotExist) {
    for (const auto error : {CS_ERR_INTERRUPT, CS_ERR_NOT_EXIST}) {
        answer_parts([error](std::size_t n) { return n == 0 ? CS_OK : error; });
        EXPECT_EQ(send(std::string(3'000'000, 'm')), error);
        EXPECT_EQ(daemon->count(wire::Request::multicast_part), 2u);
        daemon->wait_for(wire::Request::multicast_part);
        daemon->wait_for(wire::Request::multicast_part);
    }
}

TEST_F(Send, FlowControlIsTryAgainAndNothingIsQueued) {
    cpg_flow_control_state_t state = CPG_FLOW_CONTROL_ENABLED;
    EXPECT_EQ(cpg_flow_control_state_get(handle, &state), CS_OK);
    EXPECT_EQ(state, CPG_FLOW_CONTROL_DISABLED);
    for (const auto bit : {ring::kFlowSync, ring::kFlowCritical, ring::kFlowLagging, ring::kFlowNotReady}) {
        daemon->set_flow(bit);
        EXPECT_EQ(send("x"), CS_ERR_TRY_AGAIN);
        EXPECT_EQ(cpg_flow_control_state_get(handle, &state), CS_OK);
        EXPECT_EQ(state, CPG_FLOW_CONTROL_ENABLED);
    }
    daemon->set_flow(ring::kFlowNoQuorum);   // groups work without quorum
    EXPECT_EQ(send("y"), CS_OK);
    EXPECT_EQ(text_of(daemon->wait_for(wire::Request::multicast), sizeof(wire::MulticastRequest)), "y");
}

TEST_F(Send, FlowControlOfADeadServiceIsLibrary) {
    daemon->set_flow(ring::kFlowSync);
    daemon->stop();
    EXPECT_EQ(send("x"), CS_ERR_LIBRARY);
}

TEST_F(Send, FullRingIsTryAgainAndRoomComesBack) {
    daemon->pause(true);
    const std::string text(100'000, 'f');
    std::size_t accepted = 0;
    cs_error_t result;
    while ((result = send(text)) == CS_OK) ASSERT_LT(++accepted, 100u);
    EXPECT_EQ(result, CS_ERR_TRY_AGAIN);
    EXPECT_GE(accepted, 10u);
    EXPECT_EQ(send(text), CS_ERR_TRY_AGAIN);
    daemon->pause(false);
    for (std::size_t i = 0; i < accepted; ++i) daemon->wait_for(wire::Request::multicast);
    unsigned id = 0;
    EXPECT_EQ(cpg_local_get(handle, &id), CS_OK);   // behind all of them: the ring is empty now
    EXPECT_EQ(send(text), CS_OK);
}

TEST_F(Send, QuestionsWaitForRoomInAFullRing) {
    daemon->pause(true);
    const std::string text(100'000, 'f');
    while (send(text) == CS_OK) {}
    unsigned id = 0;
    cs_error_t result = CS_ERR_LIBRARY;
    std::thread asking([&] { result = cpg_local_get(handle, &id); });
    daemon->pause(false);
    asking.join();
    EXPECT_EQ(result, CS_OK);
    EXPECT_EQ(id, 7u);
}

TEST_F(Send, FullRingOfADeadServiceIsLibrary) {
    daemon->pause(true);
    const std::string text(100'000, 'f');
    while (send(text) == CS_OK) {}
    daemon->stop();
    EXPECT_EQ(send(text), CS_ERR_LIBRARY);
}

// Without room to fill and without a token to send, only a look at the socket tells: after 64 messages at the latest.
TEST_F(Send, DeathIsNoticedWithinAFewSends) {
    daemon->pause(true);
    EXPECT_EQ(send("before"), CS_OK);   // whose token nobody takes: the worker counts as awake
    daemon->stop();
    int sent = 0;
    while (send("x") == CS_OK) ASSERT_LT(++sent, 65);
    EXPECT_EQ(send("x"), CS_ERR_LIBRARY);
}

TEST_F(Send, ThreadsShareAHandle) {
    constexpr int kThreads = 4, kEach = 2000;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                const int value = t * kEach + i;
                iovec iov{const_cast<int*>(&value), sizeof value};
                while (cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1) == CS_ERR_TRY_AGAIN) std::this_thread::yield();
                unsigned id = 0;
                if (i % 100 == 0) {
                    EXPECT_EQ(cpg_local_get(handle, &id), CS_OK);
                }
            }
        });
    for (auto& t : threads) t.join();
    std::vector<int> next(kThreads, 0);
    for (int n = 0; n < kThreads * kEach; ++n) {
        const Seen seen = daemon->wait_for(wire::Request::multicast);
        int value = -1;
        ASSERT_EQ(seen.payload.size(), sizeof(wire::MulticastRequest) + sizeof value);
        std::memcpy(&value, seen.payload.data() + sizeof(wire::MulticastRequest), sizeof value);
        ASSERT_EQ(value % kEach, next[static_cast<std::size_t>(value / kEach)]++);
    }
}

TEST_F(Send, ZeroCopyBuffersAreSentAsOftenAsOneLikes) {
    void* buffer = nullptr;
    ASSERT_EQ(cpg_zcb_alloc(handle, 5000, &buffer), CS_OK);
    for (const char c : {'p', 'q'}) {
        std::memset(buffer, c, 5000);
        EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 4999), CS_OK);
        const Seen seen = daemon->wait_for(wire::Request::multicast_sync);
        EXPECT_EQ(text_of(seen, sizeof(wire::MulticastRequest)), std::string(4999, c));
    }
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 0), CS_OK);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 5001), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_zcb_free(handle, buffer), CS_OK);
    EXPECT_EQ(cpg_zcb_free(handle, buffer), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 1), CS_ERR_INVALID_PARAM);
}

TEST_F(Send, ZeroCopySizes) {
    void *empty = nullptr, *large = nullptr, *huge = nullptr;
    EXPECT_EQ(cpg_zcb_alloc(handle, 0, &empty), CS_OK);
    EXPECT_EQ(cpg_zcb_alloc(handle, 4u << 20, &large), CS_OK);
    EXPECT_EQ(cpg_zcb_alloc(handle, SIZE_MAX, &huge), CS_ERR_NO_MEMORY);
    EXPECT_EQ(cpg_zcb_alloc(handle, SIZE_MAX / 2, &huge), CS_ERR_NO_MEMORY);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, large, wire::kZeroCopyMax + 1), CS_ERR_TOO_BIG);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, large, wire::kAtomicMax), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::multicast_sync), 1u);
    // The last kilobyte does not fit into one record beside its headers.
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, large, wire::kZeroCopyMax), CS_OK);
    EXPECT_EQ(daemon->count(wire::Request::multicast_part), 2u);
    EXPECT_EQ(cpg_zcb_free(handle, large), CS_OK);
    EXPECT_EQ(cpg_zcb_free(handle, empty), CS_OK);
}

TEST_F(Send, ZeroCopyBuffersBelongToTheirHandle) {
    cpg_handle_t other = 0;
    ASSERT_EQ(open(other), CS_OK);
    void* buffer = nullptr;
    ASSERT_EQ(cpg_zcb_alloc(handle, 100, &buffer), CS_OK);
    EXPECT_EQ(cpg_zcb_mcast_joined(other, CPG_TYPE_AGREED, buffer, 10), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_zcb_free(other, buffer), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, static_cast<char*>(buffer) + 1, 10), CS_ERR_INVALID_PARAM);
    EXPECT_EQ(cpg_finalize(other), CS_OK);
    EXPECT_EQ(cpg_finalize(handle), CS_OK);
    handle = 0;
    static_cast<char*>(buffer)[99] = 1;   // stays mapped
}

TEST_F(Send, ZeroCopyResultIsTheServices) {
    void* buffer = nullptr;
    ASSERT_EQ(cpg_zcb_alloc(handle, 100, &buffer), CS_OK);
    for (const auto error : {CS_ERR_NOT_EXIST, CS_ERR_TRY_AGAIN, CS_ERR_TOO_BIG}) {
        daemon->set_answer([error](const Seen& s) -> std::optional<Bytes> {
            if (s.type == static_cast<std::uint16_t>(wire::Request::multicast_sync)) return reply_of(error);
            return {};
        });
        EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 10), error);
    }
    daemon->set_flow(ring::kFlowSync);
    EXPECT_EQ(cpg_zcb_mcast_joined(handle, CPG_TYPE_AGREED, buffer, 10), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(cpg_zcb_free(handle, buffer), CS_OK);
}

}  // namespace
}  // namespace motet::test
