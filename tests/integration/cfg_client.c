/* A user of the engine that is asked before it stops, and answers what it was told to: cfg_client yes|no|silent. Prints
 * "tracking" when it can be asked, and every question. */
#include <corosync/cfg.h>
#include <stdio.h>
#include <string.h>

static const char *answer;

static void asked(corosync_cfg_handle_t handle, corosync_cfg_shutdown_flags_t flags)
{
    printf("asked %d\n", (int)flags);
    fflush(stdout);
    if (strcmp(answer, "silent") != 0)
        corosync_cfg_replyto_shutdown(handle, strcmp(answer, "yes") == 0 ? COROSYNC_CFG_SHUTDOWN_FLAG_YES : COROSYNC_CFG_SHUTDOWN_FLAG_NO);
}

int main(int argc, char **argv)
{
    corosync_cfg_handle_t handle;
    corosync_cfg_callbacks_t callbacks = {asked};
    if (argc != 2) return 2;
    answer = argv[1];
    if (corosync_cfg_initialize(&handle, &callbacks) != CS_OK || corosync_cfg_trackstart(handle, 0) != CS_OK) return 1;
    puts("tracking");
    fflush(stdout);
    corosync_cfg_dispatch(handle, CS_DISPATCH_BLOCKING);
    return 0;
}
