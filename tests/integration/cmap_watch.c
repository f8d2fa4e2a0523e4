/*
 * cmap_watch - many clients follow one key while it changes: every watcher must be told of every change, in order, none twice.
 *
 *   cmap_watch WATCHERS CHANGES [SLOW [MILLISECONDS]]
 *
 * One process: a thread per 25 watchers, each with a connection of its own; the main thread writes the numbers 1 to CHANGES.
 * SLOW further connections track the key and never read; they may be cut off, and nobody else may notice. Prints one line of
 * figures and exits 0 if all is well.
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cmap.h>

#define KEY "watch.number"
#define PER_THREAD 25
#define IDLE_LIMIT_MS 30000

struct watcher {
	cmap_handle_t handle;
	int fd;
	uint32_t seen, faults;
	char what[160];
};
static struct watcher *watchers;
static unsigned n_watchers, n_changes;

static void die(const char *what, cs_error_t error)
{
	fprintf(stderr, "cmap_watch: %s: %s\n", what, cs_strerror(error));
	exit(1);
}
static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_change(cmap_handle_t handle, cmap_track_handle_t track, int32_t event, const char *key, struct cmap_notify_value new_value,
		      struct cmap_notify_value old_value, void *data)
{
	(void)handle, (void)track, (void)key;
	struct watcher *w = data;
	uint32_t fresh = new_value.type == CMAP_VALUETYPE_UINT32 ? *(const uint32_t *)new_value.data : 0;
	uint32_t old = old_value.type == CMAP_VALUETYPE_UINT32 ? *(const uint32_t *)old_value.data : 0;
	if (fresh != w->seen + 1 || old != w->seen || event != CMAP_TRACK_MODIFY) {
		if (w->faults++ == 0)
			snprintf(w->what, sizeof w->what, "after %u: event %d, %u, before it %u", w->seen, event, fresh, old);
	}
	w->seen = fresh;
}

static void *watch(void *first)
{
	struct watcher *w = first;
	unsigned n = (unsigned)(watchers + n_watchers - w);
	if (n > PER_THREAD)
		n = PER_THREAD;
	for (;;) {
		struct pollfd fds[PER_THREAD];
		unsigned open = 0;
		struct watcher *of[PER_THREAD];
		for (unsigned i = 0; i < n; i++)
			if (w[i].seen < n_changes && w[i].faults == 0) {
				of[open] = &w[i];
				fds[open++] = (struct pollfd){w[i].fd, POLLIN, 0};
			}
		if (open == 0)
			return NULL;
		if (poll(fds, open, IDLE_LIMIT_MS) <= 0) {
			of[0]->faults++;
			snprintf(of[0]->what, sizeof of[0]->what, "nothing for 30 s after %u", of[0]->seen);
			return NULL;
		}
		for (unsigned i = 0; i < open; i++) {
			if (fds[i].revents == 0)
				continue;
			cs_error_t error = cmap_dispatch(of[i]->handle, CS_DISPATCH_ALL);
			if (error != CS_OK) {
				of[i]->faults++;
				snprintf(of[i]->what, sizeof of[i]->what, "dispatch after %u: %s", of[i]->seen, cs_strerror(error));
			}
		}
	}
}

static cmap_handle_t follow(struct watcher *w)
{
	cmap_handle_t handle;
	cmap_track_handle_t track;
	cs_error_t error = CS_ERR_TRY_AGAIN;
	for (int i = 0; i < 100 && error == CS_ERR_TRY_AGAIN; i++) {
		if (i > 0)
			usleep(50000);
		error = cmap_initialize(&handle);
	}
	if (error != CS_OK)
		die("initialize", error);
	if ((error = cmap_track_add(handle, KEY, CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE, on_change, w, &track)) != CS_OK)
		die("track", error);
	return handle;
}

int main(int argc, char **argv)
{
	unsigned slow = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	unsigned spread_ms = argc > 4 ? (unsigned)atoi(argv[4]) : 0;	/* the changes take so long at least */
	cmap_handle_t writer, reader;
	unsigned stale = 0;
	cs_error_t error;
	if (argc < 3 || (n_watchers = (unsigned)atoi(argv[1])) == 0 || (n_changes = (unsigned)atoi(argv[2])) == 0) {
		fprintf(stderr, "usage: cmap_watch WATCHERS CHANGES [SLOW]\n");
		return 2;
	}
	if ((error = cmap_initialize(&writer)) != CS_OK)
		die("initialize", error);
	if ((error = cmap_initialize(&reader)) != CS_OK)
		die("initialize", error);
	if ((error = cmap_set_uint32(writer, KEY, 0)) != CS_OK)
		die("set", error);
	watchers = calloc(n_watchers, sizeof *watchers);
	for (unsigned i = 0; i < n_watchers; i++) {
		watchers[i].handle = follow(&watchers[i]);
		cmap_fd_get(watchers[i].handle, &watchers[i].fd);
	}
	struct watcher *lazy = calloc(slow + 1, sizeof *lazy);
	for (unsigned i = 0; i < slow; i++)
		lazy[i].handle = follow(&lazy[i]);

	unsigned n_threads = (n_watchers + PER_THREAD - 1) / PER_THREAD;
	pthread_t *threads = calloc(n_threads, sizeof *threads);
	for (unsigned i = 0; i < n_threads; i++)
		pthread_create(&threads[i], NULL, watch, &watchers[i * PER_THREAD]);

	double start = now_s();
	for (uint32_t i = 1; i <= n_changes; i++) {
		while (spread_ms != 0 && (now_s() - start) * 1000 < (double)spread_ms * i / n_changes)
			usleep(500);
		if ((error = cmap_set_uint32(writer, KEY, i)) != CS_OK) {
			fprintf(stderr, "cmap_watch: set %u: %s\n", i, cs_strerror(error));
			return 1;
		}
		/* Another connection that may have kept what it read before: twice, the second answer is a kept one. */
		for (int twice = 0; twice < 2; twice++) {
			uint32_t read_back = 0;
			if ((error = cmap_get_uint32(reader, KEY, &read_back)) != CS_OK || read_back != i) {
				if (stale++ == 0)
					fprintf(stderr, "cmap_watch: read %u after %u was set: %s\n", read_back, i, cs_strerror(error));
			}
		}
	}
	double written = now_s();
	for (unsigned i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	double end = now_s();

	unsigned bad = 0;
	for (unsigned i = 0; i < n_watchers; i++)
		if (watchers[i].faults != 0 || watchers[i].seen != n_changes) {
			if (bad++ < 5)
				fprintf(stderr, "watcher %u: %u faults, last %u; %s\n", i, watchers[i].faults, watchers[i].seen, watchers[i].what);
		}
	cmap_delete(writer, KEY);
	printf("watchers %u changes %u slow %u bad %u stale %u written_s %.3f all_told_s %.3f\n", n_watchers, n_changes, slow, bad, stale, written - start, end - start);
	return bad != 0 || stale != 0;
}
