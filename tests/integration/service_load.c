/*
 * service_load - one process that uses every service at once and takes nothing but CS_OK and CS_ERR_TRY_AGAIN for an answer.
 *
 *   service_load SUPERVISOR NODEID
 *
 * Until SIGTERM: counts a cmap key of its own up by one and reads it back, asks quorum, votequorum and cfg, sends to a cpg group of
 * its own and waits for its message, hears cmap notifications. Every number must be the next. All the time no connection may hang
 * up, and the peer of each must be process SUPERVISOR with this user's id. Prints for each service the number of rounds and the
 * longest wait in milliseconds; 0 if all was well, else a line that says what was not.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

enum { CMAP, QUORUM, VOTEQUORUM, CFG, CPG, SERVICES };
static const char *const names[SERVICES] = { "cmap", "quorum", "votequorum", "cfg", "cpg" };

static volatile sig_atomic_t stopping;
static int fds[SERVICES];
static uint32_t heard, delivered;
static char fault[200];

static void on_term(int sig) { (void)sig, stopping = 1; }

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void must(int service, const char *call, cs_error_t e)
{
	if (e == CS_OK) return;
	printf("%s: %s: error %d\n", names[service], call, (int)e);
	exit(1);
}

/* The call until it says something else than "try again". */
#define PATIENTLY(service, call) do { \
	cs_error_t e_; \
	while ((e_ = (call)) == CS_ERR_TRY_AGAIN) usleep(500); \
	must(service, #call, e_); \
} while (0)

static void on_key(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value new_value,
                   struct cmap_notify_value old_value, void *data)
{
	(void)h, (void)t, (void)event, (void)key, (void)old_value, (void)data;
	uint32_t value = 0;
	if (new_value.len == sizeof value) memcpy(&value, new_value.data, sizeof value);
	if (value != heard + 1 && !fault[0]) snprintf(fault, sizeof fault, "cmap: notification %u after %u", value, heard);
	heard = value;
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *data, size_t len)
{
	(void)h, (void)g, (void)node, (void)pid;
	uint32_t value = 0;
	if (len == sizeof value) memcpy(&value, data, sizeof value);
	if (value != delivered + 1 && !fault[0]) snprintf(fault, sizeof fault, "cpg: delivery %u after %u", value, delivered);
	delivered = value;
}

static void on_view(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm, const struct cpg_address *l, size_t nl,
                    const struct cpg_address *j, size_t nj)
{
	(void)h, (void)g, (void)m, (void)l, (void)j, (void)nj;
	if ((nm != 1 || nl != 0) && !fault[0]) snprintf(fault, sizeof fault, "cpg: a view of %zu members, %zu left", nm, nl);
}

static void on_quorum(quorum_handle_t h, uint32_t quorate, uint64_t ring, uint32_t n, uint32_t *list)
{
	(void)h, (void)ring, (void)n, (void)list;
	if (!quorate && !fault[0]) snprintf(fault, sizeof fault, "quorum: a notification that it is lost");
}

