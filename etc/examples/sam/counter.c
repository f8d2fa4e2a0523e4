/* A counter that survives its own crashes. Build: cc counter.c -lsam; run it, kill the child, watch it go on counting.
 *
 * What is before sam_register() happens once; what is after it happens in every instance. */
#include <corosync/sam.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(cs_error_t result, const char *call) {
	if (result == CS_OK) return;
	fprintf(stderr, "counter: %s: error %d\n", call, (int)result);
	exit(1);
}

int main(void) {
	unsigned instance = 0;
	unsigned long count = 0;
	size_t size = 0;

	/* A heartbeat at least every two seconds, else: SIGTERM, two seconds later SIGKILL and a new instance. */
	must(sam_initialize(2000, SAM_RECOVERY_POLICY_RESTART), "sam_initialize");
	must(sam_register(&instance), "sam_register");

	must(sam_data_getsize(&size), "sam_data_getsize");
	if (size == sizeof count) must(sam_data_restore(&count, sizeof count), "sam_data_restore");
	printf("instance %u, process %d, goes on from %lu\n", instance, (int)getpid(), count);
	fflush(stdout);

	must(sam_start(), "sam_start");
	for (;;) {
		++count;
		/* Kept by the supervisor: the next instance finds it. */
		must(sam_data_store(&count, sizeof count), "sam_data_store");
		must(sam_hc_send(), "sam_hc_send");
		printf("%lu\n", count);
		fflush(stdout);
		sleep(1);
	}
}
