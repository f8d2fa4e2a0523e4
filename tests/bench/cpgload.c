/*
 * cpgload - load, latency, verification and event client for libcpg engines.
 *
 * Only the public API (corosync/cpg.h) is used, so one binary measures every
 * engine that ships a compatible libcpg.so.4; select the engine with
 * LD_LIBRARY_PATH.
 *
 *   cc -O2 -Wall -Wextra -pthread -o cpgload cpgload.c -lcpg
 *
 * Modes (first argument):
 *   throughput  k members in this process tree, j of them open-loop senders
 *   fanout      throughput with k members and one sender
 *   receiver    one member, no sender, sequence and order checks on
 *   latency     one outstanding message, or paced with -r (intended send
 *               times travel in the payload, so a stall is charged to every
 *               message that it delayed)
 *   watch       prints one JSON line per configuration change; -r adds a
 *               paced self-ping and reports delivery gaps
 *   ready       prints when the node is connected and its ring has -E members
 *   join        connect/join/leave/close cycle times
 *
 * A run ends when the FINAL record of every sender (-S in the whole group)
 * has been delivered.  Each FINAL carries the sender's message count, which
 * gives loss detection even for one-byte messages; the order hash covers
 * (node, pid, sequence, length) of all messages in delivery order and must be
 * equal in every member of the group.  "views" counts configuration changes
 * between the start and the last FINAL: losses with views > 0 are a partition
 * or a crash, losses with views = 0 are an ordering or reliability fault.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define TAG_DATA 0x44
#define TAG_FINAL 0x46
#define TAG_PING 0x50
#define FINAL_LEN 32
#define STAMPED_MIN 16 /* sizes from here carry sequence and time */
#define MAX_SENDERS 1024
#define MAX_MEMBERS 256
#define NS 1000000000ull

enum backoff { BACK_POLL, BACK_SPIN, BACK_YIELD, BACK_SLEEP };

static struct {
	const char *mode;
	char group[CPG_MAX_NAME_LENGTH];
	size_t size;
	double secs, warm, rate, join_wait, drain;
	unsigned members, senders, expect_members, expect_senders;
	int zero_copy, check, threaded, spin, stamp, reconnect;
	enum backoff backoff;
	unsigned backoff_us, burst, cycles;
	int rt_prio;
	uint64_t start_at;
} o = {
	.group = "cpgload", .size = 64, .secs = 2, .warm = 0.3, .members = 1,
	.senders = 1, .join_wait = 20, .drain = 20, .burst = 64, .cycles = 20,
	.backoff = BACK_POLL,
};

struct sender {
	uint32_t nodeid, pid;
	uint64_t next, seen, announced;
	int final;
};

/* Result of one member; shared memory so that the parent can aggregate. */
struct result {
	uint32_t nodeid, pid;
	int done, is_sender, timed_out;
	char error[160];
	uint64_t deliv, deliv_bytes, own;           /* inside the window */
	uint64_t sent, sent_window, try_again, all; /* whole run unless noted */
	uint64_t seq_errors, lost, content_errors, order_hash, order_count;
	uint64_t finals, views; /* views: membership changes during the run */
	double window_s, cpu_user, cpu_sys;
	long nvcsw, nivcsw;
	uint64_t lat_n, remote_n, lag_p99, lag_max;
	double p50, p90, p99, p999, max, mean, min;
	double rp50, rp90, rp99, rp999, rmax;
};

struct member {
	cpg_handle_t h;
	int fd;
	unsigned idx;
	uint32_t me_node, me_pid;
	struct result *r;
	struct sender tab[MAX_SENDERS];
	unsigned ntab, finals, hit;
	_Atomic int ready; /* membership reached the expected size */
	_Atomic int stop;
	uint64_t t_start, t_from, t_to;
	_Atomic uint64_t own_delivered;
	void *buf, *zbuf, *fbuf;
	uint64_t seq;
	uint32_t *lat, *rlat;
	size_t nlat, nrlat, caplat;
	unsigned members_now;
};

static struct member M;
static volatile sig_atomic_t quit;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void on_term(int s)
{
	(void)s;
	quit = 1;
}

static void fail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (M.r) {
		vsnprintf(M.r->error, sizeof(M.r->error), fmt, ap);
		M.r->done = 1;
	} else {
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
	}
	va_end(ap);
	_exit(2);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 29);
}

/* Deterministic body, a function of sender-independent sequence and offset. */
static void body_fill(unsigned char *p, size_t n, uint64_t seq)
{
	uint64_t x = seq * 0xD1342543DE82EF95ull + 1;
	size_t i;
	for (i = STAMPED_MIN; i + 8 <= n; i += 8) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(p + i, &x, 8);
	}
	for (; i < n; i++)
		p[i] = (unsigned char)(seq + i);
}

static int body_ok(const unsigned char *p, size_t n, uint64_t seq)
{
	uint64_t x = seq * 0xD1342543DE82EF95ull + 1;
	size_t i;
	for (i = STAMPED_MIN; i + 8 <= n; i += 8) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		if (memcmp(p + i, &x, 8))
			return 0;
	}
	for (; i < n; i++)
		if (p[i] != (unsigned char)(seq + i))
			return 0;
	return 1;
}

