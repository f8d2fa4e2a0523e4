/*
 * cpg_api - the behaviour of libcpg case by case, through its public functions only; the same program runs against Motet
 * and against corosync with its own library.
 *
 *   cpg_api --engine motet|corosync
 *
 * One line a case. Where Motet differs from corosync on purpose both expectations stand in the case: look for `motet`.
 * The node must be alone in its ring.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define ATOMIC_MAX 1047552
#define SEEN_MAX 4096
#define ALL_FUNCTIONS 18

static int motet, failures;
static unsigned node;

static void check(int good, const char *name, const char *format, ...)
{
	printf("%s - %s", good ? "ok" : "not ok", name);
	if (!good) {
		va_list args;
		va_start(args, format);
		printf(": ");
		vprintf(format, args);
		va_end(args);
		failures++;
	}
	printf("\n");
	fflush(stdout);
}
static void returns(const char *name, cs_error_t got, cs_error_t wanted)
{
	check(got == wanted, name, "returned %s, not %s", cs_strerror(got), cs_strerror(wanted));
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The last line of defence: a call that never returns. */
static void on_alarm(int sig)
{
	(void)sig;
	static const char text[] = "not ok - every call returns: the program hangs\n";
	(void)!write(1, text, sizeof text - 1);
	_exit(1);
}

/* What callbacks were told. */
enum kind { DELIVER, CONFCHG, TOTEM };
struct seen {
	enum kind kind;
	cpg_handle_t handle;
	struct cpg_name group;
	uint32_t node, pid;
	size_t length;
	uint32_t sum;
	size_t members, left, joined;
	struct cpg_address first_member, first_left, first_joined;
	int pointers, sorted;
	struct cpg_ring_id ring;
};
static struct seen seen[SEEN_MAX];
static size_t seen_count;
static void (*during)(cpg_handle_t h);   /* called inside every callback */

static struct seen *add(enum kind kind, cpg_handle_t h)
{
	struct seen *s = &seen[seen_count < SEEN_MAX - 1 ? seen_count++ : seen_count];
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->handle = h;
	return s;
}
static uint32_t sum_of(const void *data, size_t length)
{
	const unsigned char *p = data;
	uint32_t sum = 2166136261u;
	for (size_t i = 0; i < length; i++) sum = (sum ^ p[i]) * 16777619u;
	return sum;
}
static void on_deliver(cpg_handle_t h, const struct cpg_name *group, uint32_t from, uint32_t pid, void *msg, size_t length)
{
	struct seen *s = add(DELIVER, h);
	s->group = *group;
	s->node = from;
	s->pid = pid;
	s->length = length;
	s->sum = sum_of(msg, length);
	if (during) during(h);
}
static void on_confchg(cpg_handle_t h, const struct cpg_name *group, const struct cpg_address *m, size_t nm,
                       const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	struct seen *s = add(CONFCHG, h);
	s->group = *group;
	s->members = nm;
	s->left = nl;
	s->joined = nj;
	s->pointers = m != NULL && l != NULL && j != NULL;
	if (nm) s->first_member = m[0];
	if (nl) s->first_left = l[0];
	if (nj) s->first_joined = j[0];
	s->sorted = 1;
	for (size_t i = 1; i < nm; i++)
		if (m[i - 1].nodeid > m[i].nodeid || (m[i - 1].nodeid == m[i].nodeid && m[i - 1].pid >= m[i].pid)) s->sorted = 0;
	if (during) during(h);
}
static void on_totem(cpg_handle_t h, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes)
{
	struct seen *s = add(TOTEM, h);
	s->ring = ring;
	s->members = count;
	s->node = count ? nodes[0] : 0;
	if (during) during(h);
}
static cpg_callbacks_t callbacks = { on_deliver, on_confchg };

/* Dispatches until `count` more events of a kind have come for the handle; how many did. */
static size_t pump(cpg_handle_t h, enum kind kind, size_t from, size_t count, double seconds)
{
	size_t have = 0;
	for (double end = now_s() + seconds; now_s() < end;) {
		have = 0;
		for (size_t i = from; i < seen_count; i++) have += seen[i].kind == kind && seen[i].handle == h;
		if (have >= count) break;
		int fd;
		if (cpg_fd_get(h, &fd) != CS_OK) break;
		struct pollfd p = { fd, POLLIN, 0 };
		poll(&p, 1, 50);
		if (cpg_dispatch(h, CS_DISPATCH_ALL) != CS_OK) break;
	}
	return have;
}
static int readable(cpg_handle_t h, int timeout_ms)
{
	int fd;
	if (cpg_fd_get(h, &fd) != CS_OK) return -1;
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, timeout_ms) > 0 ? p.revents : 0;
}
static struct seen *last(enum kind kind, cpg_handle_t h)
{
	static struct seen nothing;
	for (size_t i = seen_count; i-- > 0;)
		if (seen[i].kind == kind && seen[i].handle == h) return &seen[i];
	return &nothing;
}

static struct cpg_name name_of(const char *text, size_t length)
{
	struct cpg_name name;
	memset(&name, 0, sizeof name);
	name.length = (uint32_t)length;
	memcpy(name.value, text, length < sizeof name.value ? length : sizeof name.value);
	return name;
}
static struct cpg_name text_name(const char *text) { return name_of(text, strlen(text)); }

