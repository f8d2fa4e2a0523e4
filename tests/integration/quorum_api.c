/*
 * quorum_api - what libquorum and libvotequorum answer, call by call, through their public functions only: one line a call. The
 * same program runs against Motet and against corosync with its own libraries and must print the same. One node, one vote.
 * quorum_api votes|device: what the node's configuration decides by; device: votes, and a device with one vote.
 */
#define _GNU_SOURCE
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static quorum_handle_t q, q1, q_wrong = 0x7fff1234;
static votequorum_handle_t v, v_wrong = 0x7fff1234;
static votequorum_ring_id_t ring;
static int finalize_in_callback;

static void said(const char *what, cs_error_t error)
{
	printf("%s: %d\n", what, error);
	fflush(stdout);
}
#define SAY(call) said(#call, call)

/* What may end the caller happens in a child: only how it ended is of interest. */
#define RISK(call) do { \
	fflush(stdout); \
	pid_t child = fork(); \
	if (child == 0) { \
		said(#call, call); \
		_exit(0); \
	} \
	int status = 0; \
	waitpid(child, &status, 0); \
	if (WIFSIGNALED(status)) \
		printf("%s: the caller dies\n", #call); \
	fflush(stdout); \
} while (0)

static void list(const char *name, uint32_t n, const uint32_t *nodes)
{
	printf(" %s:", name);
	for (uint32_t i = 0; i < n; i++)
		printf(" %u", nodes[i]);
}
static void on_v0(quorum_handle_t h, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *members)
{
	printf("  quorum v0: quorate %u seq %s", quorate, seq ? "set" : "0");
	list("members", n, members);
	printf("%s\n", h == q ? "" : " on another handle");
	if (finalize_in_callback)
		said("  quorum_finalize in callback", quorum_finalize(h));
}
static void on_v1(quorum_handle_t h, uint32_t quorate, struct quorum_ring_id id, uint32_t n, const uint32_t *members)
{
	const void *context = NULL;
	said("  context in callback", quorum_context_get(h, &context));
	printf("  quorum v1: quorate %u ring of %u context %s", quorate, id.nodeid, context == &q1 ? "ours" : context ? "?" : "null");
	list("members", n, members);
	printf("\n");
}
static void on_nodes(quorum_handle_t h, struct quorum_ring_id id, uint32_t n, const uint32_t *members, uint32_t nj, const uint32_t *joined,
		     uint32_t nl, const uint32_t *left)
{
	(void)h;
	printf("  nodelist v1: ring of %u", id.nodeid);
	list("members", n, members);
	list("joined", nj, joined);
	list("left", nl, left);
	printf("\n");
}
static void on_votes(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t nodes[])
{
	(void)h;
	printf("  votes: context %llx quorate %u", (unsigned long long)context, quorate);
	for (uint32_t i = 0; i < n; i++)
		printf(" %u:%u", nodes[i].nodeid, nodes[i].state);
	printf("\n");
}
static void on_expected(votequorum_handle_t h, uint64_t context, uint32_t expected)
{
	(void)h;
	printf("  expected: context %llx votes %u\n", (unsigned long long)context, expected);
}
static void on_vote_nodes(votequorum_handle_t h, uint64_t context, votequorum_ring_id_t id, uint32_t n, uint32_t nodes[])
{
	(void)h;
	ring = id;
	printf("  vote nodes: context %llx ring of %u", (unsigned long long)context, id.nodeid);
	list("members", n, nodes);
	printf("\n");
}

static void wait_ms(int ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&pause, NULL);
}
/* Everything that comes within 600 ms. */
static void hear(const char *what)
{
	printf("%s brings\n", what);
	for (int i = 0; i < 6; i++) {
		wait_ms(100);
		if (q)
			quorum_dispatch(q, CS_DISPATCH_ALL);
		if (q1)
			quorum_dispatch(q1, CS_DISPATCH_ALL);
		if (v)
			votequorum_dispatch(v, CS_DISPATCH_ALL);
	}
	fflush(stdout);
}
static void info(unsigned node)
{
	struct votequorum_info i;
	memset(&i, 0xee, sizeof i);
	cs_error_t error = votequorum_getinfo(v, node, &i);
	printf("votequorum_getinfo %u: %d", node, error);
	if (error == CS_OK)
		printf(" node %u state %u votes %u expected %u highest %u total %u quorum %u flags %u device votes %u name '%s'", i.node_id, i.node_state,
		       i.node_votes, i.node_expected_votes, i.highest_expected, i.total_votes, i.quorum, i.flags, i.qdevice_votes, i.qdevice_name);
	printf("\n");
	fflush(stdout);
}

