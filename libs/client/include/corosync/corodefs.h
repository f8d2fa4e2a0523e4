/*
 * Numbers of the services and limits of the cluster, as in Corosync 3.1.
 */
#ifndef CORODEFS_H_DEFINED
#define CORODEFS_H_DEFINED

#include <netinet/in.h>

/** Services by the number under which nodes and statistics know them. */
enum corosync_service_types {
    CMAP_SERVICE = 0,
    CFG_SERVICE = 1,
    CPG_SERVICE = 2,
    QUORUM_SERVICE = 3,
    PLOAD_SERVICE = 4,
    VOTEQUORUM_SERVICE = 5,
    MON_SERVICE = 6,
    WD_SERVICE = 7,
};

/** Most nodes in one membership. */
#ifdef HAVE_SMALL_MEMORY_FOOTPRINT
#define PROCESSOR_COUNT_MAX 16
#else
#define PROCESSOR_COUNT_MAX 384
#endif

/** Bytes that hold a node's address of either family. */
#define TOTEMIP_ADDRLEN (sizeof(struct in6_addr))

#endif /* CORODEFS_H_DEFINED */
