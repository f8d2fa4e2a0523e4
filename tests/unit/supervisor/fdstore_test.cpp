#include "supervisor/fdstore.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "supervisor/plan.h"

namespace motet::supervisor {
namespace {

struct Store : testing::Test {
    FdStore store;
    int line[2] = {-1, -1};
    control::Message message;

    void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, line), 0); }
    void TearDown() override {
        for (const int fd : line) close(fd);
    }
    // The client's end of the connection.
    int add(std::uint64_t id, uid_t uid) {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        store.add({.entry = {.id = id, .pid = 1, .uid = uid}, .socket = UniqueFd(ends[0]), .worker_segment = UniqueFd(dup(ends[0])),
                   .client_segment = UniqueFd(dup(ends[0]))});
        return ends[1];
    }
    std::vector<control::ConnEntry> received() {
        if (control::receive(line[1], true, message) != control::Received::message) return {};
        std::vector<control::ConnEntry> entries(message.header.n);
        EXPECT_EQ(message.body.size(), entries.size() * sizeof(control::ConnEntry));
        std::memcpy(entries.data(), message.body.data(), message.body.size());
        EXPECT_EQ(message.fds.size(), entries.size() * 3);
        for (const int fd : message.fds) close(fd);
        return entries;
    }
};

TEST_F(Store, AConnectionIsHandedOverOnce) {
    const int client = add(7, 1000);
    EXPECT_TRUE(store.waiting());
    EXPECT_TRUE(store.hand_over(line[0]));
    const auto entries = received();
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].id, 7u);
    EXPECT_EQ(entries[0].uid, 1000u);
    EXPECT_TRUE(store.hand_over(line[0]));
    EXPECT_TRUE(received().empty());
    close(client);
}

TEST_F(Store, ManyGoTogetherInBoundedMessages) {
    std::vector<int> clients;
    for (std::uint64_t id = 1; id <= 130; ++id) clients.push_back(add(id, 0));
    ASSERT_TRUE(store.hand_over(line[0]));
    EXPECT_EQ(received().size(), 60u);
    EXPECT_EQ(received().size(), 60u);
    EXPECT_EQ(received().size(), 10u);
    for (const int fd : clients) close(fd);
}

TEST_F(Store, WhatDoesNotFitGoesLaterInOrder) {
    while (control::send(line[0], {})) {}   // a worker that does not read
    const int client = add(1, 0);
    EXPECT_FALSE(store.hand_over(line[0]));
    EXPECT_TRUE(store.waiting());
    while (control::receive(line[1], true, message) == control::Received::message) {}
    EXPECT_TRUE(store.hand_over(line[0]));
    EXPECT_EQ(received().at(0).id, 1u);
    close(client);
}

TEST_F(Store, UsersAreCountedAndForgotten) {
    const int a = add(1, 1000), b = add(2, 1000);
    EXPECT_EQ(store.of_user(1000), 2u);
    store.drop(1);
    store.drop(1);
    store.drop(99);
    EXPECT_EQ(store.of_user(1000), 1u);
    store.drop(2);
    EXPECT_EQ(store.of_user(1000), 0u);
    EXPECT_EQ(store.size(), 0u);
    EXPECT_TRUE(store.hand_over(line[0])) << "dropped before the worker saw them";
    EXPECT_TRUE(received().empty());
    close(a);
    close(b);
}

TEST_F(Store, ClearingHangsUpOnTheClientEvenWhileOthersHoldTheSocket) {
    const int client = add(1, 0);
    ASSERT_TRUE(store.hand_over(line[0]));   // a copy of the socket now waits in the worker's line
    char byte;
    EXPECT_EQ(recv(client, &byte, 1, 0), -1);
    store.clear();
    EXPECT_EQ(recv(client, &byte, 1, 0), 0);
    EXPECT_EQ(store.size(), 0u);
    EXPECT_FALSE(store.waiting());
    close(client);
}

}  // namespace
}  // namespace motet::supervisor