static void handles(void)
{
	quorum_callbacks_t v0 = {on_v0}, none = {NULL};
	quorum_model_v1_data_t v1 = {QUORUM_MODEL_V1, on_v1, on_nodes};
	quorum_model_v0_data_t m0 = {QUORUM_MODEL_V0, on_v0};
	quorum_handle_t other;
	uint32_t type = 99;
	int fd = -1, quorate = 99;
	const void *context = NULL;

	SAY(quorum_fd_get(q_wrong, &fd));
	SAY(quorum_getquorate(q_wrong, &quorate));
	SAY(quorum_dispatch(q_wrong, CS_DISPATCH_ALL));
	SAY(quorum_trackstart(q_wrong, CS_TRACK_CURRENT));
	SAY(quorum_trackstop(q_wrong));
	SAY(quorum_context_set(q_wrong, &q));
	SAY(quorum_context_get(q_wrong, &context));
	SAY(quorum_finalize(q_wrong));
	SAY(quorum_finalize(0));

	SAY(quorum_initialize(&q, &v0, &type));
	printf("type %u\n", type);
	SAY(quorum_initialize(&other, &none, &type));
	SAY(quorum_finalize(other));
	SAY(quorum_initialize(&other, NULL, &type));
	SAY(quorum_finalize(other));
	SAY(quorum_finalize(other));
	SAY(quorum_fd_get(other, &fd));
	SAY(quorum_model_initialize(&other, (quorum_model_t)7, (quorum_model_data_t *)&v1, &type, NULL));
	SAY(quorum_model_initialize(&other, QUORUM_MODEL_V0, NULL, &type, NULL));
	SAY(quorum_finalize(other));
	SAY(quorum_model_initialize(&other, QUORUM_MODEL_V1, NULL, &type, NULL));
	SAY(quorum_model_initialize(&other, QUORUM_MODEL_V0, (quorum_model_data_t *)&m0, &type, NULL));
	SAY(quorum_finalize(other));
	type = 99;
	SAY(quorum_model_initialize(&q1, QUORUM_MODEL_V1, (quorum_model_data_t *)&v1, &type, &q1));
	printf("type %u\n", type);

	RISK(quorum_initialize(NULL, &v0, &type));
	RISK(quorum_initialize(&other, &v0, NULL));
	RISK(quorum_fd_get(q, NULL));
	RISK(quorum_getquorate(q, NULL));
	RISK(quorum_context_get(q, NULL));
	SAY(quorum_fd_get(q, &fd));
	printf("descriptor %s\n", fd >= 0 ? "set" : "not set");
	SAY(quorum_getquorate(q, &quorate));
	printf("quorate %d\n", quorate);
	SAY(quorum_context_get(q, &context));
	printf("context %s\n", context ? "set" : "null");
	SAY(quorum_context_set(q, &quorate));
	SAY(quorum_context_get(q, &context));
	printf("context %s\n", context == &quorate ? "ours" : "another");
	SAY(quorum_context_get(q1, &context));
	printf("context of v1 %s\n", context == &q1 ? "ours" : "another");
	SAY(quorum_context_set(q, NULL));
}

