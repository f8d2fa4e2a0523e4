// The channel between application and parent, and the memory that survives a parent.
#include "libs/client/sam/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "libs/client/sam/shared.h"

using namespace motet;
using namespace motet::client::sam;

namespace {

struct Pair {
    Pair() {
        int ends[2];
        EXPECT_TRUE(Channel::pair(ends));
        parent = Channel(ends[0]);
        child = Channel(ends[1]);
    }
    ~Pair() {
        parent.close();
        child.close();
    }
    Channel::Got peek() { return parent.peek(packet, bytes, size); }
    Channel parent, child;
    Packet packet;
    std::uint8_t bytes[kPieceMax];
    std::size_t size = 0;
};

TEST(SamChannel, APacketStaysUntilItIsConsumed) {
    Pair p;
    ASSERT_TRUE(p.child.send({.command = Command::store, .number = 7, .a = 3, .b = 0}, "abc", 3));
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(p.peek(), Channel::Got::packet);
        EXPECT_EQ(p.packet.number, 7u);
        EXPECT_EQ(std::string(reinterpret_cast<char*>(p.bytes), p.size), "abc");
    }
    p.parent.consume();
    EXPECT_EQ(p.peek(), Channel::Got::nothing);
}

TEST(SamChannel, HeartbeatsNeverBlockAndSayWhenTheParentIsGone) {
    Pair p;
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(p.child.heartbeat());
    p.parent.close();
    EXPECT_FALSE(p.child.heartbeat());
    EXPECT_FALSE(p.child.send({.command = Command::stop}));
    std::uint64_t error = 0;
    EXPECT_FALSE(p.child.wait_answer(1, error));
}

TEST(SamChannel, AnswersToOlderRequestsArePassedOver) {
    Pair p;
    p.parent.answer(1, 5);
    p.parent.answer(2, 1);
    std::uint64_t error = 0;
    ASSERT_TRUE(p.child.wait_answer(2, error));
    EXPECT_EQ(error, 1u);
}

TEST(SamChannel, WhatAnApplicationSaidBeforeItDiedIsHeardEvenIfItLeftAnswersUnread) {
    Pair p;
    p.parent.answer(1, 1);
    ASSERT_TRUE(p.child.send({.command = Command::stop}));
    p.child.close();
    ASSERT_EQ(p.peek(), Channel::Got::packet);
    EXPECT_EQ(p.packet.command, Command::stop);
    p.parent.consume();
    EXPECT_EQ(p.peek(), Channel::Got::closed);
}

TEST(SamChannel, ShortAndForeignPacketsAreNothing) {
    Pair p;
    ASSERT_EQ(send(p.child.fd(), "x", 1, 0), 1);
    ASSERT_EQ(p.peek(), Channel::Got::packet);
    EXPECT_EQ(p.packet.command, Command{});
    EXPECT_EQ(p.size, 0u);
}

struct Data {
    Data() { EXPECT_TRUE(block.create(milliseconds(1), true, false)); }
    std::string read() {
        std::string text(block.data_size(), '\0');
        EXPECT_TRUE(block.get(0, text.data(), text.size()));
        return text;
    }
    bool put(const std::string& text) { return block.put(text.size(), 0, text.data(), text.size()); }
    Block block;
};

TEST(SamData, ANewVersionReplacesTheOldAsAWhole) {
    Data d;
    EXPECT_EQ(d.block.data_size(), 0u);
    ASSERT_TRUE(d.put("first"));
    EXPECT_EQ(d.read(), "first");
    ASSERT_TRUE(d.block.put(6, 0, "sec", 3));
    EXPECT_EQ(d.read(), "first");   // a parent that dies here leaves this
    ASSERT_TRUE(d.block.put(6, 3, "ond", 3));
    EXPECT_EQ(d.read(), "second");
    ASSERT_TRUE(d.put(""));
    EXPECT_EQ(d.block.data_size(), 0u);
}

TEST(SamData, APieceThatComesTwiceIsTheSameAsOnce) {
    Data d;
    ASSERT_TRUE(d.block.put(6, 0, "abc", 3));
    ASSERT_TRUE(d.block.put(6, 0, "abc", 3));
    ASSERT_TRUE(d.block.put(6, 3, "def", 3));
    EXPECT_EQ(d.read(), "abcdef");
}

TEST(SamData, ImpossiblePiecesAreRefusedAndChangeNothing) {
    Data d;
    ASSERT_TRUE(d.put("kept"));
    EXPECT_FALSE(d.block.put(4, 5, "x", 1));
    EXPECT_FALSE(d.block.put(4, 2, "xyz", 3));
    EXPECT_FALSE(d.block.put(UINT64_MAX, 0, "x", 1));
    EXPECT_FALSE(d.block.put(10, 5, "x", 1));   // nothing came before
    EXPECT_EQ(d.read(), "kept");
}

}  // namespace