/* Nobody has hung up, and whom we are connected to is who we think. */
static void look_at_connections(int supervisor)
{
	for (int i = 0; i < SERVICES; i++) {
		struct pollfd p = { fds[i], POLLIN, 0 };
		struct ucred peer;
		socklen_t size = sizeof peer;
		if (poll(&p, 1, 0) < 0 || (p.revents & (POLLHUP | POLLERR | POLLNVAL)))
			printf("%s: the connection has hung up\n", names[i]), exit(1);
		if (getsockopt(fds[i], SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid() || peer.pid != supervisor)
			printf("%s: the peer is process %d of user %u\n", names[i], (int)peer.pid, peer.uid), exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) return 2;
	const int supervisor = atoi(argv[1]);
	const unsigned node = (unsigned)atoi(argv[2]);
	signal(SIGTERM, on_term);

	cmap_handle_t cmap;
	cmap_track_handle_t track;
	char key[64];
	snprintf(key, sizeof key, "load.%d.number", (int)getpid());
	PATIENTLY(CMAP, cmap_initialize(&cmap));
	PATIENTLY(CMAP, cmap_set_uint32(cmap, key, 0));
	PATIENTLY(CMAP, cmap_track_add(cmap, key, CMAP_TRACK_MODIFY, on_key, NULL, &track));
	PATIENTLY(CMAP, cmap_fd_get(cmap, &fds[CMAP]));

	quorum_handle_t quorum;
	quorum_callbacks_t quorum_callbacks = { on_quorum };
	uint32_t type;
	PATIENTLY(QUORUM, quorum_initialize(&quorum, &quorum_callbacks, &type));
	PATIENTLY(QUORUM, quorum_trackstart(quorum, CS_TRACK_CHANGES));
	PATIENTLY(QUORUM, quorum_fd_get(quorum, &fds[QUORUM]));

	votequorum_handle_t votes;
	votequorum_callbacks_t votes_callbacks = { 0 };
	PATIENTLY(VOTEQUORUM, votequorum_initialize(&votes, &votes_callbacks));
	PATIENTLY(VOTEQUORUM, votequorum_fd_get(votes, &fds[VOTEQUORUM]));

	corosync_cfg_handle_t cfg;
	corosync_cfg_callbacks_t cfg_callbacks = { 0 };
	PATIENTLY(CFG, corosync_cfg_initialize(&cfg, &cfg_callbacks));
	PATIENTLY(CFG, corosync_cfg_fd_get(cfg, &fds[CFG]));

	cpg_handle_t cpg;
	cpg_callbacks_t cpg_callbacks = { on_deliver, on_view };
	struct cpg_name group = { 0 };
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "load.%u.%d", node, (int)getpid());
	PATIENTLY(CPG, cpg_initialize(&cpg, &cpg_callbacks));
	PATIENTLY(CPG, cpg_join(cpg, &group));
	PATIENTLY(CPG, cpg_fd_get(cpg, &fds[CPG]));

	puts("connected");
	fflush(stdout);
	double longest[SERVICES] = { 0 };
	uint32_t rounds = 0;
	while (!stopping && !fault[0]) {
		const uint32_t number = ++rounds;
		double at[SERVICES + 1];
		at[CMAP] = now_ms();
		uint32_t value = 0;
		PATIENTLY(CMAP, cmap_inc(cmap, key));
		PATIENTLY(CMAP, cmap_get_uint32(cmap, key, &value));
		if (value != number) printf("cmap: the key is %u, not %u\n", value, number), exit(1);
		at[QUORUM] = now_ms();
		int quorate = 0;
		PATIENTLY(QUORUM, quorum_getquorate(quorum, &quorate));
		if (!quorate) printf("quorum: not quorate\n"), exit(1);
		PATIENTLY(QUORUM, quorum_dispatch(quorum, CS_DISPATCH_ALL));
		at[VOTEQUORUM] = now_ms();
		struct votequorum_info info;
		PATIENTLY(VOTEQUORUM, votequorum_getinfo(votes, node, &info));
		if (info.node_id != node || info.total_votes == 0) printf("votequorum: node %u, %u votes\n", info.node_id, info.total_votes), exit(1);
		at[CFG] = now_ms();
		unsigned self = 0;
		PATIENTLY(CFG, corosync_cfg_local_get(cfg, &self));
		if (self != node) printf("cfg: this is node %u\n", self), exit(1);
		at[CPG] = now_ms();
		uint32_t message = number;
		struct iovec iov = { &message, sizeof message };
		PATIENTLY(CPG, cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &iov, 1));
		while (delivered != number && !fault[0] && !stopping) {
			struct pollfd p = { fds[CPG], POLLIN, 0 };
			poll(&p, 1, 100);
			PATIENTLY(CPG, cpg_dispatch(cpg, CS_DISPATCH_ALL));
			look_at_connections(supervisor);
		}
		at[SERVICES] = now_ms();
		for (int i = 0; i < SERVICES; i++)
			if (at[i + 1] - at[i] > longest[i]) longest[i] = at[i + 1] - at[i];
		PATIENTLY(CMAP, cmap_dispatch(cmap, CS_DISPATCH_ALL));
		look_at_connections(supervisor);
		usleep(500);
	}
	for (double end = now_ms() + 5000; heard != rounds && !fault[0] && now_ms() < end; usleep(1000)) PATIENTLY(CMAP, cmap_dispatch(cmap, CS_DISPATCH_ALL));
	if (heard != rounds && !fault[0]) snprintf(fault, sizeof fault, "cmap: %u notifications of %u changes", heard, rounds);
	if (fault[0]) return puts(fault), 1;
	printf("%u", rounds);
	for (int i = 0; i < SERVICES; i++) printf(" %s %.1f", names[i], longest[i]);
	puts("");
	return 0;
}
