/*
 * ordercheck - a member that sends numbered messages and writes down everything it is delivered, for tests that compare
 * what several nodes saw.
 *
 *   ordercheck --log FILE --seconds S [--rate MSGS_PER_S] [--group NAME] [--big-every N] [--safe-every N] [--linger S]
 *
 * The log is a sequence of 16-byte records, native order: kind, nodeid, pid, number.
 *   kind 1 delivery: number is the sender's counter; 2 delivery with damaged content; 3 own send accepted;
 *   kind 4 member left (number: reason); 5 member joined (number: reason); 6 view complete (number: members);
 *   kind 7 nothing was delivered for longer than 2 ms while it was sending (number: microseconds; nodeid: when it ended, in units of
 *   100 microseconds of CLOCK_MONOTONIC, which the pid's field continues above 32 bits).
 * SIGUSR1 ends sending, SIGTERM the program.
 * Reconnects are not tried: if the daemon goes away it exits with status 3.
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define BIG_MAX 300000

static FILE *log_file;
static unsigned char message[BIG_MAX];
static volatile sig_atomic_t stopping, quiet;
static double delivered_at;

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void note(uint32_t kind, uint32_t node, uint32_t pid, uint32_t number)
{
	uint32_t record[4] = { kind, node, pid, number };
	fwrite(record, sizeof record, 1, log_file);
}

static size_t fill(uint32_t number, unsigned big_every)
{
	size_t len = 16 + (number * 2654435761u >> 20) % 1500;
	if (big_every && number % big_every == big_every - 1) len = 20000 + number * 7919u % (BIG_MAX - 20000);
	memcpy(message, &number, 4);
	uint32_t l = (uint32_t)len;
	memcpy(message + 4, &l, 4);
	for (size_t i = 8; i < len; i++) message[i] = (unsigned char)(number + i * 13);
	return len;
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *data, size_t len)
{
	(void)h, (void)g;
	const unsigned char *p = data;
	uint32_t number = 0, l = 0;
	if (len >= 8) memcpy(&number, p, 4), memcpy(&l, p + 4, 4);
	int bad = l != len;
	for (size_t i = 8; i < len && !bad; i++) bad = p[i] != (unsigned char)(number + i * 13);
	double now = now_s();
	if (!quiet && delivered_at != 0 && now - delivered_at > 0.002) {
		uint64_t at = (uint64_t)(now * 1e4);
		note(7, (uint32_t)at, (uint32_t)(at >> 32), (uint32_t)((now - delivered_at) * 1e6));
	}
	delivered_at = now;
	note(bad ? 2 : 1, node, pid, number);
}

static void on_view(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
                    const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h, (void)g, (void)m;
	for (size_t i = 0; i < nl; i++) note(4, l[i].nodeid, l[i].pid, l[i].reason);
	for (size_t i = 0; i < nj; i++) note(5, j[i].nodeid, j[i].pid, j[i].reason);
	note(6, 0, 0, (uint32_t)nm);
}

static void on_term(int sig) { (void)sig; stopping = 1; }
static void on_quiet(int sig) { (void)sig; quiet = 1; }

int main(int argc, char **argv)
{
	double seconds = 10, rate = 500, linger = 2;
	unsigned big_every = 0, safe_every = 0;
	const char *path = NULL, *name = "ordercheck";
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--log")) path = argv[i + 1];
		else if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--rate")) rate = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--group")) name = argv[i + 1];
		else if (!strcmp(argv[i], "--big-every")) big_every = (unsigned)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--safe-every")) safe_every = (unsigned)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--linger")) linger = atof(argv[i + 1]);
	}
	if (path == NULL || (log_file = fopen(path, "wb")) == NULL) return 2;
	signal(SIGTERM, on_term);
	signal(SIGUSR1, on_quiet);
	cpg_callbacks_t callbacks = { on_deliver, on_view };
	cpg_handle_t h;
	struct cpg_name group = { 0 };
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "%s", name);
	cs_error_t e = CS_ERR_TRY_AGAIN;
	for (double end = now_s() + 30; now_s() < end && (e = cpg_initialize(&h, &callbacks)) != CS_OK;) usleep(10000);
	if (e != CS_OK) return fprintf(stderr, "initialize: %d\n", e), 1;
	for (double end = now_s() + 30; now_s() < end && (e = cpg_join(h, &group)) == CS_ERR_TRY_AGAIN;) usleep(10000);
	int fd;
	unsigned self;
	if (e != CS_OK || cpg_fd_get(h, &fd) != CS_OK) return fprintf(stderr, "join: %d\n", e), 1;
	while ((e = cpg_local_get(h, &self)) == CS_ERR_TRY_AGAIN) usleep(1000);
	printf("joined %u %d\n", self, (int)getpid());
	fflush(stdout);

	uint32_t number = 0;
	double due = now_s(), end = due + seconds;
	while (now_s() < end + linger && !stopping) {
		double now = now_s();
		if (quiet && end > now) end = now;
		if (now < end && now >= due) {
			struct iovec iov = { message, fill(number, big_every) };
			e = cpg_mcast_joined(h, safe_every && number % safe_every == 0 ? CPG_TYPE_SAFE : CPG_TYPE_AGREED, &iov, 1);
			if (e == CS_OK) note(3, self, (uint32_t)getpid(), number++), due += 1 / rate;
			else if (e != CS_ERR_TRY_AGAIN) return fprintf(stderr, "mcast of number %u: %d\n", number, e), fclose(log_file), 3;
			else due = now + 0.002;
		}
		struct pollfd p = { fd, POLLIN, 0 };
		int wait_ms = now < end ? (due > now ? (int)((due - now) * 1000) : 0) : 20;
		if (poll(&p, 1, wait_ms) > 0 && (e = cpg_dispatch(h, CS_DISPATCH_ALL)) != CS_OK && e != CS_ERR_TRY_AGAIN)
			return fprintf(stderr, "dispatch: %d, events of the socket %#x\n", e, (unsigned)p.revents), fclose(log_file), 3;
	}
	fclose(log_file);
	printf("sent %u\n", number);
	return 0;
}
