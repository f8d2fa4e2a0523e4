/* An application under SAM that does what its first argument says; what happens is written, one line each, to the file of
 * the second. Uses nothing but the public interface, so that the same source (or the same binary) runs on any libsam.so.4.
 * Usage: sam_app SCENARIO TRACE [INTERVAL_MS] */
#define _GNU_SOURCE
#include <corosync/sam.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int trace_fd = -1;
static unsigned instance;
static int interval_ms = 200;
static pid_t original;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
	char line[512];
	int n = snprintf(line, sizeof line, "%u ", instance);
	va_list args;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
	va_end(args);
	line[n++] = '\n';
	if (write(trace_fd, line, (size_t)n) != n) _exit(90);
}
/* The numbers of cs_error_t, so that no second library is needed. */
#define TRY(call) say("%s = %d", #call, (int)(call))
#define MUST(call) do { int result = (int)(call); if (result != CS_OK) { say("%s = %d", #call, result); _exit(91); } } while (0)

static void pause_ms(int ms) {
	struct timespec left = {ms / 1000, (ms % 1000) * 1000000L};
	while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}
static void on_warning(int sig) {
	char line[] = "? warned by signal 00\n";
	line[0] = (char)('0' + instance % 10);
	line[19] = (char)('0' + sig / 10);
	line[20] = (char)('0' + sig % 10);
	if (write(trace_fd, line, sizeof line - 1) < 0) _exit(90);
}
static void listen_to(int sig, void (*handler)(int)) {
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	sigaction(sig, &action, NULL);
}
static void begin(int interval, int policy) {
	MUST(sam_initialize(interval, (sam_recovery_policy_t)policy));
	MUST(sam_register(&instance));
	say("instance, parent is %s", getppid() == original ? "the original process" : "another process");
}
static void beat_for(int ms) {
	for (int passed = 0; passed < ms; passed += interval_ms / 4) {
		MUST(sam_hc_send());
		pause_ms(interval_ms / 4);
	}
}
static void leave(int code) {
	MUST(sam_stop());
	say("leaves with %d", code);
	exit(code);
}
static void at_exit_of_parent(void) {
	if (getpid() == original) say("atexit handler runs in the original process");
}
static int rounds;
static int healthy_twice(void) {
	say("asked for health");
	return ++rounds > 2;
}
static int healthy(void) {
	++rounds;
	return 0;
}

