/*
 * silent - a member that is delivered messages and does not take them, for tests of what becomes of it and of the others.
 *
 *   silent --group NAME [--seconds S] [--take N]
 *
 * Joins, prints "joined NODE PID" and takes N events a second (0: none after its own join). Prints "cut off after S s" and
 * exits with 0 when the daemon ends the connection, with 4 if that does not happen in time.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

static int self_joined;

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *data, size_t len)
{
	(void)h, (void)g, (void)node, (void)pid, (void)data, (void)len;
}

static void on_view(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
                    const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h, (void)g, (void)l, (void)nl, (void)j, (void)nj;
	for (size_t i = 0; i < nm; i++) self_joined |= m[i].pid == (uint32_t)getpid();
}

int main(int argc, char **argv)
{
	double seconds = 30, take = 0;
	const char *name = "silent";
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--group")) name = argv[i + 1];
		else if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--take")) take = atof(argv[i + 1]);
	}
	cpg_callbacks_t callbacks = { on_deliver, on_view };
	cpg_handle_t h;
	struct cpg_name group = { 0 };
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "%s", name);
	cs_error_t e = CS_ERR_TRY_AGAIN;
	for (double end = now_s() + 30; now_s() < end && (e = cpg_initialize(&h, &callbacks)) != CS_OK;) usleep(10000);
	if (e != CS_OK) return fprintf(stderr, "initialize: %d\n", e), 1;
	for (double end = now_s() + 30; now_s() < end && (e = cpg_join(h, &group)) == CS_ERR_TRY_AGAIN;) usleep(10000);
	int fd;
	unsigned self = 0;
	if (e != CS_OK || cpg_fd_get(h, &fd) != CS_OK || cpg_local_get(h, &self) != CS_OK) return fprintf(stderr, "join: %d\n", e), 1;
	while (!self_joined && (e = cpg_dispatch(h, CS_DISPATCH_ONE)) == CS_OK) {}
	printf("joined %u %d\n", self, (int)getpid());
	fflush(stdout);

	double start = now_s(), due = start;
	while (now_s() < start + seconds) {
		/* POLLIN is left standing, so only the end of the connection may end the wait. */
		struct pollfd p = { fd, 0, 0 };
		if (poll(&p, 1, take > 0 ? 1 : 100) > 0 && (p.revents & (POLLHUP | POLLERR))) {
			printf("cut off after %.1f s\n", now_s() - start);
			return 0;
		}
		for (; take > 0 && due < now_s(); due += 1 / take) {
			e = cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING);
			if (e != CS_OK && e != CS_ERR_TRY_AGAIN) {
				printf("cut off after %.1f s\n", now_s() - start);
				return 0;
			}
		}
	}
	printf("still connected\n");
	return 4;
}
