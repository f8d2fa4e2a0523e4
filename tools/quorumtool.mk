sbin_PROGRAMS += corosync-quorumtool
corosync_quorumtool_SOURCES = tools/quorumtool.cpp
corosync_quorumtool_LDADD = libs/client/libquorum.la libs/client/libvotequorum.la libs/client/libcmap.la libs/client/libcfg.la \
	libs/client/libcorosync_common.la
dist_man8_MANS += docs/man/corosync-quorumtool.8