static struct sender *sender_of(uint32_t nodeid, uint32_t pid)
{
	struct sender *s = &M.tab[M.hit];
	unsigned i;
	if (M.ntab && s->nodeid == nodeid && s->pid == pid)
		return s;
	for (i = 0; i < M.ntab; i++)
		if (M.tab[i].nodeid == nodeid && M.tab[i].pid == pid) {
			M.hit = i;
			return &M.tab[i];
		}
	if (M.ntab == MAX_SENDERS)
		fail("more than %d senders", MAX_SENDERS);
	s = &M.tab[M.ntab];
	memset(s, 0, sizeof(*s));
	s->nodeid = nodeid;
	s->pid = pid;
	M.hit = M.ntab++;
	return s;
}

static void keep(uint32_t **v, size_t *n, uint64_t ns)
{
	if (!*v) {
		M.caplat = 4u << 20;
		*v = malloc(M.caplat * sizeof(uint32_t));
		if (!*v)
			fail("out of memory");
	}
	if (*n < (4u << 20))
		(*v)[(*n)++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t nodeid, uint32_t pid,
		       void *msg, size_t len)
{
	const unsigned char *p = msg;
	struct sender *s = sender_of(nodeid, pid);
	struct result *r = M.r;
	int own = nodeid == M.me_node && pid == M.me_pid;
	uint64_t t = now_ns(), seq = s->seen, ts = 0;
	uint32_t w;
	(void)h;
	(void)g;

	r->all++;
	if (len == FINAL_LEN && p[0] == TAG_FINAL) {
		memcpy(&s->announced, p + 8, 8);
		if (s->announced != s->seen)
			r->lost += s->announced > s->seen ? s->announced - s->seen : 1;
		s->final = 1;
		M.finals++;
		r->finals++;
		return;
	}
	if (len >= STAMPED_MIN) {
		memcpy(&w, p + 4, 4);
		memcpy(&ts, p + 8, 8);
		seq = w;
		if (w != (uint32_t)s->next)
			r->seq_errors++;
		s->next = (uint64_t)w + 1;
		if (o.check && !body_ok(p, len, w))
			r->content_errors++;
	}
	if (s->final || p[0] != TAG_DATA || len != o.size)
		r->content_errors++;
	s->seen++;
	r->order_hash = mix(r->order_hash, (uint64_t)nodeid << 32 | pid);
	r->order_hash = mix(r->order_hash, seq << 20 ^ len);
	r->order_count++;
	if (t >= M.t_from && t < M.t_to) {
		r->deliv++;
		r->deliv_bytes += len;
		if (own)
			r->own++;
		if (ts && own)
			keep(&M.lat, &M.nlat, t - ts);
		else if (ts)
			keep(&M.rlat, &M.nrlat, t - ts);
	}
	if (own)
		atomic_fetch_add_explicit(&M.own_delivered, 1, memory_order_release);
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *mem,
		       size_t nmem, const struct cpg_address *left, size_t nleft,
		       const struct cpg_address *joined, size_t njoined)
{
	(void)h;
	(void)g;
	(void)mem;
	(void)left;
	(void)nleft;
	(void)joined;
	(void)njoined;
	M.members_now = (unsigned)nmem;
	if (M.ready && M.finals < o.expect_senders)
		M.r->views++;
	if (!M.ready && nmem >= o.expect_members) {
		M.t_start = now_ns();
		if (M.t_start < o.start_at)
			M.t_start = o.start_at;
		M.t_from = M.t_start + (uint64_t)(o.warm * 1e9);
		M.t_to = M.t_from + (uint64_t)(o.secs * 1e9);
		atomic_store(&M.ready, 1);
	}
}

static cpg_callbacks_t callbacks = {.cpg_deliver_fn = on_deliver, .cpg_confchg_fn = on_confchg};

static void connect_and_join(cpg_callbacks_t *cb)
{
	uint64_t end = now_ns() + (uint64_t)(o.join_wait * 1e9);
	struct cpg_name name;
	unsigned nodeid = 0;
	cs_error_t e;

	while ((e = cpg_initialize(&M.h, cb)) != CS_OK) {
		if (now_ns() > end)
			fail("cpg_initialize: %d", e);
		usleep(2000);
	}
	if ((e = cpg_fd_get(M.h, &M.fd)) != CS_OK)
		fail("cpg_fd_get: %d", e);
	while ((e = cpg_local_get(M.h, &nodeid)) == CS_ERR_TRY_AGAIN && now_ns() < end)
		usleep(2000);
	if (e != CS_OK)
		fail("cpg_local_get: %d", e);
	M.me_node = nodeid;
	M.me_pid = (uint32_t)getpid();
	name.length = (uint32_t)strlen(o.group);
	memcpy(name.value, o.group, name.length);
	while ((e = cpg_join(M.h, &name)) == CS_ERR_TRY_AGAIN && now_ns() < end)
		usleep(2000);
	if (e != CS_OK)
		fail("cpg_join: %d", e);
}

static void dispatch_wait(int ms)
{
	struct pollfd p = {.fd = M.fd, .events = POLLIN};
	cs_error_t e;
	if (ms && poll(&p, 1, ms) <= 0)
		return;
	e = cpg_dispatch(M.h, CS_DISPATCH_ALL);
	if (e != CS_OK && e != CS_ERR_TRY_AGAIN)
		fail("cpg_dispatch: %d", e);
}

/* Deliver at most n queued events; returns how many. */
static unsigned dispatch_some(unsigned n)
{
	unsigned i;
	for (i = 0; i < n; i++) {
		cs_error_t e = cpg_dispatch(M.h, CS_DISPATCH_ONE_NONBLOCKING);
		if (e == CS_ERR_TRY_AGAIN)
			break;
		if (e != CS_OK)
			fail("cpg_dispatch: %d", e);
	}
	return i;
}

static void buffers(void)
{
	cs_error_t e;
	if (posix_memalign(&M.buf, 64, o.size < 64 ? 64 : o.size) ||
	    posix_memalign(&M.fbuf, 64, 64))
		fail("out of memory");
	memset(M.buf, 0x5A, o.size);
	memset(M.fbuf, 0, 64);
	if (o.zero_copy) {
		size_t want = o.size < FINAL_LEN ? FINAL_LEN : o.size;
		if ((e = cpg_zcb_alloc(M.h, want, &M.zbuf)) != CS_OK)
			fail("cpg_zcb_alloc(%zu): %d", want, e);
		memset(M.zbuf, 0x5A, want);
	}
}

static cs_error_t raw_send(void *p, size_t n)
{
	struct iovec v = {.iov_base = p, .iov_len = n};
	if (o.zero_copy) {
		if (p != M.zbuf)
			memcpy(M.zbuf, p, n);
		return cpg_zcb_mcast_joined(M.h, CPG_TYPE_AGREED, M.zbuf, n);
	}
	return cpg_mcast_joined(M.h, CPG_TYPE_AGREED, &v, 1);
}

static cs_error_t send_data(uint64_t stamp)
{
	unsigned char *p = o.zero_copy ? M.zbuf : M.buf;
	cs_error_t e;
	p[0] = TAG_DATA;
	if (o.size >= STAMPED_MIN) {
		uint32_t w = (uint32_t)M.seq;
		memcpy(p + 4, &w, 4);
		memcpy(p + 8, &stamp, 8);
		if (o.check)
			body_fill(p, o.size, w);
	}
	e = raw_send(p, o.size);
	if (e == CS_OK) {
		uint64_t t = stamp ? stamp : now_ns();
		M.seq++;
		M.r->sent++;
		if (t >= M.t_from && t < M.t_to)
			M.r->sent_window++;
	} else if (e == CS_ERR_TRY_AGAIN) {
		M.r->try_again++;
	} else {
		fail("mcast(%zu): %d", o.size, e);
	}
	return e;
}

static void send_final(int own_dispatch)
{
	unsigned char *p = M.fbuf;
	uint64_t end = now_ns() + (uint64_t)(o.drain * 1e9);
	cs_error_t e;
	p[0] = TAG_FINAL;
	memcpy(p + 8, &M.seq, 8);
	while ((e = raw_send(p, FINAL_LEN)) == CS_ERR_TRY_AGAIN && now_ns() < end) {
		if (own_dispatch)
			dispatch_wait(1);
		else
			usleep(200);
	}
	if (e != CS_OK)
		fail("final: %d", e);
}

static void back_off(void)
{
	switch (o.backoff) {
	case BACK_SPIN: break;
	case BACK_YIELD: sched_yield(); break;
	case BACK_SLEEP: usleep(o.backoff_us); break;
	case BACK_POLL: break;
	}
}

static void *sender_thread(void *arg)
{
	(void)arg;
	while (now_ns() < M.t_to && !quit)
		if (send_data(o.stamp ? now_ns() : 0) != CS_OK) {
			if (o.backoff == BACK_POLL)
				usleep(50);
			else
				back_off();
		}
	send_final(0);
	return NULL;
}

static int cmp32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double pct(const uint32_t *v, size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);
	if (i >= n)
		i = n - 1;
	return v[i] / 1000.0;
}