/* Repeats what may pass by itself. */
#define RETRY(call) ({ \
	cs_error_t e_; \
	for (double end_ = now_s() + 5; (e_ = (call)) == CS_ERR_TRY_AGAIN && now_s() < end_;) usleep(2000); \
	e_; })

static cpg_handle_t open_handle(void)
{
	cpg_handle_t h = 0;
	cs_error_t e = RETRY(cpg_initialize(&h, &callbacks));
	if (e != CS_OK) {
		check(0, "a connection", "cpg_initialize: %s", cs_strerror(e));
		exit(1);
	}
	return h;
}
static cpg_handle_t open_joined(const char *group)
{
	cpg_handle_t h = open_handle();
	struct cpg_name name = text_name(group);
	size_t from = seen_count;
	cs_error_t e = RETRY(cpg_join(h, &name));
	if (e != CS_OK || pump(h, CONFCHG, from, 1, 5) < 1) {
		check(0, "a joined connection", "cpg_join(%s): %s", group, cs_strerror(e));
		exit(1);
	}
	return h;
}
static cs_error_t send_bytes(cpg_handle_t h, cpg_guarantee_t guarantee, const void *data, size_t length)
{
	struct iovec iov = { (void *)data, length };
	return RETRY(cpg_mcast_joined(h, guarantee, &iov, 1));
}
/* A message comes back to its sender, whole. */
static int comes_back(cpg_handle_t h, size_t from, const void *data, size_t length)
{
	if (pump(h, DELIVER, from, 1, 20) < 1) return 0;
	const struct seen *s = last(DELIVER, h);
	return s->length == length && s->sum == sum_of(data, length) && s->node == node && s->pid == (uint32_t)getpid();
}
static int open_fds(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d != NULL && readdir(d) != NULL) n++;
	if (d != NULL) closedir(d);
	return n;
}

static void initializing(void)
{
	cpg_handle_t h = 0;
	returns("initialize without callbacks", RETRY(cpg_initialize(&h, NULL)), CS_OK);
	returns("finalize", cpg_finalize(h), CS_OK);
	returns("finalize again", cpg_finalize(h), CS_ERR_BAD_HANDLE);
	int mark = 0;
	void *context = NULL;
	returns("model_initialize without model data", RETRY(cpg_model_initialize(&h, CPG_MODEL_V1, NULL, &mark)), CS_OK);
	returns("context_get", cpg_context_get(h, &context), CS_OK);
	check(context == &mark, "the context is the one of model_initialize", "%p", context);
	returns("context_set", cpg_context_set(h, &context), CS_OK);
	check(cpg_context_get(h, &context) == CS_OK && context == (void *)&context, "the context is the one that was set", "%p", context);
	cpg_finalize(h);
	h = open_handle();
	check(cpg_context_get(h, &context) == CS_OK && context == NULL, "the first context is NULL", "%p", context);
	cpg_finalize(h);

	cpg_model_v1_data_t model = { CPG_MODEL_V1, on_deliver, on_confchg, on_totem, 0 };
	returns("model 2", cpg_model_initialize(&h, (cpg_model_t)2, (cpg_model_data_t *)&model, NULL), CS_ERR_INVALID_PARAM);
	model.flags = 2;
	returns("an unknown flag", cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL), CS_ERR_INVALID_PARAM);
	if (motet) {
		returns("initialize with a NULL handle", cpg_initialize(NULL, &callbacks), CS_ERR_INVALID_PARAM);
		returns("model_initialize with a NULL handle", cpg_model_initialize(NULL, CPG_MODEL_V1, NULL, NULL), CS_ERR_INVALID_PARAM);
	}
}

