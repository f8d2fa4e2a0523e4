#!/bin/sh
# Compares what built client libraries export with the interface: every function under its version name or without one,
# and nothing else; soname included. Usage: abi.sh LIBRARY...   (a library without a table here is an error)
set -u
export LC_ALL=C
status=0

expected_cpg='Base cpg_flow_control_state_get
Base cpg_iteration_finalize
Base cpg_iteration_initialize
Base cpg_iteration_next
Base cpg_local_get
Base cpg_max_atomic_msgsize_get
Base cpg_model_initialize
Base cpg_zcb_mcast_joined
COROSYNC_CPG_1.0 COROSYNC_CPG_1.0
COROSYNC_CPG_1.0 cpg_context_get
COROSYNC_CPG_1.0 cpg_context_set
COROSYNC_CPG_1.0 cpg_dispatch
COROSYNC_CPG_1.0 cpg_fd_get
COROSYNC_CPG_1.0 cpg_finalize
COROSYNC_CPG_1.0 cpg_initialize
COROSYNC_CPG_1.0 cpg_join
COROSYNC_CPG_1.0 cpg_leave
COROSYNC_CPG_1.0 cpg_mcast_joined
COROSYNC_CPG_1.0 cpg_membership_get
COROSYNC_CPG_1.0 cpg_zcb_alloc
COROSYNC_CPG_1.0 cpg_zcb_free'
expected_cfg='Base corosync_cfg_get_node_addrs
Base corosync_cfg_kill_node
Base corosync_cfg_local_get
Base corosync_cfg_reload_config
Base corosync_cfg_reopen_log_files
Base corosync_cfg_replyto_shutdown
Base corosync_cfg_try_shutdown
COROSYNC_CFG_0.82 COROSYNC_CFG_0.82
COROSYNC_CFG_0.82 corosync_cfg_dispatch
COROSYNC_CFG_0.82 corosync_cfg_fd_get
COROSYNC_CFG_0.82 corosync_cfg_finalize
COROSYNC_CFG_0.82 corosync_cfg_initialize
COROSYNC_CFG_0.82 corosync_cfg_node_status_get
COROSYNC_CFG_0.82 corosync_cfg_ring_status_get
COROSYNC_CFG_0.82 corosync_cfg_trackstart
COROSYNC_CFG_0.82 corosync_cfg_trackstop'
expected_confdb='Base confdb_context_get
Base confdb_context_set
Base confdb_key_create_typed
Base confdb_key_decrement
Base confdb_key_get_typed
Base confdb_key_get_typed2
Base confdb_key_increment
Base confdb_key_iter_typed
Base confdb_key_iter_typed2
Base confdb_object_find_destroy
Base confdb_object_iter_destroy
Base confdb_object_name_get
Base confdb_reload
Base confdb_write
COROSYNC_CONFDB_1.0 COROSYNC_CONFDB_1.0
COROSYNC_CONFDB_1.0 confdb_dispatch
COROSYNC_CONFDB_1.0 confdb_fd_get
COROSYNC_CONFDB_1.0 confdb_finalize
COROSYNC_CONFDB_1.0 confdb_initialize
COROSYNC_CONFDB_1.0 confdb_key_create
COROSYNC_CONFDB_1.0 confdb_key_delete
COROSYNC_CONFDB_1.0 confdb_key_get
COROSYNC_CONFDB_1.0 confdb_key_iter
COROSYNC_CONFDB_1.0 confdb_key_iter_start
COROSYNC_CONFDB_1.0 confdb_key_replace
COROSYNC_CONFDB_1.0 confdb_object_create
COROSYNC_CONFDB_1.0 confdb_object_destroy
COROSYNC_CONFDB_1.0 confdb_object_find
COROSYNC_CONFDB_1.0 confdb_object_find_start
COROSYNC_CONFDB_1.0 confdb_object_iter
COROSYNC_CONFDB_1.0 confdb_object_iter_start
COROSYNC_CONFDB_1.0 confdb_object_parent_get
COROSYNC_CONFDB_1.0 confdb_stop_track_changes
COROSYNC_CONFDB_1.0 confdb_track_changes'
expected_cmap='Base cmap_context_get
Base cmap_context_set
Base cmap_dec
Base cmap_delete
Base cmap_dispatch
Base cmap_fd_get
Base cmap_finalize
Base cmap_get
Base cmap_get_double
Base cmap_get_float
Base cmap_get_int16
Base cmap_get_int32
Base cmap_get_int64
Base cmap_get_int8
Base cmap_get_string
Base cmap_get_uint16
Base cmap_get_uint32
Base cmap_get_uint64
Base cmap_get_uint8
Base cmap_inc
Base cmap_initialize_map
Base cmap_iter_finalize
Base cmap_iter_init
Base cmap_iter_next
Base cmap_set
Base cmap_set_double
Base cmap_set_float
Base cmap_set_int16
Base cmap_set_int32
Base cmap_set_int64
Base cmap_set_int8
Base cmap_set_string
Base cmap_set_uint16
Base cmap_set_uint32
Base cmap_set_uint64
Base cmap_set_uint8
Base cmap_track_add
Base cmap_track_delete
COROSYNC_CMAP_1.0 COROSYNC_CMAP_1.0
COROSYNC_CMAP_1.0 cmap_initialize'
expected_sam='Base sam_data_getsize
Base sam_data_restore
Base sam_data_store
Base sam_initialize
Base sam_mark_failed
Base sam_warn_signal_set
COROSYNC_SAM_1.0 COROSYNC_SAM_1.0
COROSYNC_SAM_1.0 sam_finalize
COROSYNC_SAM_1.0 sam_hc_callback_register
COROSYNC_SAM_1.0 sam_hc_send
COROSYNC_SAM_1.0 sam_register
COROSYNC_SAM_1.0 sam_start
COROSYNC_SAM_1.0 sam_stop'
expected_quorum='Base quorum_context_get
Base quorum_context_set
Base quorum_fd_get
Base quorum_model_initialize
Base quorum_trackstart
Base quorum_trackstop
COROSYNC_QUORUM_1.0 COROSYNC_QUORUM_1.0
COROSYNC_QUORUM_1.0 quorum_dispatch
COROSYNC_QUORUM_1.0 quorum_finalize
COROSYNC_QUORUM_1.0 quorum_getquorate
COROSYNC_QUORUM_1.0 quorum_initialize'
expected_votequorum='Base votequorum_dispatch
Base votequorum_fd_get
Base votequorum_qdevice_master_wins
Base votequorum_qdevice_update
COROSYNC_VOTEQUORUM_1.0 COROSYNC_VOTEQUORUM_1.0
COROSYNC_VOTEQUORUM_1.0 votequorum_context_get
COROSYNC_VOTEQUORUM_1.0 votequorum_context_set
COROSYNC_VOTEQUORUM_1.0 votequorum_finalize
COROSYNC_VOTEQUORUM_1.0 votequorum_getinfo
COROSYNC_VOTEQUORUM_1.0 votequorum_initialize
COROSYNC_VOTEQUORUM_1.0 votequorum_qdevice_poll
COROSYNC_VOTEQUORUM_1.0 votequorum_qdevice_register
COROSYNC_VOTEQUORUM_1.0 votequorum_qdevice_unregister
COROSYNC_VOTEQUORUM_1.0 votequorum_setexpected
COROSYNC_VOTEQUORUM_1.0 votequorum_setvotes
COROSYNC_VOTEQUORUM_1.0 votequorum_trackstart
COROSYNC_VOTEQUORUM_1.0 votequorum_trackstop'
expected_common='none cs_strerror
none hdb_error_to_cs
none qb_to_cs_error'