static void summarise(void)
{
	struct result *r = M.r;
	struct rusage u;
	size_t i;
	getrusage(RUSAGE_SELF, &u);
	r->cpu_user = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	r->cpu_sys = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
	r->nvcsw = u.ru_nvcsw;
	r->nivcsw = u.ru_nivcsw;
	r->nodeid = M.me_node;
	r->pid = M.me_pid;
	r->window_s = (double)(M.t_to - M.t_from) / 1e9;
	r->lat_n = M.nlat;
	r->remote_n = M.nrlat;
	if (M.nlat) {
		double s = 0;
		for (i = 0; i < M.nlat; i++)
			s += M.lat[i];
		qsort(M.lat, M.nlat, sizeof(uint32_t), cmp32);
		r->mean = s / (double)M.nlat / 1000.0;
		r->min = M.lat[0] / 1000.0;
		r->p50 = pct(M.lat, M.nlat, .5);
		r->p90 = pct(M.lat, M.nlat, .9);
		r->p99 = pct(M.lat, M.nlat, .99);
		r->p999 = pct(M.lat, M.nlat, .999);
		r->max = M.lat[M.nlat - 1] / 1000.0;
	}
	if (M.nrlat) {
		qsort(M.rlat, M.nrlat, sizeof(uint32_t), cmp32);
		r->rp50 = pct(M.rlat, M.nrlat, .5);
		r->rp90 = pct(M.rlat, M.nrlat, .9);
		r->rp99 = pct(M.rlat, M.nrlat, .99);
		r->rp999 = pct(M.rlat, M.nrlat, .999);
		r->rmax = M.rlat[M.nrlat - 1] / 1000.0;
	}
}