static void local_answers(void)
{
	cpg_handle_t h = open_handle();
	int fd = -1, type = 0;
	returns("fd_get", cpg_fd_get(h, &fd), CS_OK);
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	check(getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX, "the descriptor is an AF_UNIX socket", "family %d", address.ss_family);
	size = sizeof type;
	check(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM, "the descriptor is a stream socket", "type %d", type);
	check((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "the descriptor is non-blocking and closes on exec", "%x %x", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	struct ucred peer = { -1, (uid_t)-1, (gid_t)-1 };
	size = sizeof peer;
	int asked = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	check(asked == 0 && peer.pid > 0 && peer.uid == geteuid(), "the peer is whoever runs the daemon (root in production)", "pid %d uid %u gid %u", peer.pid, peer.uid, peer.gid);
	check(!(readable(h, 0) & POLLIN), "the descriptor is not readable without events", "");
	uint32_t most = 0;
	returns("max_atomic_msgsize_get", cpg_max_atomic_msgsize_get(h, &most), CS_OK);
	check(most == ATOMIC_MAX, "the largest atomic message", "%u", most);
	cpg_flow_control_state_t flow = (cpg_flow_control_state_t)7;
	returns("flow_control_state_get", cpg_flow_control_state_get(h, &flow), CS_OK);
	check(flow == CPG_FLOW_CONTROL_DISABLED, "flow control is off in peace", "%d", flow);
	unsigned id = 0;
	returns("local_get", RETRY(cpg_local_get(h, &id)), CS_OK);
	check(id != 0, "the node has an id", "%u", id);
	node = id;
	returns("dispatch ALL without events", cpg_dispatch(h, CS_DISPATCH_ALL), CS_OK);
	returns("dispatch ONE_NONBLOCKING without events", cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
	if (motet) {
		returns("fd_get into NULL", cpg_fd_get(h, NULL), CS_ERR_INVALID_PARAM);
		returns("context_get into NULL", cpg_context_get(h, NULL), CS_ERR_INVALID_PARAM);
		returns("local_get into NULL", cpg_local_get(h, NULL), CS_ERR_INVALID_PARAM);
		returns("max_atomic_msgsize_get into NULL", cpg_max_atomic_msgsize_get(h, NULL), CS_ERR_INVALID_PARAM);
		returns("flow_control_state_get into NULL", cpg_flow_control_state_get(h, NULL), CS_ERR_INVALID_PARAM);
		returns("join of NULL", cpg_join(h, NULL), CS_ERR_INVALID_PARAM);
		returns("leave of NULL", cpg_leave(h, NULL), CS_ERR_INVALID_PARAM);
		returns("membership_get of NULL", cpg_membership_get(h, NULL, NULL, NULL), CS_ERR_INVALID_PARAM);
		returns("zcb_alloc into NULL", cpg_zcb_alloc(h, 10, NULL), CS_ERR_INVALID_PARAM);
		returns("mcast of NULL pieces", cpg_mcast_joined(h, CPG_TYPE_AGREED, NULL, 2), CS_ERR_INVALID_PARAM);
	}
	cpg_finalize(h);
}

static void bad_handles(void)
{
	cpg_handle_t old = open_handle();
	cpg_finalize(old);
	const cpg_handle_t handles[] = { 0, old, old + 1, 0xdeadbeefcafef00dull };
	const char *names[] = { "handle 0", "a finalized handle", "a handle never issued", "a random handle" };
	for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
		cpg_handle_t h = handles[i];
		int fd;
		void *pointer = NULL;
		struct cpg_name group = text_name("nobody");
		struct cpg_address members[CPG_MEMBERS_MAX];
		struct iovec iov = { "x", 1 };
		unsigned id;
		uint32_t size;
		cpg_flow_control_state_t flow;
		cpg_iteration_handle_t it = 0;
		struct cpg_iteration_description_t entry;
		const cs_error_t got[ALL_FUNCTIONS] = {
			cpg_finalize(h), cpg_fd_get(h, &fd), cpg_context_get(h, &pointer), cpg_context_set(h, NULL),
			cpg_dispatch(h, CS_DISPATCH_ALL), cpg_dispatch(h, CS_DISPATCH_ONE), cpg_join(h, &group), cpg_leave(h, &group),
			cpg_mcast_joined(h, CPG_TYPE_AGREED, &iov, 1), cpg_membership_get(h, &group, members, &fd), cpg_local_get(h, &id),
			cpg_max_atomic_msgsize_get(h, &size), cpg_flow_control_state_get(h, &flow), cpg_zcb_alloc(h, 10, &pointer),
			cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &it), cpg_iteration_next(h, &entry), cpg_iteration_finalize(h),
			motet ? cpg_zcb_free(h, &group) : CS_ERR_BAD_HANDLE };   /* Debian's looks at the buffer first */
		int wrong = -1;
		for (int f = 0; f < ALL_FUNCTIONS; f++)
			if (got[f] != CS_ERR_BAD_HANDLE) wrong = f;
		char title[100];
		snprintf(title, sizeof title, "%s is a bad handle to every function", names[i]);
		check(wrong < 0, title, "function %d returned %s", wrong, wrong < 0 ? "" : cs_strerror(got[wrong]));
	}
}

static void joining(void)
{
	cpg_handle_t h = open_handle(), other = open_handle();
	struct cpg_name group = text_name("join"), second = text_name("second");
	struct cpg_name nul = name_of("join", 5), longest = text_name("");
	memset(longest.value, 'n', sizeof longest.value);
	longest.length = 128;
	struct cpg_name too_long = longest;
	too_long.length = 129;
	returns("join with a name of 129 bytes", cpg_join(h, &too_long), CS_ERR_NAME_TOO_LONG);
	returns("leave without a join", RETRY(cpg_leave(h, &group)), CS_ERR_NOT_EXIST);

	size_t from = seen_count;
	returns("join", RETRY(cpg_join(h, &group)), CS_OK);
	returns("join of the same group by the same handle", RETRY(cpg_join(h, &group)), CS_ERR_EXIST);
	returns("join of another group by the same handle", RETRY(cpg_join(h, &second)), CS_ERR_EXIST);
	check(pump(h, CONFCHG, from, 1, 5) == 1, "the joiner gets one view", "%zu", seen_count - from);
	const struct seen *view = last(CONFCHG, h);
	check(view->members == 1 && view->joined == 1 && view->left == 0 && view->pointers, "the view has one member, who joined", "%zu %zu %zu %d", view->members, view->joined, view->left, view->pointers);
	check(view->first_joined.nodeid == node && view->first_joined.pid == (uint32_t)getpid() && view->first_joined.reason == CPG_REASON_JOIN, "the one who joined is this process, for JOIN", "%u %u %u", view->first_joined.nodeid, view->first_joined.pid, view->first_joined.reason);
	check(view->first_member.reason == CPG_REASON_UNDEFINED, "reasons of members are 0", "%u", view->first_member.reason);
	check(view->group.length == 4 && memcmp(view->group.value, "join", 4) == 0, "the view names the group", "%u", view->group.length);
	returns("join of the same group by another handle of this process", RETRY(cpg_join(other, &group)), CS_ERR_EXIST);
	returns("join of the name with a NUL counted, which is another group", RETRY(cpg_join(other, &nul)), CS_OK);
	from = 0;
	check(pump(other, CONFCHG, from, 1, 5) == 1 && last(CONFCHG, other)->group.length == 5, "its view has the NUL in the name", "%u", last(CONFCHG, other)->group.length);
	cpg_finalize(other);

	other = open_handle();
	from = seen_count;
	returns("join with a name of 128 bytes", RETRY(cpg_join(other, &longest)), CS_OK);
	check(pump(other, CONFCHG, from, 1, 5) == 1 && last(CONFCHG, other)->group.length == 128, "a name of 128 bytes comes back", "%u", last(CONFCHG, other)->group.length);
	if (motet) returns("leave with another group's name", RETRY(cpg_leave(other, &second)), CS_ERR_NOT_EXIST);   /* corosync: succeeds, and blocks the handle */
	returns("leave", RETRY(cpg_leave(other, &longest)), CS_OK);
	returns("leave again", RETRY(cpg_leave(other, &longest)), CS_ERR_NOT_EXIST);
	check(pump(other, CONFCHG, from, 2, 5) == 2, "the leaver gets its own leave", "");
	view = last(CONFCHG, other);
	check(view->members == 0 && view->left == 1 && view->joined == 0 && view->first_left.reason == CPG_REASON_LEAVE && view->pointers, "the leave has its reason", "%zu %zu %zu reason %u", view->members, view->left, view->joined, view->first_left.reason);
	cs_error_t again = RETRY(cpg_join(other, &longest));
	returns("join again after a leave", again, motet ? CS_OK : CS_ERR_EXIST);
	if (motet) {
		check(pump(other, CONFCHG, from, 3, 5) == 3 && last(CONFCHG, other)->joined == 1, "the second join has its view", "");
		returns("leave for the second time", RETRY(cpg_leave(other, &longest)), CS_OK);
		check(pump(other, CONFCHG, from, 4, 5) == 4, "its view too", "");
		returns("join of another group after the leave", RETRY(cpg_join(other, &second)), CS_OK);   /* corosync: spins for ever */
	}
	cpg_finalize(other);
	cpg_finalize(h);
}

static void sending(void)
{
	cpg_handle_t h = open_joined("send");
	static unsigned char data[3000000];
	for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 7 + i / 251);
	const size_t sizes[] = { 0, 1, 15, 16, 1400, 65536, 500000, ATOMIC_MAX };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t from = seen_count;
		char title[60];
		snprintf(title, sizeof title, "a message of %zu bytes comes back", sizes[i]);
		cs_error_t e = send_bytes(h, CPG_TYPE_AGREED, data, sizes[i]);
		check(e == CS_OK && comes_back(h, from, data, sizes[i]), title, "%s, %zu bytes", cs_strerror(e), last(DELIVER, h)->length);
	}
	size_t from = seen_count;
	struct iovec none = { NULL, 0 };
	check(RETRY(cpg_mcast_joined(h, CPG_TYPE_AGREED, &none, 0)) == CS_OK && comes_back(h, from, data, 0), "a message without pieces comes back empty", "");
	const size_t big[] = { ATOMIC_MAX + 1, sizeof data };
	for (size_t i = 0; i < 2; i++) {
		from = seen_count;
		char title[60];
		snprintf(title, sizeof title, "a message of %zu bytes is delivered once, whole", big[i]);
		cs_error_t e = send_bytes(h, CPG_TYPE_AGREED, data, big[i]);
		int back = comes_back(h, from, data, big[i]);
		cpg_dispatch(h, CS_DISPATCH_ALL);
		check(e == CS_OK && back && seen_count == from + 1, title, "%s, %zu bytes, %zu deliveries", cs_strerror(e), last(DELIVER, h)->length, seen_count - from);
	}
	struct iovec pieces[1025];
	for (size_t i = 0; i < 1025; i++) pieces[i] = (struct iovec){ data + i * 11, 11 };
	from = seen_count;
	check(RETRY(cpg_mcast_joined(h, CPG_TYPE_AGREED, pieces, 63)) == CS_OK && comes_back(h, from, data, 63 * 11), "63 pieces are put together", "%zu", last(DELIVER, h)->length);
	if (motet) {   /* corosync overruns an array beyond 63 */
		from = seen_count;
		check(RETRY(cpg_mcast_joined(h, CPG_TYPE_AGREED, pieces, 1024)) == CS_OK && comes_back(h, from, data, 1024 * 11), "1024 pieces are put together", "%zu", last(DELIVER, h)->length);
		returns("1025 pieces", cpg_mcast_joined(h, CPG_TYPE_AGREED, pieces, 1025), CS_ERR_INVALID_PARAM);
		struct iovec huge = { data, (size_t)17 << 20 };
		returns("a message beyond 16 MiB", cpg_mcast_joined(h, CPG_TYPE_AGREED, &huge, 1), CS_ERR_TOO_BIG);
		struct iovec lying[2] = { { data, SIZE_MAX }, { data, 10 } };
		returns("lengths whose sum overflows", cpg_mcast_joined(h, CPG_TYPE_AGREED, lying, 2), CS_ERR_TOO_BIG);
	}
	const int guarantees[] = { CPG_TYPE_UNORDERED, CPG_TYPE_FIFO, CPG_TYPE_AGREED, CPG_TYPE_SAFE, 99 };
	from = seen_count;
	int accepted = 0;
	for (size_t i = 0; i < 5; i++) accepted += send_bytes(h, (cpg_guarantee_t)guarantees[i], data + i, 5 + i) == CS_OK;
	pump(h, DELIVER, from, 5, 5);
	int ordered = seen_count == from + 5;
	for (size_t i = 0; ordered && i < 5; i++) ordered = seen[from + i].length == 5 + i;
	check(accepted == 5 && ordered, "every guarantee, SAFE and unknown ones too, is delivered in the order of sending", "%d accepted, %zu delivered", accepted, seen_count - from);

	from = seen_count;
	for (uint32_t i = 0; i < 2000; i++) {
		unsigned char small[8];
		memcpy(small, &i, 4);
		memcpy(small + 4, &i, 4);
		if (send_bytes(h, CPG_TYPE_AGREED, small, 1 + i % 8) != CS_OK) break;
	}
	check(pump(h, DELIVER, from, 2000, 20) == 2000, "two thousand messages in a row all come back", "%zu", seen_count - from);
	int in_order = 1;
	for (uint32_t i = 0; in_order && i < 2000; i++) in_order = seen[from + i].length == 1 + i % 8;
	check(in_order, "and in order", "");
	cpg_finalize(h);

	h = open_handle();
	from = seen_count;
	returns("a send by one who has not joined is accepted and dropped", send_bytes(h, CPG_TYPE_AGREED, "x", 1), CS_OK);
	usleep(50000);
	cpg_dispatch(h, CS_DISPATCH_ALL);
	check(seen_count == from, "and delivered to nobody", "%zu", seen_count - from);
	struct cpg_name group = text_name("early");
	returns("join for a send right behind it", RETRY(cpg_join(h, &group)), CS_OK);
	cs_error_t e = send_bytes(h, CPG_TYPE_AGREED, "early", 5);
	pump(h, DELIVER, from, 1, 5);
	check(e == CS_OK && seen_count == from + 2 && seen[from].kind == CONFCHG && seen[from + 1].kind == DELIVER, "a message sent before the own join is delivered comes right after it", "%s, %zu events", cs_strerror(e), seen_count - from);
	cpg_finalize(h);
}