# "VERSION NAME" of every defined dynamic symbol; a library without version definitions has no version column.
exported() {
    objdump -T "$1" | awk '$1 ~ /^[0-9a-f]+$/ && !/\*UND\*/ { n = split($0, half, "\t"); m = split(half[n], w, " ")
        print (m == 3 ? w[2] : "none"), w[m] }' | sort
}

check() { # library soname expected
    if ! command -v objdump >/dev/null; then
        echo "SKIP abi: objdump (binutils) is not installed"
        exit 77
    fi
    soname=$(objdump -p "$1" | awk '$1 == "SONAME" { print $2 }')
    if [ "$soname" != "$2" ]; then
        echo "abi: $1: soname is '$soname', programs ask for $2"
        status=1
    fi
    difference=$(printf '%s\n' "$3" | { t=$(mktemp); sort >"$t"; exported "$1" | diff "$t" -; rm -f "$t"; })
    if [ -n "$difference" ]; then
        printf 'abi: %s: exported symbols differ (< missing, > not in the interface):\n%s\n' "$1" "$difference"
        status=1
    fi
}

if [ $# -eq 0 ]; then
    echo "usage: $0 LIBRARY..." >&2
    exit 2
fi
for library in "$@"; do
    case ${library##*/} in
    libcfg.so*) check "$library" libcfg.so.7 "$expected_cfg" ;;
    libcmap.so*) check "$library" libcmap.so.4 "$expected_cmap" ;;
    libconfdb.so*) check "$library" libconfdb.so.4 "$expected_confdb" ;;
    libcpg.so*) check "$library" libcpg.so.4 "$expected_cpg" ;;
    libcorosync_common.so*) check "$library" libcorosync_common.so.4 "$expected_common" ;;
    libquorum.so*) check "$library" libquorum.so.5 "$expected_quorum" ;;
    libvotequorum.so*) check "$library" libvotequorum.so.8 "$expected_votequorum" ;;
    libsam.so*) check "$library" libsam.so.4 "$expected_sam" ;;
    *) echo "abi: $library: no table for this library"; status=1 ;;
    esac
done
[ $status -eq 0 ] && echo "abi: $# libraries export exactly their interface"
exit $status
