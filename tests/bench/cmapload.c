/*
 * cmapload - how fast a map is read, written, walked and followed. Runs against Motet and against corosync.
 *
 *   cmapload get|set|iterate|track SECONDS [CLIENTS [RATE]]
 *
 * get, set: calls per second of CLIENTS processes (default 1), each on keys of its own, and how long a call takes. iterate: keys
 * per second of walks over all keys, values not fetched. track: notices per second of one writer and CLIENTS watchers of its key,
 * and how long it takes from the call of set to the callback; RATE: so many sets per second instead of as many as there can be. One
 * line of JSON.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cmap.h>

#define KEYS 200
#define CLIENTS_MAX 64
#define SAMPLES_MAX 200000

struct shared {
	volatile int go;
	struct {
		uint64_t calls, failed;
		double seconds;
		uint32_t samples;
		float us[SAMPLES_MAX];
	} of[CLIENTS_MAX];
};
static struct shared *shared;
static double limit_s;

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}
static cmap_handle_t connect_or_die(void)
{
	cmap_handle_t h;
	cs_error_t error = CS_ERR_TRY_AGAIN;
	for (int i = 0; i < 50 && error != CS_OK; i++) {
		if (i)
			usleep(100000);
		error = cmap_initialize(&h);
	}
	if (error != CS_OK) {
		fprintf(stderr, "cmapload: initialize: %s\n", cs_strerror(error));
		exit(1);
	}
	return h;
}
static void sample(int me, double from)
{
	uint32_t n = shared->of[me].samples;
	if (n < SAMPLES_MAX)
		shared->of[me].us[n] = (float)((now_s() - from) * 1e6), shared->of[me].samples = n + 1;
}

static void calls(int me, int setting)
{
	cmap_handle_t h = connect_or_die();
	char key[KEYS][32];
	for (int i = 0; i < KEYS; i++) {
		snprintf(key[i], sizeof key[i], "bench.%d.key%d", me, i);
		cmap_set_uint32(h, key[i], 0);
	}
	while (!shared->go)
		usleep(1000);
	double start = now_s(), now = start;
	uint64_t n = 0, failed = 0;
	for (; now - start < limit_s; n++) {
		double before = now;
		uint32_t value;
		cs_error_t error = setting ? cmap_set_uint32(h, key[n % KEYS], (uint32_t)n + 1) : cmap_get_uint32(h, key[n % KEYS], &value);
		failed += error != CS_OK;
		sample(me, before);
		now = now_s();
	}
	shared->of[me].calls = n;
	shared->of[me].failed = failed;
	shared->of[me].seconds = now - start;
	for (int i = 0; i < KEYS; i++)
		cmap_delete(h, key[i]);
	cmap_finalize(h);
}

static void iterate(int me)
{
	cmap_handle_t h = connect_or_die();
	while (!shared->go)
		usleep(1000);
	double start = now_s();
	uint64_t n = 0;
	while (now_s() - start < limit_s) {
		cmap_iter_handle_t it;
		char key[CMAP_KEYNAME_MAXLEN + 1];
		double before = now_s();
		if (cmap_iter_init(h, NULL, &it) != CS_OK)
			exit(1);
		while (cmap_iter_next(h, it, key, NULL, NULL) == CS_OK)
			n++;
		cmap_iter_finalize(h, it);
		sample(me, before);
	}
	shared->of[me].calls = n;
	shared->of[me].seconds = now_s() - start;
	cmap_finalize(h);
}

static int watcher;
static volatile int stop;
static void on_change(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value fresh, struct cmap_notify_value old,
		      void *data)
{
	(void)h, (void)t, (void)event, (void)key, (void)old, (void)data;
	if (fresh.type != CMAP_VALUETYPE_DOUBLE)
		return;
	double sent;
	memcpy(&sent, fresh.data, sizeof sent);
	if (sent == 0)
		stop = 1;
	else
		shared->of[watcher].calls++, sample(watcher, sent);
}
static void watch(int me)
{
	cmap_handle_t h = connect_or_die();
	cmap_track_handle_t t;
	int fd;
	watcher = me;
	cmap_track_add(h, "bench.track", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY, on_change, NULL, &t);
	cmap_fd_get(h, &fd);
	double start = now_s();
	shared->of[me].failed = 1;	/* ready */
	while (!stop) {
		struct pollfd p = {fd, POLLIN, 0};
		if (poll(&p, 1, 5000) <= 0 || cmap_dispatch(h, CS_DISPATCH_ALL) != CS_OK)
			break;
	}
	shared->of[me].seconds = now_s() - start;
	shared->of[me].failed = 0;
	cmap_finalize(h);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	int clients = argc > 3 ? atoi(argv[3]) : 1;
	double rate_wanted = argc > 4 ? atof(argv[4]) : 0;
	if (argc < 3 || clients < 1 || clients > CLIENTS_MAX || (limit_s = atof(argv[2])) <= 0)
		return fprintf(stderr, "usage: cmapload get|set|iterate|track SECONDS [CLIENTS [RATE]]\n"), 2;
	const char *what = argv[1];
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < clients; i++)
		if (fork() == 0) {
			if (!strcmp(what, "iterate"))
				iterate(i);
			else if (!strcmp(what, "track"))
				watch(i);
			else
				calls(i, !strcmp(what, "set"));
			_exit(0);
		}
	uint64_t sets = 0;
	double set_s = 0;
	if (!strcmp(what, "track")) {
		cmap_handle_t h = connect_or_die();
		for (int i = 0; i < clients; i++)
			for (int tries = 0; !shared->of[i].failed && tries < 5000; tries++)
				usleep(1000);
		double start = now_s();
		for (; now_s() - start < limit_s; sets++) {
			double wait = rate_wanted > 0 ? start + sets / rate_wanted - now_s() : 0;
			if (wait > 0)
				usleep((useconds_t)(wait * 1e6));
			cmap_set_double(h, "bench.track", now_s());
		}
		set_s = now_s() - start;
		cmap_set_double(h, "bench.track", 0);
		while (wait(NULL) > 0)
			;
		cmap_delete(h, "bench.track");
		cmap_finalize(h);
	} else {
		usleep(300000);
		shared->go = 1;
		while (wait(NULL) > 0)
			;
	}
	uint64_t all = 0, failed = 0;
	double rate = 0;
	uint32_t n = 0;
	float *us = malloc(sizeof(float) * SAMPLES_MAX * (size_t)clients);
	for (int i = 0; i < clients; i++) {
		all += shared->of[i].calls;
		failed += shared->of[i].failed;
		rate += shared->of[i].calls / (shared->of[i].seconds > 0 ? shared->of[i].seconds : 1);
		memcpy(us + n, shared->of[i].us, shared->of[i].samples * sizeof *us);
		n += shared->of[i].samples;
	}
	qsort(us, n, sizeof *us, by_value);
	if (!strcmp(what, "track"))
		rate = all / set_s;
	printf("{\"what\":\"%s\",\"clients\":%d,\"per_second\":%.0f,\"failed\":%llu,\"us_p50\":%.1f,\"us_p99\":%.1f,\"us_max\":%.1f,\"sets\":%llu}\n", what, clients,
	       rate, (unsigned long long)failed, n ? us[n / 2] : 0, n ? us[n - 1 - n / 100] : 0, n ? us[n - 1] : 0, (unsigned long long)sets);
	return failed != 0;
}
