// Envelope, window, seal, greeting, query, slots: each alone.
#include <gtest/gtest.h>

#include "membership/transport/rdma/greeting.h"
#include "membership/transport/rdma/peer.h"
#include "membership/transport/rdma/slots.h"

namespace motet::transport::rdma {
namespace {

Secret secret(std::string_view key = "0123456789abcdef0123456789abcdef", std::string_view cluster = "c") {
    return std::move(*Secret::make(as_bytes(key), cluster));
}

TEST(Envelope, ComesBackAsItWentIn) {
    std::array<std::uint8_t, kEnvelopeSize> bytes;
    encode({.kind = Class::probe, .key_id = 3, .plaintext = true, .from = 0x01020304, .to = 9, .incarnation = 0x1122334455667788, .counter = 7}, bytes);
    EXPECT_EQ(as_text(ByteView(bytes).first(4)), "MTRD");
    EXPECT_EQ(bytes[8], 1);     // big-endian
    const auto back = decode(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, Class::probe);
    EXPECT_TRUE(back->plaintext);
    EXPECT_EQ(back->from, 0x01020304u);
    EXPECT_EQ(back->to, 9u);
    EXPECT_EQ(back->incarnation, 0x1122334455667788u);
    EXPECT_EQ(back->counter, 7u);
}

TEST(Envelope, EveryTruncationAndEveryForeignFrontIsRefused) {
    std::array<std::uint8_t, kEnvelopeSize> bytes;
    encode({.from = 1, .incarnation = 5, .counter = 1}, bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode(ByteView(bytes).first(size))) << size;
    for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u, 7u}) {
        auto changed = bytes;
        changed[at] ^= 0x40;
        EXPECT_FALSE(decode(changed)) << at;
    }
    encode({.from = 1, .incarnation = 5, .counter = 0}, bytes);
    EXPECT_FALSE(decode(bytes)) << "counter 0";
}

TEST(ReplayWindow, LetsEachCounterInOnceAndOldOnesNever) {
    ReplayWindow window;
    for (const std::uint64_t c : {1u, 3u, 2u, 700u, 699u, 5000u, 4500u}) {
        EXPECT_FALSE(window.seen(c)) << c;
        window.mark(c);
        EXPECT_TRUE(window.seen(c)) << c;
    }
    EXPECT_TRUE(window.seen(5000 - 1024));
    EXPECT_FALSE(window.seen(5000 - 1023));
    EXPECT_FALSE(window.seen(4999));
    EXPECT_TRUE(window.seen(1));
}