static void track(void)
{
	SAY(quorum_dispatch(q, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(quorum_dispatch(q, CS_DISPATCH_ALL));
	SAY(quorum_dispatch(q, (cs_dispatch_flags_t)0));
	SAY(quorum_dispatch(q, (cs_dispatch_flags_t)99));
	SAY(quorum_trackstop(q));
	SAY(quorum_trackstart(q, 0));
	SAY(quorum_trackstart(q, 64));
	SAY(quorum_trackstart(q, CS_TRACK_CURRENT));
	hear("current, v0,");
	SAY(quorum_trackstart(q, CS_TRACK_CHANGES));
	SAY(quorum_trackstart(q, CS_TRACK_CHANGES));
	hear("changes, v0,");
	SAY(quorum_trackstart(q, CS_TRACK_CHANGES_ONLY));
	hear("changes only, v0,");
	SAY(quorum_trackstart(q, CS_TRACK_CURRENT | CS_TRACK_CHANGES));
	hear("current and changes, v0,");
	SAY(quorum_trackstart(q1, CS_TRACK_CURRENT | CS_TRACK_CHANGES));
	hear("current and changes, v1,");
	SAY(quorum_trackstart(q1, CS_TRACK_CURRENT));
	SAY(quorum_dispatch(q1, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(quorum_dispatch(q1, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(quorum_dispatch(q1, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(quorum_trackstop(q1));
	SAY(quorum_trackstop(q1));
	SAY(quorum_trackstart(q1, CS_TRACK_CHANGES));
	hear("changes, v1,");
}

static void votes(void)
{
	votequorum_callbacks_t all = {on_votes, on_expected, on_vote_nodes};
	votequorum_handle_t other;
	void *context = NULL;
	int fd = -1;
	struct votequorum_info i;

	SAY(votequorum_fd_get(v_wrong, &fd));
	SAY(votequorum_getinfo(v_wrong, 1, &i));
	SAY(votequorum_setexpected(v_wrong, 1));
	SAY(votequorum_setvotes(v_wrong, 1, 1));
	SAY(votequorum_dispatch(v_wrong, CS_DISPATCH_ALL));
	SAY(votequorum_trackstart(v_wrong, 1, CS_TRACK_CURRENT));
	SAY(votequorum_trackstop(v_wrong));
	SAY(votequorum_context_set(v_wrong, &v));
	SAY(votequorum_context_get(v_wrong, &context));
	SAY(votequorum_qdevice_register(v_wrong, "x"));
	SAY(votequorum_finalize(v_wrong));
	SAY(votequorum_initialize(&other, NULL));
	SAY(votequorum_finalize(other));
	SAY(votequorum_finalize(other));
	cs_error_t error = votequorum_initialize(&v, &all);
	said("votequorum_initialize", error);
	if (error != CS_OK) {
		v = 0;
		return;
	}
	SAY(votequorum_fd_get(v, &fd));
	SAY(votequorum_context_set(v, &fd));
	SAY(votequorum_context_get(v, &context));
	printf("context %s\n", context == &fd ? "ours" : "another");
	RISK(votequorum_fd_get(v, NULL));
	RISK(votequorum_getinfo(v, 1, NULL));
	RISK(votequorum_context_get(v, NULL));
	info(1);
	info(0);
	info(2);
	info(4294967295u);
	SAY(votequorum_dispatch(v, (cs_dispatch_flags_t)0));
	SAY(votequorum_dispatch(v, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(votequorum_trackstop(v));
	SAY(votequorum_trackstart(v, 0xabc, 0));
	SAY(votequorum_trackstart(v, 0xabc, 64));
	SAY(votequorum_trackstart(v, 0xabc, CS_TRACK_CURRENT));
	hear("current,");
	SAY(votequorum_trackstart(v, 0xdef, CS_TRACK_CURRENT | CS_TRACK_CHANGES));
	hear("current and changes,");

	SAY(votequorum_setexpected(v, 0));
	info(1);
	SAY(votequorum_setexpected(v, 3));
	hear("three expected votes");
	info(1);
	SAY(votequorum_setexpected(v, 3));
	hear("the same again");
	SAY(votequorum_setexpected(v, 1));
	hear("one expected vote");
	info(1);
	SAY(votequorum_setvotes(v, 1, 2));
	hear("two votes of node 1");
	info(1);
	SAY(votequorum_setvotes(v, 2, 1));
	SAY(votequorum_setvotes(v, 1, 0));
	hear("no vote of node 1");
	info(1);
	SAY(votequorum_setvotes(v, 1, 1));
	hear("one vote of node 1");
	info(1);
}

static void device(void)
{
	static char long_name[300];
	votequorum_ring_id_t wrong;
	memset(long_name, 'n', sizeof long_name - 1);

	wrong = ring;
	wrong.seq += 100;
	SAY(votequorum_qdevice_poll(v, "dev", 1, ring));
	SAY(votequorum_qdevice_unregister(v, "dev"));
	SAY(votequorum_qdevice_update(v, "dev", "new"));
	SAY(votequorum_qdevice_master_wins(v, "dev", 1));
	RISK(votequorum_qdevice_register(v, NULL));
	SAY(votequorum_qdevice_register(v, ""));
	SAY(votequorum_qdevice_register(v, long_name));
	info(1);
	SAY(votequorum_qdevice_register(v, "dev"));
	hear("a device");
	info(1);
	info(0);
	SAY(votequorum_qdevice_register(v, "dev"));
	SAY(votequorum_qdevice_register(v, "another"));
	SAY(votequorum_qdevice_poll(v, "another", 1, ring));
	RISK(votequorum_qdevice_poll(v, NULL, 1, ring));
	SAY(votequorum_qdevice_poll(v, long_name, 1, ring));
	SAY(votequorum_qdevice_poll(v, "dev", 1, wrong));
	hear("a vote for another ring");
	info(1);
	SAY(votequorum_qdevice_poll(v, "dev", 1, ring));
	hear("a vote");
	info(1);
	info(0);
	SAY(votequorum_qdevice_poll(v, "dev", 0, ring));
	hear("no vote");
	info(1);
	SAY(votequorum_qdevice_poll(v, "dev", 1, ring));
	hear("a vote again");
	SAY(votequorum_qdevice_master_wins(v, "another", 1));
	SAY(votequorum_qdevice_master_wins(v, "dev", 1));
	hear("master wins");
	info(1);
	SAY(votequorum_qdevice_master_wins(v, "dev", 0));
	SAY(votequorum_qdevice_update(v, "another", "new"));
	RISK(votequorum_qdevice_update(v, NULL, "new"));
	RISK(votequorum_qdevice_update(v, "dev", NULL));
	SAY(votequorum_qdevice_update(v, "dev", long_name));
	SAY(votequorum_qdevice_update(v, "dev", "new"));
	hear("another name");
	info(1);
	SAY(votequorum_qdevice_poll(v, "dev", 1, ring));
	SAY(votequorum_qdevice_poll(v, "new", 1, ring));
	SAY(votequorum_qdevice_unregister(v, "dev"));
	RISK(votequorum_qdevice_unregister(v, NULL));
	SAY(votequorum_qdevice_unregister(v, "new"));
	hear("no device");
	info(1);
	SAY(votequorum_qdevice_unregister(v, "new"));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "votes";

	handles();
	track();
	votes();
	if (v && !strcmp(what, "device"))
		device();
	finalize_in_callback = 1;
	SAY(quorum_trackstart(q, CS_TRACK_CURRENT));
	hear("the last");
	SAY(quorum_getquorate(q, &(int){0}));
	q = 0;
	SAY(quorum_finalize(q1));
	SAY(quorum_finalize(q1));
	if (v) {
		SAY(votequorum_trackstop(v));
		SAY(votequorum_finalize(v));
		SAY(votequorum_finalize(v));
	}
	return 0;
}
