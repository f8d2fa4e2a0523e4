# libs/ipc
# The worker's side; the clients' side is linked into the client libraries alone.
noinst_LTLIBRARIES += libs/ipc/libserver.la libs/ipc/libclient.la
libs_ipc_libserver_la_SOURCES = libs/ipc/server.cpp libs/ipc/server_output.cpp libs/ipc/backlog.cpp libs/ipc/overflow.cpp libs/ipc/server.h \
	libs/ipc/server_client.h libs/ipc/backlog.h libs/ipc/cause.h libs/ipc/overflow.h
libs_ipc_libclient_la_SOURCES = libs/ipc/client_link.cpp libs/ipc/client_link.h libs/ipc/hello.h