/* Joins processes of different groups into one window (-A). */
static void await_start(void)
{
	while (now_ns() < M.t_start && !quit)
		dispatch_wait(1);
}

static void drain(void)
{
	uint64_t end = now_ns() + (uint64_t)((o.drain + o.secs + o.warm) * 1e9);
	while (M.finals < o.expect_senders && now_ns() < end && !quit)
		dispatch_wait(50);
	if (M.finals < o.expect_senders)
		M.r->timed_out = 1;
}

static void run_throughput(int is_sender)
{
	uint64_t limit = now_ns() + (uint64_t)(o.join_wait * 1e9);
	pthread_t th;

	while (!M.ready && now_ns() < limit && !quit)
		dispatch_wait(20);
	if (!M.ready)
		fail("only %u of %u members after %.0f s", M.members_now, o.expect_members,
		     o.join_wait);
	await_start();
	if (is_sender && o.threaded) {
		if (pthread_create(&th, NULL, sender_thread, NULL))
			fail("pthread_create");
		drain();
		pthread_join(th, NULL);
	} else if (is_sender) {
		while (now_ns() < M.t_to && !quit) {
			unsigned i, got;
			cs_error_t e = CS_OK;
			for (i = 0; i < o.burst && e == CS_OK; i++)
				e = send_data(o.stamp ? now_ns() : 0);
			got = dispatch_some(o.burst < 16 ? 64 : 4 * o.burst);
			if (e != CS_OK && !got) {
				if (o.backoff == BACK_POLL) {
					struct pollfd p = {.fd = M.fd, .events = POLLIN};
					poll(&p, 1, 1);
				} else {
					back_off();
				}
			}
		}
		send_final(1);
		drain();
	} else {
		drain();
	}
}

static void run_latency(int is_sender)
{
	uint64_t limit = now_ns() + (uint64_t)(o.join_wait * 1e9);
	uint64_t lagmax = 0;

	prctl(PR_SET_TIMERSLACK, 1000UL);
	while (!M.ready && now_ns() < limit && !quit)
		dispatch_wait(20);
	if (!M.ready)
		fail("only %u of %u members", M.members_now, o.expect_members);
	await_start();
	if (!is_sender) {
		drain();
		return;
	}
	if (o.rate > 0) {
		double gap = 1e9 / o.rate;
		uint64_t k = 0, due = M.t_start, t;
		while ((t = now_ns()) < M.t_to && !quit) {
			if (t >= due) {
				if (t - due > lagmax)
					lagmax = t - due;
				if (send_data(due) == CS_OK) {
					k++;
					due = M.t_start + (uint64_t)((double)k * gap);
				} else {
					struct pollfd p = {.fd = M.fd, .events = POLLIN};
					poll(&p, 1, 1);
				}
				dispatch_some(16);
			} else if (o.spin) {
				dispatch_some(16);
			} else {
				struct pollfd p = {.fd = M.fd, .events = POLLIN};
				struct timespec ts = {0, (long)(due - t)};
				if (due - t >= NS)
					ts = (struct timespec){1, 0};
				if (ppoll(&p, 1, &ts, NULL) > 0)
					dispatch_some(64);
			}
		}
		M.r->lag_max = lagmax;
	} else {
		uint64_t n = 0;
		while (now_ns() < M.t_to && !quit) {
			cs_error_t e = send_data(now_ns());
			if (e != CS_OK) {
				dispatch_wait(1);
				continue;
			}
			n++;
			limit = now_ns() + 10 * NS;
			while (atomic_load(&M.own_delivered) < n) {
				if (o.spin)
					dispatch_some(1);
				else
					dispatch_wait(1000);
				if (now_ns() > limit || quit)
					fail("own message not delivered in 10 s");
			}
		}
	}
	send_final(1);
	drain();
}

/* Real-time class, so that ordinary load on the machine does not delay clients. */
static void set_priority(void)
{
	struct sched_param p = {.sched_priority = o.rt_prio};
	if (o.rt_prio && sched_setscheduler(0, SCHED_RR, &p))
		fail("SCHED_RR: %s", strerror(errno));
}

