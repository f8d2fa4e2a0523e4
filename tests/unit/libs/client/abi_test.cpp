// The public headers from C++: they compile beside the C file of layouts, which asserts at compile time.
#include <corosync/cpg.h>
#include <corosync/corodefs.h>
#include <corosync/hdb.h>
#include <corosync/sam.h>
#include <gtest/gtest.h>

#include <type_traits>

extern "C" int abi_layout_inline_results(void);

namespace {

TEST(Abi, InlineFunctionsOfTheHeadersAgree) { EXPECT_EQ(abi_layout_inline_results(), 0); }

TEST(Abi, SignaturesAreThoseOfTheInterface) {
    static_assert(std::is_same_v<decltype(cpg_initialize), cs_error_t(cpg_handle_t*, cpg_callbacks_t*)>);
    static_assert(std::is_same_v<decltype(cpg_model_initialize), cs_error_t(cpg_handle_t*, cpg_model_t, cpg_model_data_t*, void*)>);
    static_assert(std::is_same_v<decltype(cpg_mcast_joined), cs_error_t(cpg_handle_t, cpg_guarantee_t, const iovec*, unsigned)>);
    static_assert(std::is_same_v<decltype(cpg_membership_get), cs_error_t(cpg_handle_t, cpg_name*, cpg_address*, int*)>);
    static_assert(std::is_same_v<decltype(cpg_join), cs_error_t(cpg_handle_t, const cpg_name*)>);
    static_assert(std::is_same_v<decltype(cpg_zcb_alloc), cs_error_t(cpg_handle_t, std::size_t, void**)>);
    static_assert(std::is_same_v<cpg_totem_confchg_fn_t, void (*)(cpg_handle_t, cpg_ring_id, std::uint32_t, const std::uint32_t*)>);
    static_assert(std::is_same_v<decltype(sam_initialize), cs_error_t(int, sam_recovery_policy_t)>);
    static_assert(std::is_same_v<decltype(sam_register), cs_error_t(unsigned*)>);
    static_assert(std::is_same_v<decltype(sam_data_store), cs_error_t(const void*, std::size_t)>);
    static_assert(std::is_same_v<decltype(sam_data_restore), cs_error_t(void*, std::size_t)>);
    static_assert(std::is_same_v<decltype(sam_data_getsize), cs_error_t(std::size_t*)>);
    static_assert(std::is_same_v<decltype(sam_hc_callback_register), cs_error_t(int (*)())>);
    static_assert(std::is_same_v<decltype(sam_warn_signal_set), cs_error_t(int)>);
    SUCCEED();
}

}  // namespace
