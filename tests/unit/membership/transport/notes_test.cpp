#include "membership/transport/knet/notes.h"

#include <gtest/gtest.h>

namespace motet::transport {
namespace {

TEST(Notes, TheLinesOfLibknetAreUnderstood) {
    const Note forged = read_note("Unable to decrypt packet from 127.0.0.2:54542 (size 200)!");
    EXPECT_EQ(forged.kind, Note::Kind::unauthenticated);
    EXPECT_EQ(forged.address, "127.0.0.2");
    EXPECT_EQ(read_note("Unable to decrypt packet from fd00:77::2:5405 (size 9)!").address, "fd00:77::2");
    const Note send = read_note("Unable to send ping (sock: 19) packet (sendto): 1 Operation not permitted. recorded src ip: 127.0.0.1 src port: 5405 dst ip: "
                                "127.0.0.2 dst port: 5405");
    EXPECT_EQ(send.kind, Note::Kind::send_failed);
    EXPECT_EQ(send.address, "127.0.0.2");
    EXPECT_EQ(send.why, 1);
    EXPECT_EQ(read_note("Packet has already been delivered").kind, Note::Kind::duplicate);
    EXPECT_EQ(read_note("Packet version does not match").kind, Note::Kind::malformed);
    EXPECT_EQ(read_note("Packet is too short: 3").kind, Note::Kind::malformed);
    EXPECT_EQ(read_note("Unable to find source host for this packet").kind, Note::Kind::unknown_sender);
    EXPECT_EQ(read_note("Source host 2 not reachable yet. Discarding packet.").kind, Note::Kind::unreachable_sender);
    EXPECT_EQ(read_note("Digest does not match. Check crypto key and configuration.").kind, Note::Kind::expected);
    EXPECT_EQ(read_note("something new").kind, Note::Kind::other);
}

TEST(Notes, BrokenLinesAreNoTrouble) {
    for (const char* text : {"", "Unable to decrypt packet from ", "Unable to decrypt packet from :", "Unable to send ping packet (sendto): x dst ip:",
                             "Unable to send p", "dst ip: "})
        (void)read_note(text);
    EXPECT_EQ(read_note("Unable to send ping (sendto): 99999999999999 dst ip: ").why, 0);
}

}  // namespace
}  // namespace motet::transport