static void member_main(unsigned idx, struct result *r)
{
	int is_sender = idx < o.senders;
	M.idx = idx;
	M.r = r;
	set_priority();
	r->is_sender = is_sender;
	connect_and_join(&callbacks);
	buffers();
	if (!strcmp(o.mode, "latency"))
		run_latency(is_sender);
	else
		run_throughput(is_sender);
	summarise();
	if (o.zero_copy)
		cpg_zcb_free(M.h, M.zbuf);
	cpg_finalize(M.h);
	r->done = 1;
}

static void print_json(struct result *r, unsigned n)
{
	uint64_t deliv = 0, bytes = 0, own = 0, sent = 0, again = 0, seqe = 0, lost = 0, cont = 0, views = 0;
	double us = 0, sy = 0, load[3] = {0}, w = 0;
	long nv = 0, niv = 0;
	int bad = 0, agree = 1;
	const char *err = "";
	struct result *l = NULL;
	unsigned i;

	for (i = 0; i < n; i++) {
		deliv += r[i].deliv;
		bytes += r[i].deliv_bytes;
		own += r[i].own;
		sent += r[i].sent;
		again += r[i].try_again;
		seqe += r[i].seq_errors;
		lost += r[i].lost;
		cont += r[i].content_errors;
		views += r[i].views;
		us += r[i].cpu_user;
		sy += r[i].cpu_sys;
		nv += r[i].nvcsw;
		niv += r[i].nivcsw;
		if (r[i].window_s > w)
			w = r[i].window_s;
		if (!r[i].done || r[i].timed_out || r[i].error[0]) {
			bad++;
			if (r[i].error[0])
				err = r[i].error;
			else
				err = r[i].timed_out ? "drain timed out" : "member died";
		}
		if (r[i].order_hash != r[0].order_hash)
			agree = 0;
		if (r[i].is_sender && !l)
			l = &r[i];
	}
	if (!l)
		l = &r[0];
	if (getloadavg(load, 3) < 1)
		load[0] = -1;
	printf("{\"tool\":\"cpgload\",\"mode\":\"%s\",\"node\":%u,\"size\":%zu,\"members\":%u,"
	       "\"senders\":%u,\"expect_members\":%u,\"zero_copy\":%d,\"threaded\":%d,\"rt\":%d,"
	       "\"window_s\":%.3f,\"deliv\":%llu,\"deliv_s\":%.1f,\"mb_s\":%.3f,\"own_s\":%.1f,"
	       "\"sent\":%llu,\"try_again\":%llu,\"cpu_user_s\":%.3f,\"cpu_sys_s\":%.3f,"
	       "\"nvcsw\":%ld,\"nivcsw\":%ld,\"order_count\":%llu,\"order_hash\":\"%016llx\","
	       "\"order_agree\":%s,\"seq_errors\":%llu,\"lost\":%llu,\"content_errors\":%llu,"
	       "\"views\":%llu,\"load1\":%.2f",
	       o.mode, r[0].nodeid, o.size, n, o.senders, o.expect_members, o.zero_copy, o.threaded,
	       o.rt_prio,
	       w, (unsigned long long)deliv, w > 0 ? (double)deliv / w / n : 0,
	       w > 0 ? (double)bytes / w / n / 1e6 : 0, w > 0 ? (double)own / w : 0,
	       (unsigned long long)sent, (unsigned long long)again, us, sy, nv, niv,
	       (unsigned long long)r[0].order_count, (unsigned long long)r[0].order_hash,
	       agree ? "true" : "false", (unsigned long long)seqe, (unsigned long long)lost,
	       (unsigned long long)cont, (unsigned long long)views, load[0]);
	if (l->lat_n)
		printf(",\"lat\":{\"n\":%llu,\"rate\":%.1f,\"min\":%.2f,\"mean\":%.2f,\"p50\":%.2f,"
		       "\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f,\"send_lag_max\":%.2f}",
		       (unsigned long long)l->lat_n, o.rate, l->min, l->mean, l->p50, l->p90, l->p99,
		       l->p999, l->max, (double)l->lag_max / 1000.0);
	for (i = 0; i < n; i++)
		if (r[i].remote_n) {
			printf(",\"remote_lat\":{\"n\":%llu,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,"
			       "\"p999\":%.2f,\"max\":%.2f}",
			       (unsigned long long)r[i].remote_n, r[i].rp50, r[i].rp90, r[i].rp99,
			       r[i].rp999, r[i].rmax);
			break;
		}
	printf(",\"bad_members\":%d,\"error\":\"%s\"}\n", bad, err);
	fflush(stdout);
}