static void zero_copy(void)
{
	cpg_handle_t h = open_handle();
	void *empty = NULL, *small = NULL, *large = NULL;
	returns("zcb_alloc of 0 bytes", RETRY(cpg_zcb_alloc(h, 0, &empty)), CS_OK);
	returns("zcb_alloc of 4 MiB", RETRY(cpg_zcb_alloc(h, 4 << 20, &large)), CS_OK);
	returns("zcb_alloc of 1000 bytes", RETRY(cpg_zcb_alloc(h, 1000, &small)), CS_OK);
	if (!small || !large) return;
	memset(small, 'a', 1000);
	memset(large, 'l', 4 << 20);
	returns("zcb_mcast_joined without a join", RETRY(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, small, 10)), CS_ERR_NOT_EXIST);
	struct cpg_name group = text_name("zcb");
	size_t from = seen_count;
	RETRY(cpg_join(h, &group));
	pump(h, CONFCHG, from, 1, 5);
	from = seen_count;
	returns("zcb_mcast_joined", RETRY(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, small, 1000)), CS_OK);
	char copy[1000];
	memset(copy, 'a', sizeof copy);
	memset(small, 'b', 1000);
	check(comes_back(h, from, copy, 1000), "the message is what it was when it was sent", "%zu", last(DELIVER, h)->length);
	from = seen_count;
	check(RETRY(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, small, 500)) == CS_OK && comes_back(h, from, small, 500), "the buffer can be sent again, in part", "%zu", last(DELIVER, h)->length);
	from = seen_count;
	check(RETRY(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, large, 1000000)) == CS_OK && comes_back(h, from, large, 1000000), "a million bytes at once", "%zu", last(DELIVER, h)->length);
	returns("more than 1 MiB", RETRY(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, large, (1 << 20) + 1)), CS_ERR_TOO_BIG);
	returns("zcb_free", RETRY(cpg_zcb_free(h, small)), CS_OK);
	if (motet) {
		returns("zcb_free again", cpg_zcb_free(h, small), CS_ERR_INVALID_PARAM);
		returns("zcb_mcast_joined of memory that is no such buffer", cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, copy, 10), CS_ERR_INVALID_PARAM);
		returns("zcb_mcast_joined beyond the end of a buffer", cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, empty, 10), CS_ERR_INVALID_PARAM);
	}
	returns("zcb_free of the empty one", RETRY(cpg_zcb_free(h, empty)), CS_OK);
	returns("zcb_free of the large one", RETRY(cpg_zcb_free(h, large)), CS_OK);
	cpg_finalize(h);
}

