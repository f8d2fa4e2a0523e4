/* Layouts and values that compiled programs rely on, as C sees them. */
#include <corosync/cpg.h>
#include <corosync/corodefs.h>
#include <corosync/hdb.h>
#include <corosync/sam.h>
#include <stddef.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define ALIGN(type, align) _Static_assert(_Alignof(type) == (align), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define VALUE(name, value) _Static_assert((name) == (value), #name)

SIZE(cpg_handle_t, 8);
SIZE(cpg_iteration_handle_t, 8);
SIZE(struct cpg_name, 132);
ALIGN(struct cpg_name, 4);
AT(struct cpg_name, length, 0);
AT(struct cpg_name, value, 4);
SIZE(struct cpg_address, 12);
AT(struct cpg_address, nodeid, 0);
AT(struct cpg_address, pid, 4);
AT(struct cpg_address, reason, 8);
SIZE(struct cpg_ring_id, 16);
AT(struct cpg_ring_id, nodeid, 0);
AT(struct cpg_ring_id, seq, 8);
SIZE(struct cpg_iteration_description_t, 140);
AT(struct cpg_iteration_description_t, group, 0);
AT(struct cpg_iteration_description_t, nodeid, 132);
AT(struct cpg_iteration_description_t, pid, 136);
SIZE(cpg_callbacks_t, 16);
AT(cpg_callbacks_t, cpg_deliver_fn, 0);
AT(cpg_callbacks_t, cpg_confchg_fn, 8);
SIZE(cpg_model_data_t, 4);
SIZE(cpg_model_v1_data_t, 40);
AT(cpg_model_v1_data_t, model, 0);
AT(cpg_model_v1_data_t, cpg_deliver_fn, 8);
AT(cpg_model_v1_data_t, cpg_confchg_fn, 16);
AT(cpg_model_v1_data_t, cpg_totem_confchg_fn, 24);
AT(cpg_model_v1_data_t, flags, 32);
SIZE(cpg_guarantee_t, 4);
SIZE(cpg_flow_control_state_t, 4);
SIZE(cpg_reason_t, 4);
SIZE(cpg_iteration_type_t, 4);
SIZE(cpg_model_t, 4);

VALUE(CPG_TYPE_UNORDERED, 0);
VALUE(CPG_TYPE_FIFO, 1);
VALUE(CPG_TYPE_AGREED, 2);
VALUE(CPG_TYPE_SAFE, 3);
VALUE(CPG_FLOW_CONTROL_DISABLED, 0);
VALUE(CPG_FLOW_CONTROL_ENABLED, 1);
VALUE(CPG_REASON_UNDEFINED, 0);
VALUE(CPG_REASON_JOIN, 1);
VALUE(CPG_REASON_LEAVE, 2);
VALUE(CPG_REASON_NODEDOWN, 3);
VALUE(CPG_REASON_NODEUP, 4);
VALUE(CPG_REASON_PROCDOWN, 5);
VALUE(CPG_ITERATION_NAME_ONLY, 1);
VALUE(CPG_ITERATION_ONE_GROUP, 2);
VALUE(CPG_ITERATION_ALL, 3);
VALUE(CPG_MODEL_V1, 1);

SIZE(sam_recovery_policy_t, 4);
SIZE(sam_hc_callback_t, 8);
VALUE(SAM_RECOVERY_POLICY_QUIT, 1);
VALUE(SAM_RECOVERY_POLICY_RESTART, 2);
VALUE(SAM_RECOVERY_POLICY_QUORUM, 8);
VALUE(SAM_RECOVERY_POLICY_QUORUM_QUIT, 9);
VALUE(SAM_RECOVERY_POLICY_QUORUM_RESTART, 10);
VALUE(SAM_RECOVERY_POLICY_CMAP, 0x10);
VALUE(SAM_RECOVERY_POLICY_CONFDB, 0x10);
VALUE(CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF, 1);
VALUE(CPG_MAX_NAME_LENGTH, 128);
VALUE(CPG_MEMBERS_MAX, 128);

