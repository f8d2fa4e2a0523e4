/* What a client of quorum, votequorum and cpg hears on one node, a line an event, until it is stopped. Lines:
 *   nodelist RING members joined left | quorum QUORATE RING members | vnodelist RING members | vquorum QUORATE entries
 *   expected VOTES | totem RING members | gone: WHY
 * quorum_watch FILE */
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static FILE *out;

static void list(const uint32_t *nodes, uint32_t n) {
    fputs(" [", out);
    for (uint32_t i = 0; i < n; ++i) fprintf(out, i ? " %u" : "%u", nodes[i]);
    fputc(']', out);
}

static void on_nodelist(quorum_handle_t h, struct quorum_ring_id ring, uint32_t n, const uint32_t *members, uint32_t nj,
                        const uint32_t *joined, uint32_t nl, const uint32_t *left) {
    (void)h;
    fprintf(out, "nodelist %u.%llu", ring.nodeid, (unsigned long long)ring.seq);
    list(members, n);
    list(joined, nj);
    list(left, nl);
    fputc('\n', out);
}
static void on_quorum(quorum_handle_t h, uint32_t quorate, struct quorum_ring_id ring, uint32_t n, const uint32_t *members) {
    (void)h;
    fprintf(out, "quorum %u %u.%llu", quorate, ring.nodeid, (unsigned long long)ring.seq);
    list(members, n);
    fputc('\n', out);
}
static void on_vote_nodes(votequorum_handle_t h, uint64_t context, votequorum_ring_id_t ring, uint32_t n, uint32_t *members) {
    (void)h, (void)context;
    fprintf(out, "vnodelist %u.%llu", ring.nodeid, (unsigned long long)ring.seq);
    list(members, n);
    fputc('\n', out);
}
static void on_vote_quorum(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t *nodes) {
    (void)h, (void)context;
    fprintf(out, "vquorum %u [", quorate);
    for (uint32_t i = 0; i < n; ++i) fprintf(out, i ? " %u:%u" : "%u:%u", nodes[i].nodeid, nodes[i].state);
    fputs("]\n", out);
}
static void on_expected(votequorum_handle_t h, uint64_t context, uint32_t votes) {
    (void)h, (void)context;
    fprintf(out, "expected %u\n", votes);
}
static void on_totem(cpg_handle_t h, struct cpg_ring_id ring, uint32_t n, const uint32_t *members) {
    (void)h;
    fprintf(out, "totem %u.%llu", ring.nodeid, (unsigned long long)ring.seq);
    list(members, n);
    fputc('\n', out);
}

int main(int argc, char **argv) {
    quorum_model_v1_data_t quorum_model = {QUORUM_MODEL_V1, on_quorum, on_nodelist};
    votequorum_callbacks_t vote_callbacks = {on_vote_quorum, on_expected, on_vote_nodes};
    cpg_model_v1_data_t cpg_model;
    quorum_handle_t quorum;
    votequorum_handle_t votes;
    cpg_handle_t cpg;
    uint32_t type;
    struct pollfd fds[3];
    cs_error_t e;
    int tries = 0;

    if (argc != 2 || (out = fopen(argv[1], "w")) == NULL) return 2;
    setvbuf(out, NULL, _IOLBF, 0);
    memset(&cpg_model, 0, sizeof cpg_model);
    cpg_model.model = CPG_MODEL_V1;
    cpg_model.cpg_totem_confchg_fn = on_totem;
    while ((e = quorum_model_initialize(&quorum, QUORUM_MODEL_V1, (quorum_model_data_t *)&quorum_model, &type, NULL)) ==
               CS_ERR_TRY_AGAIN && ++tries < 200)
        usleep(50000);
    if (e != CS_OK || type != QUORUM_SET) return 3;
    while ((e = votequorum_initialize(&votes, &vote_callbacks)) == CS_ERR_TRY_AGAIN && ++tries < 400) usleep(50000);
    if (e != CS_OK) return 4;
    while ((e = cpg_model_initialize(&cpg, CPG_MODEL_V1, (cpg_model_data_t *)&cpg_model, NULL)) == CS_ERR_TRY_AGAIN &&
           ++tries < 600)
        usleep(50000);
    if (e != CS_OK) return 5;
    if (quorum_trackstart(quorum, CS_TRACK_CHANGES) != CS_OK || votequorum_trackstart(votes, 7, CS_TRACK_CHANGES) != CS_OK) return 6;
    quorum_fd_get(quorum, &fds[0].fd);
    votequorum_fd_get(votes, &fds[1].fd);
    cpg_fd_get(cpg, &fds[2].fd);
    puts("watching");
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < 3; ++i) fds[i].events = POLLIN;
        if (poll(fds, 3, -1) < 0) continue;
        const char *who = "quorum";
        e = fds[0].revents ? quorum_dispatch(quorum, CS_DISPATCH_ALL) : CS_OK;
        if (e == CS_OK && fds[1].revents) who = "votequorum", e = votequorum_dispatch(votes, CS_DISPATCH_ALL);
        if (e == CS_OK && fds[2].revents) who = "cpg", e = cpg_dispatch(cpg, CS_DISPATCH_ALL);
        if (e != CS_OK) {
            struct timespec at;
            clock_gettime(CLOCK_REALTIME, &at);
            fprintf(out, "gone: %s says %d at %lld.%03ld\n", who, e, (long long)at.tv_sec, at.tv_nsec / 1000000);
            return 0;
        }
    }
}