static void asking(void)
{
	cpg_handle_t a = open_joined("it-a"), b = open_joined("it-b"), h = open_handle();
	struct cpg_name group = text_name("it-a"), unknown = text_name("it-unknown");
	struct cpg_address members[CPG_MEMBERS_MAX];
	int entries = -1;
	memset(members, 0xff, sizeof members);
	returns("membership_get by one who has not joined", cpg_membership_get(h, &group, members, &entries), CS_OK);
	check(entries == 1 && members[0].nodeid == node && members[0].pid == (uint32_t)getpid() && members[0].reason == 0, "it lists the member", "%d entries", entries);
	entries = -1;
	returns("membership_get of a group that is not there", cpg_membership_get(h, &unknown, members, &entries), CS_OK);
	check(entries == 0, "it is empty", "%d", entries);

	cpg_iteration_handle_t it = 0;
	struct cpg_iteration_description_t d;
	returns("iteration of an unknown type", cpg_iteration_initialize(h, (cpg_iteration_type_t)9, NULL, &it), CS_ERR_INVALID_PARAM);
	returns("iteration of one group without a name", cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, NULL, &it), CS_ERR_INVALID_PARAM);
	returns("iteration of all with a name", cpg_iteration_initialize(h, CPG_ITERATION_ALL, &group, &it), CS_ERR_INVALID_PARAM);
	returns("iteration of names with a name", cpg_iteration_initialize(h, CPG_ITERATION_NAME_ONLY, &group, &it), CS_ERR_INVALID_PARAM);
	returns("iteration into NULL", cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, NULL), CS_ERR_INVALID_PARAM);
	struct cpg_name too_long = group;
	too_long.length = 129;
	returns("iteration of a name of 129 bytes", cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &too_long, &it), CS_ERR_NAME_TOO_LONG);

	const cpg_iteration_type_t types[] = { CPG_ITERATION_NAME_ONLY, CPG_ITERATION_ALL };
	for (size_t t = 0; t < 2; t++) {
		returns(t ? "iteration of all" : "iteration of names", cpg_iteration_initialize(h, types[t], NULL, &it), CS_OK);
		returns("next into NULL", cpg_iteration_next(it, NULL), CS_ERR_INVALID_PARAM);
		char order[8] = "";
		size_t known = 0;
		int fields = 1;
		cs_error_t e;
		while ((e = cpg_iteration_next(it, &d)) == CS_OK) {
			if (d.group.length != 4 || memcmp(d.group.value, "it-", 3) != 0) continue;
			if (known < sizeof order - 1) order[known++] = d.group.value[3];
			fields &= t ? d.nodeid == node && d.pid == (uint32_t)getpid() : d.nodeid == 0 && d.pid == 0;
		}
		returns("the end of an iteration", e, CS_ERR_NO_SECTIONS);
		check(strcmp(order, "ba") == 0, t ? "all: the newest group first" : "names: the newest group first", "%s", order);
		check(fields, t ? "all: node and pid of members" : "names: node and pid are 0", "");
		returns("after the end it starts over", cpg_iteration_next(it, &d), CS_OK);
		returns("iteration_finalize", cpg_iteration_finalize(it), CS_OK);
		returns("iteration_finalize again", cpg_iteration_finalize(it), CS_ERR_BAD_HANDLE);
	}
	returns("iteration of one group", cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &group, &it), CS_OK);
	check(cpg_iteration_next(it, &d) == CS_OK && d.nodeid == node && d.pid == (uint32_t)getpid() && memcmp(d.group.value, "it-a", 4) == 0, "it has the member", "%u %u", d.nodeid, d.pid);
	returns("and no other", cpg_iteration_next(it, &d), CS_ERR_NO_SECTIONS);
	cpg_iteration_finalize(it);
	cpg_finalize(h);
	cpg_finalize(b);
	cpg_finalize(a);
}

