/*
 * kvstore - a replicated key-value store in one file, as an example of programming with libcpg.
 *
 *   kvstore --node N [--updates COUNT] [--rate PER_SECOND]
 *
 * Every member of the group "kvstore" holds the whole store. An update is not applied when it is written but when it is
 * delivered: all members deliver the same updates in the same order, so all stores stay equal without locks or votes.
 *
 * Three rules make that hold when members come and go:
 *
 *   1. A newcomer knows nothing. When a view shows one, the lowest old member multicasts a snapshot, taken at some place of the
 *      order behind that view. The newcomer keeps every update it is delivered and applies them on top; those that the snapshot
 *      already contains fall out by rule 2.
 *   2. Updates carry writer and index, and the store keeps the next index of each writer. A restarted writer learns from the snapshot
 *      how many of its updates arrived before its crash, and goes on there: nothing is lost or applied twice.
 *   3. After a partition both sides have newcomers. The snapshot with more updates wins.
 *
 * It prints one line per event on stdout; with --updates it writes that many updates at the given rate, and says
 * "done HASH" when the updates of all three writers have been applied. SIGTERM ends it in order.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define KEYS 4096          /* keys are numbers below this */
#define WRITERS 16         /* node ids below this */
#define KEPT_MAX 200000    /* updates kept for a snapshot that is still under way */

enum { UPDATE = 1, SNAPSHOT = 2 };

struct update {
	uint32_t kind, writer, index, key;
	uint64_t value;
};

struct store {
	uint64_t applied;              /* updates since the beginning */
	uint32_t next[WRITERS];        /* next index of each writer */
	uint64_t value[KEYS];
};

struct snapshot {
	uint32_t kind, sender;
	struct store store;
};

static struct store store;
static struct update *kept;        /* what was delivered since the join: a snapshot lacks what was under way when it was made */
static size_t kept_count;
static int synced, stopping;
static uint32_t self_node;
static uint32_t members_now, snapshot_due;
static uint64_t view_count, written_refused;
static const struct cpg_name group = { 7, "kvstore" };

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* FNV-1a over everything that is replicated. */
static uint64_t hash_store(void)
{
	const unsigned char *p = (const unsigned char *)&store;
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < sizeof store; i++) h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static void apply(const struct update *u)
{
	if (u->writer >= WRITERS || u->key >= KEYS || u->index != store.next[u->writer]) return;
	store.next[u->writer]++;
	/* Depends on the order: a store that applied two updates in the other order would differ. */
	store.value[u->key] = store.value[u->key] * 31 + u->value;
	store.applied++;
}

static void on_deliver(cpg_handle_t handle, const struct cpg_name *name, uint32_t nodeid, uint32_t pid, void *msg, size_t len)
{
	(void)handle; (void)name; (void)nodeid; (void)pid;
	uint32_t kind = 0;
	if (len >= sizeof kind) memcpy(&kind, msg, sizeof kind);
	if (kind == UPDATE && len == sizeof(struct update)) {
		struct update u;
		memcpy(&u, msg, sizeof u);
		if (synced) apply(&u);
		if (kept_count == KEPT_MAX) {      /* no snapshot is under way for so long */
			kept_count /= 2;
			memmove(kept, kept + kept_count, kept_count * sizeof *kept);
		}
		kept[kept_count++] = u;
	} else if (kind == SNAPSHOT && len == sizeof(struct snapshot)) {
		static struct snapshot s;
		memcpy(&s, msg, sizeof s);
		/* Two parts may have met, each with a store of its own, be it empty: the one with more updates goes on. */
		if (synced && s.store.applied <= store.applied) return;
		store = s.store;
		for (size_t i = 0; i < kept_count; i++) apply(&kept[i]);   /* what the snapshot has already is passed over */
		printf("snapshot from %u: %" PRIu64 " updates, then %" PRIu64 "\n", s.sender, s.store.applied, store.applied - s.store.applied);
		synced = 1;
	}
}

static int listed(const struct cpg_address *list, size_t n, uint32_t node, uint32_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].nodeid == node && list[i].pid == pid) return 1;
	return 0;
}

static void on_view(cpg_handle_t handle, const struct cpg_name *name, const struct cpg_address *members, size_t n_members,
                    const struct cpg_address *left, size_t n_left, const struct cpg_address *joined, size_t n_joined)
{
	(void)handle; (void)name;
	uint32_t speaker = 0;      /* lowest old member */
	printf("view %" PRIu64 ": members", ++view_count);
	for (size_t i = 0; i < n_members; i++) {
		printf(" %u", members[i].nodeid);
		if (speaker == 0 && !listed(joined, n_joined, members[i].nodeid, members[i].pid)) speaker = members[i].nodeid;
	}
	for (size_t i = 0; i < n_left; i++) printf(" left %u", left[i].nodeid);
	for (size_t i = 0; i < n_joined; i++) printf(" joined %u", joined[i].nodeid);
	printf("\n");
	members_now = (uint32_t)n_members;
	if (n_members > 0 && n_members == n_joined) synced = 1;    /* we are the first: an empty store is right */
	if (n_joined > 0 && speaker == self_node && synced) snapshot_due = 1;
}