static int run_group(void)
{
	struct result *r;
	pid_t kid[MAX_MEMBERS];
	unsigned i;
	int bad = 0;

	r = mmap(NULL, sizeof(*r) * o.members, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	if (r == MAP_FAILED)
		return 1;
	for (i = 0; i < o.members; i++) {
		kid[i] = fork();
		if (kid[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			member_main(i, &r[i]);
			_exit(0);
		}
		if (kid[i] < 0)
			return 1;
	}
	for (i = 0; i < o.members; i++)
		waitpid(kid[i], NULL, 0);
	print_json(r, o.members);
	for (i = 0; i < o.members; i++)
		bad |= !r[i].done || r[i].timed_out || r[i].error[0] || r[i].seq_errors ||
		       r[i].lost || r[i].content_errors || r[i].order_hash != r[0].order_hash;
	return bad;
}

/* ---- watch ---------------------------------------------------------- */

#define MAX_GAPS 64
static struct {
	uint64_t from, len;
} gaps[MAX_GAPS];
static unsigned ngaps;
static uint64_t last_own, max_gap, max_gap_from, pings;

static void w_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t nodeid, uint32_t pid,
		      void *msg, size_t len)
{
	(void)h;
	(void)g;
	(void)len;
	if (((unsigned char *)msg)[0] != TAG_PING || nodeid != M.me_node || pid != M.me_pid)
		return;
	uint64_t t = now_ns();
	if (last_own) {
		uint64_t d = t - last_own;
		if (d > max_gap) {
			max_gap = d;
			max_gap_from = last_own;
		}
		if (d > 20000000ull && ngaps < MAX_GAPS) {
			gaps[ngaps].from = last_own;
			gaps[ngaps++].len = d;
		}
	}
	last_own = t;
	pings++;
}

static void w_list(const char *k, const struct cpg_address *a, size_t n)
{
	size_t i;
	printf(",\"%s\":[", k);
	for (i = 0; i < n; i++)
		printf("%s[%u,%u,%u]", i ? "," : "", a[i].nodeid, a[i].pid, a[i].reason);
	printf("]");
}

static void w_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *mem,
		      size_t nmem, const struct cpg_address *left, size_t nleft,
		      const struct cpg_address *joined, size_t njoined)
{
	(void)h;
	(void)g;
	printf("{\"event\":\"confchg\",\"t\":%llu,\"node\":%u", (unsigned long long)now_ns(),
	       M.me_node);
	w_list("members", mem, nmem);
	w_list("left", left, nleft);
	w_list("joined", joined, njoined);
	printf("}\n");
	fflush(stdout);
}

static cpg_callbacks_t w_callbacks = {.cpg_deliver_fn = w_deliver, .cpg_confchg_fn = w_confchg};

static int run_watch(void)
{
	static struct result res;
	uint64_t end = now_ns() + (uint64_t)(o.secs * 1e9), due = 0, gap;
	unsigned char ping[64] = {TAG_PING};
	struct iovec v = {ping, sizeof(ping)};
	unsigned i;

	M.r = &res;
	gap = o.rate > 0 ? (uint64_t)(1e9 / o.rate) : 0;
	prctl(PR_SET_TIMERSLACK, 1000UL);
again:
	connect_and_join(&w_callbacks);
	printf("{\"event\":\"joined\",\"t\":%llu,\"node\":%u}\n", (unsigned long long)now_ns(),
	       M.me_node);
	fflush(stdout);
	due = now_ns();
	while (now_ns() < end && !quit) {
		struct pollfd p = {.fd = M.fd, .events = POLLIN};
		uint64_t t = now_ns();
		struct timespec ts = {0, 20000000};
		cs_error_t e = CS_OK;
		int pr;
		if (gap) {
			if (t >= due) {
				cpg_mcast_joined(M.h, CPG_TYPE_AGREED, &v, 1);
				due += gap;
				if (due < t)
					due = t + gap;
			}
			if (due > t && due - t < 20000000)
				ts.tv_nsec = (long)(due - t);
		}
		pr = ppoll(&p, 1, &ts, NULL);
		if (pr > 0)
			e = cpg_dispatch(M.h, CS_DISPATCH_ALL);
		if ((e != CS_OK && e != CS_ERR_TRY_AGAIN) || (pr > 0 && (p.revents & POLLHUP))) {
			printf("{\"event\":\"disconnected\",\"t\":%llu,\"node\":%u,\"error\":%d}\n",
			       (unsigned long long)now_ns(), M.me_node, e);
			fflush(stdout);
			cpg_finalize(M.h);
			if (o.reconnect)
				goto again;
			return 3;
		}
	}
	printf("{\"event\":\"summary\",\"t\":%llu,\"node\":%u,\"pings\":%llu,\"max_gap_ms\":%.3f,"
	       "\"max_gap_from\":%llu,\"gaps\":[",
	       (unsigned long long)now_ns(), M.me_node, (unsigned long long)pings,
	       (double)max_gap / 1e6, (unsigned long long)max_gap_from);
	for (i = 0; i < ngaps; i++)
		printf("%s[%llu,%.3f]", i ? "," : "", (unsigned long long)gaps[i].from,
		       (double)gaps[i].len / 1e6);
	printf("]}\n");
	cpg_finalize(M.h);
	return 0;
}

/* ---- ready ---------------------------------------------------------- */

static uint32_t ring_members;

static void on_ring(cpg_handle_t h, struct cpg_ring_id ring, uint32_t n, const uint32_t *list)
{
	(void)h;
	(void)ring;
	(void)list;
	ring_members = n;
}

