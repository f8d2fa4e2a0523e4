// Names and conversions of error codes: against the table of the interface, and against Corosync's own library where the
// machine has it.
#include <corosync/corotypes.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Strerror, NamesEveryCodeAndNothingElse) {
    EXPECT_STREQ(cs_strerror(CS_OK), "success");
    EXPECT_STREQ(cs_strerror(CS_ERR_LIBRARY), "CS_ERR_LIBRARY");
    EXPECT_STREQ(cs_strerror(CS_ERR_TRY_AGAIN), "CS_ERR_TRY_AGAIN");
    EXPECT_STREQ(cs_strerror(CS_ERR_CONTEXT_NOT_FOUND), "CS_ERR_CONTEXT_NOT_FOUND");
    EXPECT_STREQ(cs_strerror(CS_ERR_SECURITY), "CS_ERR_SECURITY");
    for (const int unknown : {-1, 0, 29, 31, 99, 101, 1 << 30}) EXPECT_STREQ(cs_strerror(static_cast<cs_error_t>(unknown)), "unknown error");
}

TEST(Errno, BecomesAnErrorCode) {
    EXPECT_EQ(qb_to_cs_error(0), CS_OK);
    EXPECT_EQ(qb_to_cs_error(5), CS_OK);
    EXPECT_EQ(qb_to_cs_error(-EAGAIN), CS_ERR_TRY_AGAIN);
    EXPECT_EQ(qb_to_cs_error(-EMSGSIZE), CS_ERR_TOO_BIG);
    EXPECT_EQ(qb_to_cs_error(-ECONNREFUSED), CS_ERR_LIBRARY);
    EXPECT_EQ(hdb_error_to_cs(0), CS_OK);
    EXPECT_EQ(hdb_error_to_cs(-EMFILE), CS_ERR_NO_RESOURCES);
    EXPECT_EQ(hdb_error_to_cs(1), CS_ERR_LIBRARY);
}

TEST(Corosync, AnswersTheSame) {
    void* theirs = dlopen("/usr/lib/x86_64-linux-gnu/libcorosync_common.so.4", RTLD_NOW | RTLD_LOCAL);
    if (theirs == nullptr) GTEST_SKIP() << "Corosync's libcorosync_common is not installed";
    const auto name = reinterpret_cast<const char* (*)(cs_error_t)>(dlsym(theirs, "cs_strerror"));
    const auto from_errno = reinterpret_cast<cs_error_t (*)(int)>(dlsym(theirs, "qb_to_cs_error"));
    const auto from_table = reinterpret_cast<cs_error_t (*)(int)>(dlsym(theirs, "hdb_error_to_cs"));
    ASSERT_TRUE(name != nullptr && from_errno != nullptr && from_table != nullptr);
    for (int code = -2; code <= 200; ++code) {
        EXPECT_STREQ(cs_strerror(static_cast<cs_error_t>(code)), name(static_cast<cs_error_t>(code))) << code;
        EXPECT_EQ(qb_to_cs_error(-code), from_errno(-code)) << code;
        EXPECT_EQ(hdb_error_to_cs(-code), from_table(-code)) << code;
    }
    dlclose(theirs);
}

}  // namespace