static void on_term(int sig)
{
	(void)sig;
	stopping = 1;
}

/* TRY_AGAIN is the only answer worth waiting for; it comes while a view changes or queues are full. */
static cs_error_t patiently(cpg_handle_t handle, const void *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	for (double end = now_s() + 20; now_s() < end && !stopping;) {
		cs_error_t e = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1);
		if (e != CS_ERR_TRY_AGAIN) return e;
		written_refused++;
		struct timespec pause = { 0, 1000000 };
		nanosleep(&pause, NULL);
		cpg_dispatch(handle, CS_DISPATCH_ALL);
	}
	return CS_ERR_TRY_AGAIN;
}

int main(int argc, char **argv)
{
	uint32_t updates = 0;
	double rate = 1500;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--node")) self_node = (uint32_t)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--updates")) updates = (uint32_t)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--rate")) rate = atof(argv[i + 1]);
	}
	if (self_node == 0 || self_node >= WRITERS) {
		fprintf(stderr, "kvstore: --node must be 1..%d\n", WRITERS - 1);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	kept = calloc(KEPT_MAX, sizeof *kept);
	if (kept == NULL) return 1;
	struct sigaction term = { .sa_handler = on_term };
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &term, NULL);

	cpg_callbacks_t callbacks = { on_deliver, on_view };
	cpg_handle_t handle;
	cs_error_t e = CS_ERR_TRY_AGAIN;
	for (double end = now_s() + 30; now_s() < end && e != CS_OK && !stopping;) {
		e = cpg_initialize(&handle, &callbacks);      /* the daemon may still be forming its first ring */
		if (e != CS_OK) usleep(20000);
	}
	if (e != CS_OK) {
		fprintf(stderr, "kvstore: no connection to the daemon within 30 s: %s\n", cs_strerror(e));
		return 1;
	}
	for (double end = now_s() + 30; now_s() < end && (e = cpg_join(handle, &group)) == CS_ERR_TRY_AGAIN;) usleep(20000);
	if (e != CS_OK) {
		fprintf(stderr, "kvstore: cannot join: %s\n", cs_strerror(e));
		return 1;
	}
	uint32_t mine;
	int fd;
	if ((e = cpg_local_get(handle, &mine)) != CS_OK || mine != self_node || cpg_fd_get(handle, &fd) != CS_OK) {
		fprintf(stderr, "kvstore: the daemon is node %u, not %u (%s)\n", mine, self_node, cs_strerror(e));
		return 1;
	}

	uint32_t next = 0;
	int started = 0, done = 0;
	double due = now_s(), report = due + 0.25;
	while (!stopping) {
		double now = now_s();
		int wait_ms = 20;
		if (synced && next < updates && due > now && due - now < 0.02) wait_ms = (int)((due - now) * 1000);
		if (synced && next < updates && due <= now) wait_ms = 0;
		struct pollfd p = { fd, POLLIN, 0 };
		if (poll(&p, 1, wait_ms) > 0 && (e = cpg_dispatch(handle, CS_DISPATCH_ALL)) != CS_OK) {
			if (stopping) break;
			fprintf(stderr, "kvstore: connection lost: %s\n", cs_strerror(e));
			return 1;
		}
		if (snapshot_due) {
			static struct snapshot s;
			snapshot_due = 0;
			s.kind = SNAPSHOT;
			s.sender = self_node;
			s.store = store;
			patiently(handle, &s, sizeof s);
		}
		/* Wait for all three before the first write, so that the demonstration starts together. */
		if (synced && !started && (members_now >= 3 || store.applied > 0)) {
			started = 1;
			next = store.next[self_node];
			due = now_s();
			if (next > 0) printf("resume at %u\n", next);
		}
		if (started && next < store.next[self_node]) next = store.next[self_node];   /* written in an earlier life */
		for (int burst = 0; started && next < updates && due <= now && burst < 64; burst++, due += 1 / rate) {
			struct update u = { UPDATE, self_node, next, (next * 7919u + self_node * 131u) % KEYS, (uint64_t)next << 8 | self_node };
			if (patiently(handle, &u, sizeof u) != CS_OK) break;
			next++;
		}
		if (now >= report) {
			printf("applied %" PRIu64 " written %u\n", store.applied, next);
			report = now + 0.25;
		}
		if (updates && !done && store.applied == 3ull * updates) {
			done = 1;
			printf("done %016" PRIx64 " applied %" PRIu64 " views %" PRIu64 " retried %" PRIu64 "\n", hash_store(), store.applied,
			       view_count, written_refused);
		}
	}
	cpg_leave(handle, &group);
	cpg_finalize(handle);
	return 0;
}