static int nested_left;
static size_t inner_before, inner_after;
static void dispatch_inside(cpg_handle_t h)
{
	if (nested_left-- != 1) return;
	inner_before = seen_count;
	cpg_dispatch(h, CS_DISPATCH_ONE);
	inner_after = seen_count;
}
static cs_error_t inside_result;
static void finalize_inside(cpg_handle_t h)
{
	during = NULL;
	inside_result = cpg_finalize(h);
}
static void call_all_inside(cpg_handle_t h)
{
	struct cpg_address members[CPG_MEMBERS_MAX];
	struct cpg_name group = text_name("inside");
	int entries = 0;
	unsigned id = 0;
	during = NULL;
	inside_result = cpg_local_get(h, &id) == CS_OK && cpg_membership_get(h, &group, members, &entries) == CS_OK && entries == 1 &&
	                send_bytes(h, CPG_TYPE_AGREED, "inside", 6) == CS_OK ? CS_OK : CS_ERR_LIBRARY;
}
static void count_calls(cpg_handle_t h) { (void)h; }

static void queue_three(cpg_handle_t h)
{
	for (int i = 0; i < 3; i++) send_bytes(h, CPG_TYPE_AGREED, "abc", 3);
	readable(h, 5000);
	usleep(100000);   /* the others are right behind the first */
}