// Against a plain set, over jumps of every size.
TEST(ReplayWindow, AgreesWithASet) {
    ReplayWindow window;
    std::vector<bool> marked(200'000);
    std::uint64_t highest = 0;
    std::uint32_t random = 7;
    for (int i = 0; i < 20'000; ++i) {
        random = random * 1664525 + 1013904223;
        const std::uint64_t reach = (random >> 8) % 97 == 0 ? 3000 : 40;
        const std::uint64_t c = 1 + (highest > 500 ? highest - 500 : 0) + (random >> 12) % (500 + reach);
        if (c >= marked.size()) break;
        const bool expected = c <= highest && (highest - c >= ReplayWindow::kSize || marked[c]);
        ASSERT_EQ(window.seen(c), expected) << c << " of " << highest;
        window.mark(c);
        if (c > highest || highest - c < ReplayWindow::kSize) marked[c] = true;
        highest = std::max(highest, c);
    }
}

struct Sealed {
    std::array<std::uint8_t, kEnvelopeSize> envelope{};
    Bytes bytes;
};

Sealed seal(Seal& by, std::uint64_t counter, std::string_view text) {
    Sealed s;
    encode({.from = 1, .incarnation = 5, .counter = counter}, s.envelope);
    const ByteView plain = as_bytes(text);
    s.bytes.assign(plain.begin(), plain.end());
    std::array<std::uint8_t, kTagSize> tag;
    EXPECT_TRUE(by.close(s.envelope, counter, s.bytes, tag));
    s.bytes.insert(s.bytes.end(), tag.begin(), tag.end());
    return s;
}

TEST(Seal, OpensWhatItClosedAndNothingElse) {
    const Secret key = secret();
    Seal ours = std::move(*Seal::make(key, {1, 5, 0}));
    Sealed s = seal(ours, 9, "the token");
    EXPECT_EQ(as_text(s.bytes).find("token"), std::string_view::npos);
    Bytes plain;
    ASSERT_TRUE(ours.open(s.envelope, 9, s.bytes, plain));
    EXPECT_EQ(as_text(plain), "the token");
    for (std::size_t i = 0; i < s.bytes.size(); ++i) {
        Bytes changed = s.bytes;
        changed[i] ^= 1;
        EXPECT_FALSE(ours.open(s.envelope, 9, changed, plain)) << i;
    }
    for (std::size_t i = 0; i < s.envelope.size(); ++i) {
        auto changed = s.envelope;
        changed[i] ^= 1;
        EXPECT_FALSE(ours.open(changed, 9, s.bytes, plain)) << i;
    }
    EXPECT_FALSE(ours.open(s.envelope, 10, s.bytes, plain));
    EXPECT_FALSE(ours.open(s.envelope, 9, ByteView(s.bytes).first(kTagSize - 1), plain));
    const Sealed empty = seal(ours, 10, "");
    EXPECT_TRUE(ours.open(empty.envelope, 10, empty.bytes, plain));
}

TEST(Seal, DiffersByNodeLifeLinkClusterAndKey) {
    const Secret key = secret();
    Seal ours = std::move(*Seal::make(key, {1, 5, 0}));
    const Sealed s = seal(ours, 1, "x");
    Bytes plain;
    for (const Sender& other : {Sender{2, 5, 0}, Sender{1, 6, 0}, Sender{1, 5, 1}})
        EXPECT_FALSE(Seal::make(key, other)->open(s.envelope, 1, s.bytes, plain));
    EXPECT_FALSE(Seal::make(secret("0123456789abcdef0123456789abcdeX"), {1, 5, 0})->open(s.envelope, 1, s.bytes, plain));
    EXPECT_FALSE(Seal::make(secret("0123456789abcdef0123456789abcdef", "d"), {1, 5, 0})->open(s.envelope, 1, s.bytes, plain));
    EXPECT_TRUE(Seal::make(secret(), {1, 5, 0})->open(s.envelope, 1, s.bytes, plain));
}

// RFC 5869, test case 1: the extraction is HKDF's.
TEST(Secret, IsHkdf) {
    Bytes ikm(22, 0x0b), salt;
    for (std::uint8_t i = 0; i <= 12; ++i) salt.push_back(i);
    Bytes info;
    for (std::uint8_t i = 0xf0; i <= 0xf9; ++i) info.push_back(i);
    std::array<std::uint8_t, 4> out;
    ASSERT_TRUE(Secret::make(ikm, as_text(salt))->derive(info, out));
    EXPECT_EQ(out, (std::array<std::uint8_t, 4>{0x3c, 0xb2, 0x5f, 0x25}));
}

TEST(Greeting, IsForOnePeerOneLinkAndOneQueuePair) {
    const Secret key = secret();
    const Greeting g{.answer = true, .cluster = 77, .from = 4, .incarnation = 99, .nonce = {1, 2, 3}};
    const auto bytes = encode(g, {.to = 1, .link = 0, .queue_pair = 17}, &key);
    ASSERT_TRUE(bytes);
    const auto back = decode(*bytes, {.to = 1, .link = 0, .queue_pair = 17}, &key);
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->answer);
    EXPECT_EQ(back->cluster, 77u);
    EXPECT_EQ(back->from, 4u);
    EXPECT_EQ(back->incarnation, 99u);
    EXPECT_EQ(back->nonce, g.nonce);
    for (const Context& wrong : {Context{2, 0, 17}, Context{1, 1, 17}, Context{1, 0, 18}}) EXPECT_FALSE(decode(*bytes, wrong, &key));
    const Secret other = secret("another key, as long as the first");
    EXPECT_FALSE(decode(*bytes, {1, 0, 17}, &other));
    EXPECT_FALSE(decode(*bytes, {1, 0, 17}, nullptr)) << "encrypted, where plaintext is configured";
    for (std::size_t size = 0; size < bytes->size(); ++size) EXPECT_FALSE(decode(ByteView(*bytes).first(size), {1, 0, 17}, &key)) << size;
    for (std::size_t i = 0; i < bytes->size(); ++i) {
        auto changed = *bytes;
        changed[i] ^= 1;
        EXPECT_FALSE(decode(changed, {1, 0, 17}, &key)) << i;
    }
    Bytes padded(bytes->begin(), bytes->end());
    padded.resize(136);
    EXPECT_TRUE(decode(padded, {1, 0, 17}, &key)) << "the connection manager pads";
}

TEST(Greeting, InPlaintextNeedsPlaintextOnBothSides) {
    const auto bytes = encode({.from = 4, .incarnation = 9}, {.to = 1}, nullptr);
    const Secret key = secret();
    EXPECT_TRUE(decode(*bytes, {.to = 1}, nullptr));
    EXPECT_FALSE(decode(*bytes, {.to = 1}, &key));
}

