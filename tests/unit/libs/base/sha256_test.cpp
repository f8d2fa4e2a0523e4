// Against the examples of the standards.
#include "libs/base/sha256.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/vectors/load.h"

namespace motet {
namespace {

std::string hex(const Digest& digest) { return test::to_hex(digest); }
std::string sha256(std::string_view text) {
    Sha256 sum;
    sum.add(as_bytes(text));
    return hex(sum.finish());
}

TEST(Sha256, OfTheStandardsExamples) {
    EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotCareHowTheBytesCome) {
    const std::string text(200, 'x');
    for (std::size_t size = 0; size <= text.size(); ++size) {
        Sha256 sum;
        for (std::size_t at = 0; at < size; at += 7) sum.add(as_bytes(std::string_view(text).substr(at, std::min<std::size_t>(7, size - at))));
        EXPECT_EQ(hex(sum.finish()), sha256(text.substr(0, size))) << size;
    }
}

// RFC 4231, cases 1, 2 and 6.
TEST(HmacSha256, OfTheStandardsExamples) {
    const Bytes short_key(20, 0x0b), long_key(131, 0xaa);
    EXPECT_EQ(hex(hmac_sha256(short_key, {as_bytes("Hi There")})), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256(as_bytes("Jefe"), {as_bytes("what do ya want "), as_bytes("for nothing?")})),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256(long_key, {as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace motet