/* Every call in every state it is and is not allowed in. */
static void calls(void) {
	char data[16] = "abcdefgh", back[16] = "";
	size_t size = 77;
	TRY(sam_register(NULL));
	TRY(sam_start());
	TRY(sam_stop());
	TRY(sam_hc_send());
	TRY(sam_hc_callback_register(healthy));
	TRY(sam_finalize());
	TRY(sam_mark_failed());
	TRY(sam_warn_signal_set(SIGUSR1));
	TRY(sam_data_store(data, 8));
	TRY(sam_data_getsize(NULL));
	TRY(sam_data_getsize(&size));
	TRY(sam_data_restore(NULL, 16));
	TRY(sam_data_restore(back, 16));
	TRY(sam_initialize(100, (sam_recovery_policy_t)0));
	TRY(sam_initialize(100, (sam_recovery_policy_t)3));
	TRY(sam_initialize(100, (sam_recovery_policy_t)4));
	TRY(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	TRY(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	TRY(sam_initialize(0, (sam_recovery_policy_t)0));
	TRY(sam_start());
	TRY(sam_stop());
	TRY(sam_hc_send());
	TRY(sam_hc_callback_register(healthy));
	TRY(sam_mark_failed());
	TRY(sam_data_getsize(&size));
	say("size %zu", size);
	TRY(sam_data_restore(back, 0));
	TRY(sam_data_restore(back, 16));
	TRY(sam_data_store(NULL, 8));
	TRY(sam_data_getsize(&size));
	say("size %zu", size);
	TRY(sam_data_store(data, 0));
	TRY(sam_data_getsize(&size));
	say("size %zu", size);
	TRY(sam_data_store(data, 8));
	TRY(sam_data_getsize(&size));
	say("size %zu", size);
	TRY(sam_data_restore(back, 7));
	TRY(sam_data_restore(back, 8));
	say("data %s", back);
	TRY(sam_warn_signal_set(SIGUSR1));
	TRY(sam_register(&instance));
	TRY(sam_register(&instance));
	TRY(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	TRY(sam_stop());
	TRY(sam_hc_send());
	TRY(sam_hc_callback_register(NULL));
	TRY(sam_hc_callback_register(healthy));
	TRY(sam_mark_failed());
	TRY(sam_warn_signal_set(SIGUSR2));
	TRY(sam_data_store("xyz", 4));
	TRY(sam_data_restore(back, 16));
	say("data %s", back);
	TRY(sam_start());
	TRY(sam_start());
	TRY(sam_register(&instance));
	TRY(sam_hc_send());
	TRY(sam_hc_callback_register(healthy));
	TRY(sam_mark_failed());
	TRY(sam_data_store(NULL, 0));
	TRY(sam_data_getsize(&size));
	say("size %zu", size);
	TRY(sam_stop());
	TRY(sam_stop());
	TRY(sam_hc_send());
	TRY(sam_start());
	TRY(sam_finalize());
	TRY(sam_finalize());
	TRY(sam_start());
	TRY(sam_hc_send());
	TRY(sam_data_store(data, 8));
	TRY(sam_data_getsize(&size));
	TRY(sam_data_restore(back, 16));
	TRY(sam_mark_failed());
	TRY(sam_warn_signal_set(SIGUSR2));
	TRY(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	exit(3);
}

/* Data written by one instance, read by the next; a different death each time. */
static void deaths(void) {
	char data[64] = "";
	size_t size = 0;
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_data_getsize(&size));
	MUST(sam_data_restore(data, sizeof data));
	say("finds %zu bytes: %s", size, data);
	snprintf(data, sizeof data, "left by instance %u", instance);
	MUST(sam_data_store(data, strlen(data) + 1));
	MUST(sam_start());
	beat_for(interval_ms);
	switch (instance) {
	case 1: abort();
	case 2: exit(7);
	case 3: raise(SIGKILL); break;
	case 4: _exit(0);
	}
	leave(5);
}
static void hangs(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_start());
	if (instance == 4) beat_for(interval_ms * 4), leave(6);
	if (instance == 1) listen_to(SIGTERM, on_warning);          /* warned, then killed */
	if (instance == 2) listen_to(SIGTERM, SIG_IGN);             /* killed */
	if (instance == 3) {
		listen_to(SIGUSR1, on_warning);
		MUST(sam_warn_signal_set(SIGUSR1));
	}
	pause_ms(interval_ms * 20);
	say("was not killed");
	leave(1);
}
static void stopped(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_start());
	beat_for(interval_ms);
	if (instance == 1) raise(SIGSTOP);
	leave(2);
}
/* Warned, recovers, hangs again: no second warning. */
static void second_hang(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	listen_to(SIGTERM, on_warning);
	MUST(sam_start());
	if (instance == 2) leave(4);
	pause_ms(interval_ms + interval_ms / 2);
	beat_for(interval_ms * 2);
	say("recovered");
	pause_ms(interval_ms + interval_ms / 2);
	say("was not killed");
	leave(1);
}
static void no_interval(void) {
	begin(0, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_start());
	pause_ms(500);
	if (instance == 1) _exit(1);
	leave(0);
}
static void quits(int how) {
	atexit(at_exit_of_parent);
	begin(interval_ms, SAM_RECOVERY_POLICY_QUIT);
	MUST(sam_start());
	switch (how) {
	case 0: exit(9);
	case 1: raise(SIGKILL); break;
	case 2: pause_ms(interval_ms * 20); break;
	case 3: leave(11); break;
	case 4: MUST(sam_finalize()); exit(12);
	}
}
static void dies_stopped(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_start());
	MUST(sam_stop());
	raise(SIGKILL);
}
static void dies_registered(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	exit(21);
}
static void callback(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	listen_to(SIGTERM, on_warning);
	MUST(sam_hc_callback_register(healthy_twice));
	MUST(sam_start());
	pause_ms(interval_ms * 3 + interval_ms / 2);
	if (instance == 1) pause_ms(interval_ms * 20);
	TRY(sam_stop());
	exit(8);
}
static void callback_keeps_alive(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	listen_to(SIGTERM, on_warning);
	MUST(sam_hc_callback_register(healthy));
	MUST(sam_start());
	pause_ms(interval_ms * 8);
	say("asked %s", rounds >= 5 ? "often" : "rarely");
	leave(0);
}
/* A child of the application that still holds what it inherited must not hide its death. */
static void leaks(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	MUST(sam_start());
	if (instance == 3) leave(0);
	pid_t child = fork();
	if (child == 0) {
		if (fork() == 0) pause_ms(30000);
		pause_ms(30000);
		_exit(0);
	}
	say("leaks");
	beat_for(interval_ms);
	if (instance == 1) _exit(1);
	pause_ms(interval_ms * 20);
}
static void parent_dies(void) {
	begin(interval_ms, SAM_RECOVERY_POLICY_RESTART);
	signal(SIGPIPE, SIG_IGN);
	MUST(sam_start());
	MUST(sam_hc_send());
	kill(getppid(), SIGKILL);
	pause_ms(300);
	TRY(sam_hc_send());
	TRY(sam_data_store("x", 1));
	TRY(sam_stop());
	_exit(0);
}
static void big_data(void) {
	enum { size = 3000000 };
	begin(0, SAM_RECOVERY_POLICY_RESTART);
	unsigned char *data = malloc(size);
	if (instance > 1) {
		size_t kept = 0, wrong = 0;
		MUST(sam_data_getsize(&kept));
		MUST(sam_data_restore(data, size));
		for (size_t i = 0; i < size; ++i) wrong += data[i] != (unsigned char)(i * 7 + instance - 1);
		say("finds %zu bytes, %zu wrong", kept, wrong);
	}
	for (size_t i = 0; i < size; ++i) data[i] = (unsigned char)(i * 7 + instance);
	MUST(sam_data_store(data, size));
	MUST(sam_start());
	if (instance < 3) abort();
	leave(0);
}
/* For tests that act from outside: lives until told otherwise by the word in the file TRACE.do. */
static void obeys(int policy) {
	char path[4096], word[32], data[32];
	snprintf(path, sizeof path, "%s.do", getenv("SAM_APP_TRACE"));
	begin(interval_ms, policy);
	size_t size = 0;
	memset(data, 0, sizeof data);
	MUST(sam_data_getsize(&size));
	MUST(sam_data_restore(data, sizeof data));
	say("pid %d of %d finds %s", (int)getpid(), (int)getppid(), size > 0 ? data : "nothing");
	snprintf(data, sizeof data, "%u", instance);
	MUST(sam_data_store(data, strlen(data) + 1));
	MUST(sam_start());
	say("started");
	for (;;) {
		if (sam_hc_send() != CS_OK) say("unsupervised"), _exit(92);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, word, sizeof word - 1);
		if (fd >= 0) close(fd);
		if (n > 0) {
			word[n] = '\0';
			unlink(path);
			if (strcmp(word, "crash") == 0) abort();
			if (strcmp(word, "exit") == 0) exit(17);
			if (strcmp(word, "hang") == 0) pause_ms(600000);
			if (strcmp(word, "deaf") == 0) listen_to(SIGTERM, SIG_IGN), pause_ms(600000);
			if (strcmp(word, "stop") == 0) raise(SIGSTOP);
			if (strcmp(word, "store") == 0) {
				MUST(sam_data_store("stored again", 13));
				say("stored");
			}
			if (strcmp(word, "failed") == 0) TRY(sam_mark_failed()), pause_ms(600000);
			if (strcmp(word, "leave") == 0) leave(0);
			if (strcmp(word, "leak") == 0) {
				pid_t child = fork();
				if (child == 0) {
					pid_t second = fork();
					say("leaked %d", (int)getpid());
					if (second == 0) setpgid(0, 0);
					pause_ms(600000);
				}
				pause_ms(50);
				abort();
			}
		}
		pause_ms(interval_ms / 8 > 0 ? interval_ms / 8 : 20);
	}
}