SIZE(cs_error_t, 4);
SIZE(cs_dispatch_flags_t, 4);
SIZE(cs_time_t, 8);
SIZE(cs_name_t, 258);
ALIGN(cs_name_t, 2);
AT(cs_name_t, length, 0);
AT(cs_name_t, value, 2);
SIZE(cs_version_t, 3);
AT(cs_version_t, releaseCode, 0);
AT(cs_version_t, majorVersion, 1);
AT(cs_version_t, minorVersion, 2);
VALUE(CS_DISPATCH_ONE, 1);
VALUE(CS_DISPATCH_ALL, 2);
VALUE(CS_DISPATCH_BLOCKING, 3);
VALUE(CS_DISPATCH_ONE_NONBLOCKING, 4);
VALUE(CS_TRACK_CURRENT, 1);
VALUE(CS_TRACK_CHANGES, 2);
VALUE(CS_TRACK_CHANGES_ONLY, 4);
VALUE(CS_FALSE, 0);
VALUE(CS_TRUE, 1);
VALUE(CS_MAX(3, 4), 4);
VALUE(CS_MAX_NAME_LENGTH, 256);
VALUE(CS_IPC_TIMEOUT_MS, -1);
VALUE(CS_TIME_END, 0x7FFFFFFFFFFFFFFF);
VALUE(CS_TIME_MS_IN_SEC, 1000);
VALUE(CS_TIME_US_IN_SEC, 1000000);
VALUE(CS_TIME_NS_IN_SEC, 1000000000);
VALUE(CS_TIME_US_IN_MSEC, 1000);
VALUE(CS_TIME_NS_IN_MSEC, 1000000);
VALUE(CS_TIME_NS_IN_USEC, 1000);
VALUE(CS_OK, 1);
VALUE(CS_ERR_LIBRARY, 2);
VALUE(CS_ERR_VERSION, 3);
VALUE(CS_ERR_INIT, 4);
VALUE(CS_ERR_TIMEOUT, 5);
VALUE(CS_ERR_TRY_AGAIN, 6);
VALUE(CS_ERR_INVALID_PARAM, 7);
VALUE(CS_ERR_NO_MEMORY, 8);
VALUE(CS_ERR_BAD_HANDLE, 9);
VALUE(CS_ERR_BUSY, 10);
VALUE(CS_ERR_ACCESS, 11);
VALUE(CS_ERR_NOT_EXIST, 12);
VALUE(CS_ERR_NAME_TOO_LONG, 13);
VALUE(CS_ERR_EXIST, 14);
VALUE(CS_ERR_NO_SPACE, 15);
VALUE(CS_ERR_INTERRUPT, 16);
VALUE(CS_ERR_NAME_NOT_FOUND, 17);
VALUE(CS_ERR_NO_RESOURCES, 18);
VALUE(CS_ERR_NOT_SUPPORTED, 19);
VALUE(CS_ERR_BAD_OPERATION, 20);
VALUE(CS_ERR_FAILED_OPERATION, 21);
VALUE(CS_ERR_MESSAGE_ERROR, 22);
VALUE(CS_ERR_QUEUE_FULL, 23);
VALUE(CS_ERR_QUEUE_NOT_AVAILABLE, 24);
VALUE(CS_ERR_BAD_FLAGS, 25);
VALUE(CS_ERR_TOO_BIG, 26);
VALUE(CS_ERR_NO_SECTIONS, 27);
VALUE(CS_ERR_CONTEXT_NOT_FOUND, 28);
VALUE(CS_ERR_TOO_MANY_GROUPS, 30);
VALUE(CS_ERR_SECURITY, 100);

SIZE(hdb_handle_t, 8);
VALUE(CMAP_SERVICE, 0);
VALUE(CFG_SERVICE, 1);
VALUE(CPG_SERVICE, 2);
VALUE(QUORUM_SERVICE, 3);
VALUE(PLOAD_SERVICE, 4);
VALUE(VOTEQUORUM_SERVICE, 5);
VALUE(MON_SERVICE, 6);
VALUE(WD_SERVICE, 7);
VALUE(PROCESSOR_COUNT_MAX, 384);
VALUE(TOTEMIP_ADDRLEN, 16);

/* What the indirect includes bring: each of these is used by programs that include only cpg.h. */
struct uses_indirect_includes {
    struct sockaddr_in from_netinet_in;
    struct timeval from_sys_time;
    struct timespec from_time;
    int from_errno[EAGAIN];
};

/* Called from C++: C linkage, and conversions that are inline in the headers. */
int abi_layout_inline_results(void)
{
    const uint64_t before = cs_timestamp_get();

    if (hdb_base_convert(0x1234567800000007ULL) != 7)
        return 1;
    if (hdb_nocheck_convert(7) != 0xffffffff00000007ULL)
        return 2;
    return cs_timestamp_get() >= before && before != 0 ? 0 : 3;
}