static void on_no_change(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
                         const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h, (void)g, (void)m, (void)nm, (void)l, (void)nl, (void)j, (void)nj;
}

/* Joins a group of its own on this node and waits until the ring has -E members. */
static int run_ready(void)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1, .cpg_confchg_fn = on_no_change, .cpg_totem_confchg_fn = on_ring,
	                             .flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF};
	uint64_t t0 = now_ns(), end = t0 + (uint64_t)(o.join_wait * 1e9), tc, tv = 0;
	struct cpg_name group = {0};
	cpg_handle_t h;
	cs_error_t e;
	int fd;

	while ((e = cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL)) != CS_OK) {
		if (now_ns() > end || quit) {
			printf("{\"mode\":\"ready\",\"error\":\"initialize %d\"}\n", e);
			return 2;
		}
		usleep(1000);
	}
	tc = now_ns();
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "ready.%d.%llu", (int)getpid(), (unsigned long long)t0);
	while ((e = cpg_join(h, &group)) == CS_ERR_TRY_AGAIN && now_ns() < end)
		usleep(1000);
	if (e != CS_OK || cpg_fd_get(h, &fd) != CS_OK) {
		printf("{\"mode\":\"ready\",\"error\":\"join %d\"}\n", e);
		return 2;
	}
	while (now_ns() < end && !quit && !tv) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 100) > 0 && (e = cpg_dispatch(h, CS_DISPATCH_ALL)) != CS_OK && e != CS_ERR_TRY_AGAIN)
			break;
		if (ring_members >= o.expect_members)
			tv = now_ns();
	}
	printf("{\"mode\":\"ready\",\"start\":%llu,\"connected\":%llu,\"full\":%llu,\"view\":%u}\n", (unsigned long long)t0,
	       (unsigned long long)tc, (unsigned long long)tv, ring_members);
	cpg_finalize(h);
	return tv ? 0 : 1;
}

/* ---- join ----------------------------------------------------------- */

static unsigned j_in, j_out;

static void j_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *mem,
		      size_t nmem, const struct cpg_address *left, size_t nleft,
		      const struct cpg_address *joined, size_t njoined)
{
	size_t i;
	(void)h;
	(void)g;
	(void)mem;
	(void)nmem;
	for (i = 0; i < njoined; i++)
		if (joined[i].nodeid == M.me_node && joined[i].pid == M.me_pid)
			j_in++;
	for (i = 0; i < nleft; i++)
		if (left[i].nodeid == M.me_node && left[i].pid == M.me_pid)
			j_out++;
}

static int run_join(void)
{
	cpg_callbacks_t cb = {.cpg_deliver_fn = w_deliver, .cpg_confchg_fn = j_confchg};
	static struct result res;
	uint32_t *a = calloc(o.cycles, 4), *b = calloc(o.cycles, 4), *c = calloc(o.cycles, 4),
		 *d = calloc(o.cycles, 4);
	struct cpg_name name;
	unsigned i;

	M.r = &res;
	if (!a || !b || !c || !d)
		return 1;
	name.length = (uint32_t)strlen(o.group);
	memcpy(name.value, o.group, name.length);
	M.me_pid = (uint32_t)getpid();
	for (i = 0; i < o.cycles; i++) {
		uint64_t t0 = now_ns(), t1, t2, t3, end = t0 + 10 * NS;
		unsigned node = 0;
		cs_error_t e;
		j_in = j_out = 0;
		if ((e = cpg_initialize(&M.h, &cb)) != CS_OK || cpg_fd_get(M.h, &M.fd) != CS_OK)
			fail("initialize %d", e);
		t1 = now_ns();
		cpg_local_get(M.h, &node);
		M.me_node = node;
		while ((e = cpg_join(M.h, &name)) == CS_ERR_TRY_AGAIN && now_ns() < end)
			usleep(100);
		while (!j_in && now_ns() < end)
			dispatch_wait(10);
		t2 = now_ns();
		cpg_leave(M.h, &name);
		while (!j_out && now_ns() < end)
			dispatch_wait(10);
		t3 = now_ns();
		cpg_finalize(M.h);
		a[i] = (uint32_t)(t1 - t0);
		b[i] = (uint32_t)(t2 - t1);
		c[i] = (uint32_t)(t3 - t2);
		d[i] = (uint32_t)(now_ns() - t3);
	}
	qsort(a, o.cycles, 4, cmp32);
	qsort(b, o.cycles, 4, cmp32);
	qsort(c, o.cycles, 4, cmp32);
	qsort(d, o.cycles, 4, cmp32);
	printf("{\"mode\":\"join\",\"cycles\":%u,\"connect_us\":%.1f,\"join_us\":%.1f,\"leave_us\":%.1f,"
	       "\"close_us\":%.1f,\"join_max_us\":%.1f}\n",
	       o.cycles, pct(a, o.cycles, .5), pct(b, o.cycles, .5), pct(c, o.cycles, .5),
	       pct(d, o.cycles, .5), b[o.cycles - 1] / 1000.0);
	return 0;
}