int main(int argc, char **argv) {
	if (argc < 3) return fprintf(stderr, "usage: sam_app SCENARIO TRACE [INTERVAL_MS]\n"), 2;
	const char *what = argv[1];
	trace_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (trace_fd < 0) return perror(argv[2]), 2;
	setenv("SAM_APP_TRACE", argv[2], 1);
	if (argc > 3) interval_ms = atoi(argv[3]);
	original = getpid();
	if (!strcmp(what, "calls")) calls();
	else if (!strcmp(what, "deaths")) deaths();
	else if (!strcmp(what, "hangs")) hangs();
	else if (!strcmp(what, "stopped")) stopped();
	else if (!strcmp(what, "second_hang")) second_hang();
	else if (!strcmp(what, "no_interval")) no_interval();
	else if (!strcmp(what, "quit_exit")) quits(0);
	else if (!strcmp(what, "quit_killed")) quits(1);
	else if (!strcmp(what, "quit_hang")) quits(2);
	else if (!strcmp(what, "quit_leaves")) quits(3);
	else if (!strcmp(what, "quit_finalized")) quits(4);
	else if (!strcmp(what, "dies_stopped")) dies_stopped();
	else if (!strcmp(what, "dies_registered")) dies_registered();
	else if (!strcmp(what, "callback")) callback();
	else if (!strcmp(what, "callback_keeps_alive")) callback_keeps_alive();
	else if (!strcmp(what, "leaks")) leaks();
	else if (!strcmp(what, "parent_dies")) parent_dies();
	else if (!strcmp(what, "big_data")) big_data();
	else if (!strcmp(what, "obeys")) obeys(SAM_RECOVERY_POLICY_RESTART);
	else if (!strcmp(what, "obeys_quit")) obeys(SAM_RECOVERY_POLICY_QUIT);
	else if (!strcmp(what, "obeys_cmap")) obeys(SAM_RECOVERY_POLICY_RESTART | SAM_RECOVERY_POLICY_CMAP);
	else if (!strcmp(what, "obeys_quorum")) obeys(SAM_RECOVERY_POLICY_QUORUM_RESTART);
	else if (!strcmp(what, "obeys_quorum_quit")) obeys(SAM_RECOVERY_POLICY_QUORUM_QUIT);
	else return fprintf(stderr, "sam_app: no scenario %s\n", what), 2;
	return 99;
}