static void dispatching(void)
{
	cpg_handle_t h = open_joined("dispatch");
	during = count_calls;
	queue_three(h);
	size_t from = seen_count;
	returns("dispatch ONE with events", cpg_dispatch(h, CS_DISPATCH_ONE), CS_OK);
	check(seen_count == from + 1, "ONE takes exactly one", "%zu", seen_count - from);
	check(readable(h, 2000) & POLLIN, "the descriptor stays readable while events are queued", "");
	returns("dispatch ONE_NONBLOCKING with events", cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING), CS_OK);
	check(seen_count == from + 2, "ONE_NONBLOCKING takes exactly one", "%zu", seen_count - from);
	check(readable(h, 2000) & POLLIN, "still readable", "");
	returns("dispatch ALL with events", cpg_dispatch(h, CS_DISPATCH_ALL), CS_OK);
	check(seen_count == from + 3, "ALL takes the rest", "%zu", seen_count - from);
	check(!(readable(h, 0) & POLLIN), "the descriptor is not readable when all are taken", "");
	queue_three(h);
	check((readable(h, 2000) & POLLIN) && (readable(h, 0) & POLLIN), "readability is a level, not an edge", "");

	from = seen_count;
	nested_left = 1;
	during = dispatch_inside;
	returns("dispatch with a dispatch in its callback", cpg_dispatch(h, CS_DISPATCH_ONE), CS_OK);
	during = NULL;
	check(inner_after == inner_before + 1 && seen_count == from + 2, "the inner one takes the following event", "%zu", seen_count - from);
	cpg_dispatch(h, CS_DISPATCH_ALL);
	cpg_finalize(h);

	h = open_joined("inside");
	send_bytes(h, CPG_TYPE_AGREED, "x", 1);
	inside_result = CS_ERR_LIBRARY;
	during = call_all_inside;
	from = seen_count;
	check(pump(h, DELIVER, from, 2, 5) == 2 && inside_result == CS_OK, "calls and sends inside a callback work", "%zu", seen_count - from);
	cpg_finalize(h);

	const int flags[] = { CS_DISPATCH_ALL, CS_DISPATCH_BLOCKING, 77 };
	const char *names[] = { "ALL", "BLOCKING", "an unknown flag, which acts as BLOCKING" };
	for (size_t i = 0; i < 3; i++) {
		h = open_joined("finalize");
		queue_three(h);
		from = seen_count;
		inside_result = CS_ERR_LIBRARY;
		during = finalize_inside;
		char title[100];
		snprintf(title, sizeof title, "finalize in a callback of %s", names[i]);
		returns(title, cpg_dispatch(h, (cs_dispatch_flags_t)flags[i]), CS_ERR_BAD_HANDLE);
		check(inside_result == CS_OK && seen_count == from + 1, "no callback follows it", "%s, %zu", cs_strerror(inside_result), seen_count - from);
		during = NULL;
	}

	cpg_model_v1_data_t silent = { CPG_MODEL_V1, NULL, NULL, NULL, 0 };
	RETRY(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&silent, NULL));
	struct cpg_name group = text_name("silent");
	RETRY(cpg_join(h, &group));
	from = seen_count;
	returns("ONE counts an event without a callback", cpg_dispatch(h, CS_DISPATCH_ONE), CS_OK);
	send_bytes(h, CPG_TYPE_AGREED, "x", 1);
	readable(h, 5000);
	returns("a message without a callback too", cpg_dispatch(h, CS_DISPATCH_ONE), CS_OK);
	check(seen_count == from, "nobody is called", "");
	cpg_finalize(h);
}

static void ring_changes(void)
{
	cpg_handle_t h = 0;
	cpg_model_v1_data_t model = { CPG_MODEL_V1, on_deliver, on_confchg, on_totem, CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF };
	RETRY(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL));
	struct cpg_name group = text_name("totem");
	size_t from = seen_count;
	RETRY(cpg_join(h, &group));
	pump(h, TOTEM, from, 1, 5);
	usleep(50000);
	cpg_dispatch(h, CS_DISPATCH_ALL);
	check(seen_count == from + 2 && seen[from].kind == CONFCHG && seen[from + 1].kind == TOTEM, "the initial ring comes once, after the own view", "%zu events", seen_count - from);
	const struct seen *s = last(TOTEM, h);
	check(s->members == 1 && s->node == node && s->ring.nodeid == node && s->ring.seq > 0, "the ring is this node's", "%zu members, %u.%llu", s->members, s->ring.nodeid, (unsigned long long)s->ring.seq);
	cpg_finalize(h);
	model.flags = 0;
	RETRY(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL));
	from = seen_count;
	RETRY(cpg_join(h, &group));
	pump(h, CONFCHG, from, 1, 5);
	usleep(50000);
	cpg_dispatch(h, CS_DISPATCH_ALL);
	check(seen_count == from + 1, "without the flag it does not come", "%zu events", seen_count - from);
	cpg_finalize(h);
}