static size_t parse_size(const char *s)
{
	char *e;
	size_t v = strtoul(s, &e, 10);
	if (*e == 'K' || *e == 'k')
		v <<= 10;
	else if (*e == 'M' || *e == 'm')
		v <<= 20;
	return v;
}

static void usage(void)
{
	fputs("usage: cpgload throughput|fanout|receiver|latency|watch|ready|join [options]\n"
	      "  -g NAME   group            -s SIZE  message bytes (K, M suffix)\n"
	      "  -t SECS   window           -w SECS  warm-up before the window\n"
	      "  -k N      members here     -j N     of which senders\n"
	      "  -E N      members in the whole group before the start\n"
	      "  -S N      senders in the whole group (FINAL records awaited)\n"
	      "  -r RATE   messages per second (latency, watch)\n"
	      "  -z        zero-copy buffers (cpg_zcb_*)\n"
	      "  -c        fill and check message bodies\n"
	      "  -T        separate sender thread   -B N  sends per dispatch turn\n"
	      "  -b poll|spin|yield|US  what a sender does after TRY_AGAIN\n"
	      "  -p        busy-poll instead of sleeping (latency)\n"
	      "  -m        stamp messages with time in throughput modes\n"
	      "  -P PRIO   clients in SCHED_RR at PRIO (below the daemon)\n"
	      "  -A NS      start no earlier than this CLOCK_MONOTONIC time\n"
	      "  -R        reconnect (watch)        -n N  cycles (join)\n"
	      "  -W SECS   limit on connecting and joining   -D SECS  on draining\n",
	      stderr);
	exit(64);
}

int main(int argc, char **argv)
{
	int c, set_j = 0, set_S = 0, set_k = 0;
	struct sigaction sa = {.sa_handler = on_term};

	if (argc < 2)
		usage();
	o.mode = argv[1];
	optind = 2;
	while ((c = getopt(argc, argv, "g:s:t:w:k:j:E:S:r:zcTB:b:pmRn:W:D:P:A:")) != -1)
		switch (c) {
		case 'g': snprintf(o.group, sizeof(o.group), "%s", optarg); break;
		case 's': o.size = parse_size(optarg); break;
		case 't': o.secs = atof(optarg); break;
		case 'w': o.warm = atof(optarg); break;
		case 'k': o.members = (unsigned)atoi(optarg); set_k = 1; break;
		case 'j': o.senders = (unsigned)atoi(optarg); set_j = 1; break;
		case 'E': o.expect_members = (unsigned)atoi(optarg); break;
		case 'S': o.expect_senders = (unsigned)atoi(optarg); set_S = 1; break;
		case 'r': o.rate = atof(optarg); break;
		case 'z': o.zero_copy = 1; break;
		case 'c': o.check = 1; break;
		case 'T': o.threaded = 1; break;
		case 'B': o.burst = (unsigned)atoi(optarg); break;
		case 'b':
			if (!strcmp(optarg, "poll"))
				o.backoff = BACK_POLL;
			else if (!strcmp(optarg, "spin"))
				o.backoff = BACK_SPIN;
			else if (!strcmp(optarg, "yield"))
				o.backoff = BACK_YIELD;
			else {
				o.backoff = BACK_SLEEP;
				o.backoff_us = (unsigned)atoi(optarg);
			}
			break;
		case 'p': o.spin = 1; break;
		case 'm': o.stamp = 1; break;
		case 'R': o.reconnect = 1; break;
		case 'n': o.cycles = (unsigned)atoi(optarg); break;
		case 'A': o.start_at = strtoull(optarg, NULL, 10); break;
		case 'P': o.rt_prio = atoi(optarg); break;
		case 'W': o.join_wait = atof(optarg); break;
		case 'D': o.drain = atof(optarg); break;
		default: usage();
		}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(o.mode, "receiver")) {
		if (!set_j)
			o.senders = 0;
		if (!set_S)
			o.expect_senders = 1;
	} else if (!strcmp(o.mode, "fanout")) {
		if (!set_k)
			o.members = 8;
	}
	if (o.members < 1 || o.members > MAX_MEMBERS || o.senders > o.members || o.size < 1 ||
	    o.burst < 1 || o.cycles < 1)
		usage();
	if (!strcmp(o.mode, "latency") && o.size < STAMPED_MIN)
		o.size = STAMPED_MIN;
	/* Large messages: at most 1 MiB sent between two dispatch turns. */
	if (o.burst > 1 && o.burst * o.size > 1u << 20)
		o.burst = o.size > 1u << 19 ? 1 : (unsigned)((1u << 20) / o.size);
	if (!o.expect_members)
		o.expect_members = o.members;
	if (!o.expect_senders)
		o.expect_senders = o.senders;
	if (!strcmp(o.mode, "watch"))
		return run_watch();
	if (!strcmp(o.mode, "ready"))
		return run_ready();
	if (!strcmp(o.mode, "join"))
		return run_join();
	if (!strcmp(o.mode, "throughput") || !strcmp(o.mode, "fanout") ||
	    !strcmp(o.mode, "receiver") || !strcmp(o.mode, "latency"))
		return run_group();
	usage();
}
