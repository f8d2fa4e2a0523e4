/* Layouts and values of quorum.h and votequorum.h that compiled programs rely on, as C sees them. */
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <stddef.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define ALIGN(type, align) _Static_assert(_Alignof(type) == (align), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define VALUE(name, value) _Static_assert((name) == (value), #name)

SIZE(quorum_handle_t, 8);
SIZE(quorum_model_t, 4);
VALUE(QUORUM_MODEL_V0, 0);
VALUE(QUORUM_MODEL_V1, 1);
SIZE(struct quorum_ring_id, 16);
ALIGN(struct quorum_ring_id, 8);
AT(struct quorum_ring_id, seq, 8);
SIZE(quorum_callbacks_t, 8);
SIZE(quorum_model_data_t, 4);
SIZE(quorum_model_v0_data_t, 16);
AT(quorum_model_v0_data_t, quorum_notify_fn, 8);
SIZE(quorum_model_v1_data_t, 24);
AT(quorum_model_v1_data_t, quorum_notify_fn, 8);
AT(quorum_model_v1_data_t, nodelist_notify_fn, 16);
VALUE(QUORUM_FREE, 0);
VALUE(QUORUM_SET, 1);

SIZE(votequorum_handle_t, 8);
SIZE(struct votequorum_info, 292);
ALIGN(struct votequorum_info, 4);
AT(struct votequorum_info, node_id, 0);
AT(struct votequorum_info, node_state, 4);
AT(struct votequorum_info, node_votes, 8);
AT(struct votequorum_info, node_expected_votes, 12);
AT(struct votequorum_info, highest_expected, 16);
AT(struct votequorum_info, total_votes, 20);
AT(struct votequorum_info, quorum, 24);
AT(struct votequorum_info, flags, 28);
AT(struct votequorum_info, qdevice_votes, 32);
AT(struct votequorum_info, qdevice_name, 36);
SIZE(votequorum_node_t, 8);
ALIGN(votequorum_node_t, 4);
AT(votequorum_node_t, state, 4);
SIZE(votequorum_ring_id_t, 16);
AT(votequorum_ring_id_t, seq, 8);
SIZE(votequorum_callbacks_t, 24);
AT(votequorum_callbacks_t, votequorum_quorum_notify_fn, 0);
AT(votequorum_callbacks_t, votequorum_expectedvotes_notify_fn, 8);
AT(votequorum_callbacks_t, votequorum_nodelist_notify_fn, 16);
VALUE(VOTEQUORUM_INFO_TWONODE, 1);
VALUE(VOTEQUORUM_INFO_QUORATE, 2);
VALUE(VOTEQUORUM_INFO_WAIT_FOR_ALL, 4);
VALUE(VOTEQUORUM_INFO_LAST_MAN_STANDING, 8);
VALUE(VOTEQUORUM_INFO_AUTO_TIE_BREAKER, 16);
VALUE(VOTEQUORUM_INFO_ALLOW_DOWNSCALE, 32);
VALUE(VOTEQUORUM_INFO_QDEVICE_REGISTERED, 64);
VALUE(VOTEQUORUM_INFO_QDEVICE_ALIVE, 128);
VALUE(VOTEQUORUM_INFO_QDEVICE_CAST_VOTE, 256);
VALUE(VOTEQUORUM_INFO_QDEVICE_MASTER_WINS, 512);
VALUE(VOTEQUORUM_QDEVICE_NODEID, 0);
VALUE(VOTEQUORUM_QDEVICE_MAX_NAME_LEN, 255);
VALUE(VOTEQUORUM_QDEVICE_DEFAULT_TIMEOUT, 10000);
VALUE(VOTEQUORUM_QDEVICE_DEFAULT_SYNC_TIMEOUT, 30000);
VALUE(VOTEQUORUM_NODESTATE_MEMBER, 1);
VALUE(VOTEQUORUM_NODESTATE_DEAD, 2);
VALUE(VOTEQUORUM_NODESTATE_LEAVING, 3);