constexpr Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(Query, GoesThroughItsStepsOnce) {
    Query q(1);
    EXPECT_EQ(q.on_time(at(0), false), Query::Do::nothing) << "too many are under way";
    EXPECT_EQ(q.on_time(at(0), true), Query::Do::resolve_address);
    EXPECT_EQ(q.on_route_resolved(), Query::Do::nothing) << "out of turn";
    EXPECT_EQ(q.on_answer(), Query::Do::nothing) << "out of turn";
    EXPECT_EQ(q.on_address_resolved(), Query::Do::resolve_route);
    EXPECT_EQ(q.on_address_resolved(), Query::Do::nothing);
    EXPECT_EQ(q.on_route_resolved(), Query::Do::ask);
    EXPECT_EQ(q.on_answer(), Query::Do::adopt);
    EXPECT_TRUE(q.ready());
    EXPECT_EQ(q.on_failed(at(1), false), Query::Do::nothing) << "of a query that is over";
    EXPECT_EQ(q.on_time(at(100'000), true), Query::Do::nothing);
}

TEST(Query, IsGivenUpAfterThreeSecondsOfSilence) {
    Query q(1);
    q.on_time(at(0), true);
    q.on_address_resolved();
    EXPECT_EQ(q.on_time(at(2999), true), Query::Do::nothing);
    EXPECT_EQ(q.on_time(at(3000), true), Query::Do::abandon);
    EXPECT_FALSE(q.in_flight());
}

TEST(Query, WaitsLongerAfterEachFailureUpToAQuarterOverFiveSeconds) {
    Query q(42);
    std::int64_t now = 0;
    for (int i = 0; i < 12; ++i) {
        ASSERT_EQ(q.on_time(at(now), true), Query::Do::resolve_address) << i;
        ASSERT_EQ(q.on_failed(at(now), false), Query::Do::abandon);
        const std::int64_t pause = std::min<std::int64_t>(200 << i, 5000);
        EXPECT_EQ(q.on_time(at(now + pause * 75 / 100 - 1), true), Query::Do::nothing) << i;
        now += pause * 126 / 100 + 1;
    }
}

TEST(Query, ARefusalIsNotRepeatedSoon) {
    Query q(1);
    q.on_time(at(0), true);
    q.on_failed(at(0), true);
    EXPECT_EQ(q.on_time(at(3000), true), Query::Do::nothing);
    EXPECT_EQ(q.on_time(at(6300), true), Query::Do::resolve_address);
}

TEST(Query, AnotherLifeIsAskedAtOnceButNotMoreThanOnceASecond) {
    Query q(1);
    q.on_time(at(0), true), q.on_address_resolved(), q.on_route_resolved(), q.on_answer();
    q.on_changed(at(500));
    EXPECT_EQ(q.on_time(at(500), true), Query::Do::nothing);
    q.on_changed(at(1000));
    EXPECT_EQ(q.on_time(at(1000), true), Query::Do::resolve_address);
    q.on_changed(at(2500));
    EXPECT_EQ(q.on_address_resolved(), Query::Do::resolve_route) << "one under way goes on";
}

TEST(SendSlots, AreFreedInOrderBySignalledCompletions) {
    SendSlots slots(8, 8);
    std::vector<std::uint32_t> signalled;
    for (int i = 0; i < 8; ++i) {
        const std::uint32_t slot = slots.take(1);
        ASSERT_NE(slot, SendSlots::kNone);
        if (slots.wants_signal(slot)) signalled.push_back(slot);
    }
    EXPECT_EQ(signalled, (std::vector<std::uint32_t>{1, 3, 5, 7}));
    EXPECT_EQ(slots.take(1), SendSlots::kNone);
    EXPECT_TRUE(slots.retire(3));
    EXPECT_EQ(slots.in_use(), 4u);
    EXPECT_FALSE(slots.retire(1)) << "retired already";
    EXPECT_FALSE(slots.retire(99));
    EXPECT_TRUE(slots.retire(7));
    EXPECT_EQ(slots.in_use(), 0u);
}

TEST(SendSlots, AFannedOutSlotWeighsOneRequestPerTarget) {
    SendSlots slots(8, 16);
    EXPECT_EQ(slots.take(17), SendSlots::kNone);
    const std::uint32_t a = slots.take(10);
    EXPECT_TRUE(slots.wants_signal(a)) << "a quarter of the queue is past";
    EXPECT_EQ(slots.take(10), SendSlots::kNone);
    EXPECT_NE(slots.take(6), SendSlots::kNone);
    EXPECT_TRUE(slots.retire(a));
    EXPECT_NE(slots.take(10), SendSlots::kNone);
}

TEST(SendSlots, NeverFillUpWithoutASignalUnderWay) {
    std::uint32_t random = 1;
    SendSlots slots(16, 40);
    std::vector<std::uint32_t> signalled;
    for (int i = 0; i < 5000; ++i) {
        random = random * 1664525 + 1013904223;
        const std::uint32_t slot = slots.take(1 + (random >> 16) % 7);
        if (slot == SendSlots::kNone) {
            ASSERT_FALSE(slots.stuck());
            ASSERT_FALSE(signalled.empty());
            ASSERT_TRUE(slots.retire(signalled.front()));
            signalled.erase(signalled.begin());
            continue;
        }
        if ((random >> 24) % 5 == 0) slots.give_back();
        else if (slots.wants_signal(slot)) signalled.push_back(slot);
    }
}

}  // namespace
}  // namespace motet::transport::rdma