/* How another process of this node goes, and with which reason. */
enum end { BY_LEAVE, BY_FINALIZE, BY_EXIT, BY_KILL };
static void other_process(cpg_handle_t h, enum end how, uint32_t reason, const char *title)
{
	int to_child[2], from_child[2];
	char byte;
	if (pipe(to_child) != 0 || pipe(from_child) != 0) return;
	fflush(stdout);
	size_t from = seen_count;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(30);
		cpg_handle_t own = open_joined("people");
		(void)!write(from_child[1], "j", 1);
		(void)!read(to_child[0], &byte, 1);
		struct cpg_name group = text_name("people");
		if (how == BY_LEAVE) RETRY(cpg_leave(own, &group)), pause();
		if (how == BY_FINALIZE) cpg_finalize(own), pause();
		if (how == BY_KILL) kill(getpid(), SIGKILL);
		_exit(0);
	}
	check(pump(h, CONFCHG, from, 1, 10) == 1, "another process' join is seen", "");
	const struct seen *view = last(CONFCHG, h);
	check(view->members == 2 && view->joined == 1 && view->first_joined.pid == (uint32_t)pid && view->first_joined.reason == CPG_REASON_JOIN && view->sorted, "it is the one that joined, and members are sorted", "%zu members", view->members);
	(void)!read(from_child[0], &byte, 1);
	(void)!write(to_child[1], "g", 1);
	int seen_left = pump(h, CONFCHG, from, 2, 10) == 2;
	view = last(CONFCHG, h);
	check(seen_left && view->members == 1 && view->left == 1 && view->first_left.pid == (uint32_t)pid && view->first_left.reason == reason, title, "%d, %zu left, reason %u", seen_left, view->left, view->first_left.reason);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) close(to_child[i]), close(from_child[i]);
}

static void processes(void)
{
	cpg_handle_t h = open_joined("people");
	other_process(h, BY_LEAVE, CPG_REASON_LEAVE, "one that leaves goes with LEAVE");
	other_process(h, BY_FINALIZE, CPG_REASON_PROCDOWN, "one that finalizes goes with PROCDOWN");
	other_process(h, BY_EXIT, CPG_REASON_PROCDOWN, "one that exits goes with PROCDOWN");
	other_process(h, BY_KILL, CPG_REASON_PROCDOWN, "one that is killed goes with PROCDOWN");
	cpg_finalize(h);

	/* A child that joins on the handle it inherited is a member under its own pid. */
	cpg_handle_t watcher = open_joined("child");
	cpg_handle_t inherited = open_handle();
	size_t from = seen_count;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(20);
		struct cpg_name group = text_name("child");
		_exit(RETRY(cpg_join(inherited, &group)) == CS_OK ? 0 : 1);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	check(status == 0, "a forked child joins on an inherited handle", "status %d", status);
	check(pump(watcher, CONFCHG, from, 1, 5) == 1 && last(CONFCHG, watcher)->first_joined.pid == (uint32_t)pid, "under its own pid", "%u", last(CONFCHG, watcher)->first_joined.pid);
	cpg_finalize(inherited);
	check(pump(watcher, CONFCHG, from, 2, 5) == 2 && last(CONFCHG, watcher)->left == 1, "and goes with the connection", "%zu", last(CONFCHG, watcher)->left);
	cpg_finalize(watcher);
}

static void handles(void)
{
	cpg_handle_t a = open_joined("two-a"), b = open_joined("two-b");
	check(a != b, "two handles differ", "");
	size_t from = seen_count;
	send_bytes(a, CPG_TYPE_AGREED, "to a", 4);
	pump(a, DELIVER, from, 1, 5);
	cpg_dispatch(b, CS_DISPATCH_ALL);
	size_t to_b = 0;
	for (size_t i = from; i < seen_count; i++) to_b += seen[i].handle == b;
	check(to_b == 0, "what one group is sent does not reach the other handle", "%zu", to_b);
	cpg_finalize(a);
	cpg_finalize(b);

	/* Once round, so that everything that is kept for ever is there. */
	cpg_finalize(open_joined("cycle"));
	int before = open_fds(), same = 0, wrong = 0;
	cpg_handle_t previous = 0;
	for (int i = 0; i < 200; i++) {
		cpg_handle_t h = open_handle();
		same += h == previous;
		previous = h;
		wrong += cpg_finalize(h) != CS_OK;
	}
	check(same == 0 && wrong == 0, "two hundred handles in a row are all different", "%d the same, %d not finalized", same, wrong);
	check(open_fds() == before, "finalize gives back its descriptors", "%d before, %d after", before, open_fds());
	int fd = -1;
	returns("the last of them is a bad handle", cpg_fd_get(previous, &fd), CS_ERR_BAD_HANDLE);
	cpg_handle_t many[50];
	int opened = 0;
	for (int i = 0; i < 50; i++) opened += (many[i] = open_handle()) != 0;
	check(opened == 50, "fifty handles at once", "%d", opened);
	for (int i = 0; i < 50; i++) cpg_finalize(many[i]);
	check(open_fds() == before, "and their descriptors are given back", "%d before, %d after", before, open_fds());
}

int main(int argc, char **argv)
{
	motet = argc == 3 && !strcmp(argv[1], "--engine") && !strcmp(argv[2], "motet");
	if (argc != 3 || (!motet && strcmp(argv[2], "corosync") != 0)) {
		fprintf(stderr, "usage: cpg_api --engine motet|corosync\n");
		return 2;
	}
	signal(SIGALRM, on_alarm);
	alarm(90);
	initializing();
	local_answers();
	bad_handles();
	joining();
	sending();
	zero_copy();
	asking();
	dispatching();
	ring_changes();
	processes();
	handles();
	return failures != 0;
}
