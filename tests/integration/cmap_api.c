/*
 * cmap_api - what libcmap answers, case by case, through its public functions only: one line a call, the same program runs
 * against Motet and against corosync with its own library and must print the same.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <corosync/cmap.h>

static cmap_handle_t h;

static void said(const char *what, cs_error_t error)
{
	printf("%s: %s\n", what, cs_strerror(error));
	fflush(stdout);
}
#define SAY(call) said(#call, call)

static void show(const char *key)
{
	unsigned char bytes[20000];
	size_t length = sizeof bytes;
	cmap_value_types_t type = 0;
	cs_error_t error = cmap_get(h, key, bytes, &length, &type);
	printf("%s: %s", key, cs_strerror(error));
	if (error == CS_OK) {
		printf(" type %d length %zu", type, length);
		for (size_t i = 0; i < length && i < 12; i++)
			printf(" %02x", bytes[i]);
	}
	printf("\n");
}

static const char *names[64];
static cmap_track_handle_t tracks[64];
static int count, finalize_in_callback, delete_in_callback = -1;

static void on_change(cmap_handle_t handle, cmap_track_handle_t track, int32_t event, const char *key, struct cmap_notify_value new_value,
		      struct cmap_notify_value old_value, void *user_data)
{
	(void)user_data;
	const char *who = "?";
	for (int i = 0; i < count; i++)
		if (tracks[i] == track)
			who = names[i];
	printf("  %s: event %d %s new %d/%zu old %d/%zu", who, event, key, new_value.type, new_value.len, old_value.type, old_value.len);
	if (new_value.type == CMAP_VALUETYPE_UINT32)
		printf(" now %u", *(const uint32_t *)new_value.data);
	if (old_value.type == CMAP_VALUETYPE_STRING)
		printf(" was '%s'", (const char *)old_value.data);
	printf("%s\n", handle == h ? "" : " on another handle");
	if (delete_in_callback >= 0) {
		int victim = delete_in_callback;
		delete_in_callback = -1;
		said("  delete in callback", cmap_track_delete(h, tracks[victim]));
	}
	if (finalize_in_callback)
		said("  finalize in callback", cmap_finalize(h));
}

static void track(const char *name, const char *key, int32_t type)
{
	names[count] = name;
	printf("track %s %s: %s\n", name, key ? key : "(null)", cs_strerror(cmap_track_add(h, key, type, on_change, NULL, &tracks[count])));
	count++;
}

static void walk(const char *prefix)
{
	cmap_iter_handle_t it;
	char key[CMAP_KEYNAME_MAXLEN + 1];
	size_t length;
	cmap_value_types_t type;
	cs_error_t error = cmap_iter_init(h, prefix, &it);
	printf("walk %s: %s\n", prefix, cs_strerror(error));
	if (error != CS_OK)
		return;
	while ((error = cmap_iter_next(h, it, key, &length, &type)) == CS_OK)
		printf("  %s type %d length %zu\n", key, type, length);
	said("  end", error);
	said("  again", cmap_iter_next(h, it, key, NULL, NULL));
	said("  finalize", cmap_iter_finalize(h, it));
	said("  finalize again", cmap_iter_finalize(h, it));
	said("  next after finalize", cmap_iter_next(h, it, key, NULL, NULL));
}

static void values(void)
{
	int8_t i8;
	uint8_t u8;
	int16_t i16;
	uint16_t u16;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	float f;
	double d;
	char *text = NULL;
	char name[300];
	static char big[20000];

	SAY(cmap_set_int8(h, "t.i8", -128));
	SAY(cmap_set_uint8(h, "t.u8", 255));
	SAY(cmap_set_int16(h, "t.i16", -32768));
	SAY(cmap_set_uint16(h, "t.u16", 65535));
	SAY(cmap_set_int32(h, "t.i32", -5));
	SAY(cmap_set_uint32(h, "t.u32", 4000000000u));
	SAY(cmap_set_int64(h, "t.i64", -5000000000ll));
	SAY(cmap_set_uint64(h, "t.u64", 18446744073709551615ull));
	SAY(cmap_set_float(h, "t.f", 1.5f));
	SAY(cmap_set_double(h, "t.d", -2.25));
	SAY(cmap_set_string(h, "t.s", "words"));
	SAY(cmap_set_string(h, "t.s0", ""));
	SAY(cmap_set(h, "t.bin", "\1\0\2", 3, CMAP_VALUETYPE_BINARY));
	SAY(cmap_set(h, "t.bin0", "", 0, CMAP_VALUETYPE_BINARY));
	walk("t.");
	SAY(cmap_get_int8(h, "t.i8", &i8));
	SAY(cmap_get_uint8(h, "t.u8", &u8));
	SAY(cmap_get_int16(h, "t.i16", &i16));
	SAY(cmap_get_uint16(h, "t.u16", &u16));
	SAY(cmap_get_int32(h, "t.i32", &i32));
	SAY(cmap_get_uint32(h, "t.u32", &u32));
	SAY(cmap_get_int64(h, "t.i64", &i64));
	SAY(cmap_get_uint64(h, "t.u64", &u64));
	SAY(cmap_get_float(h, "t.f", &f));
	SAY(cmap_get_double(h, "t.d", &d));
	SAY(cmap_get_string(h, "t.s", &text));
	printf("%d %u %d %u %d %u %lld %llu %f %f %s\n", i8, u8, i16, u16, i32, u32, (long long)i64, (unsigned long long)u64, f, d, text);
	free(text);
	show("t.bin");
	show("t.bin0");
	show("t.s0");
	SAY(cmap_get_uint8(h, "t.i8", &u8));
	SAY(cmap_get_uint32(h, "t.f", &u32));
	SAY(cmap_get_uint32(h, "t.none", &u32));
	SAY(cmap_get_string(h, "t.u8", &text));
	SAY(cmap_get_string(h, "t.none", &text));

	/* strings end at a NUL or at the length */
	SAY(cmap_set(h, "t.s", "abcdef", 3, CMAP_VALUETYPE_STRING));
	show("t.s");
	SAY(cmap_set(h, "t.s", "abcdef", 7, CMAP_VALUETYPE_STRING));
	show("t.s");
	SAY(cmap_set(h, "t.s", "ab\0def", 6, CMAP_VALUETYPE_STRING));
	show("t.s");

	/* lengths and types */
	SAY(cmap_set(h, "t.x", &u32, 3, CMAP_VALUETYPE_UINT32));
	SAY(cmap_set(h, "t.x", &u64, 8, CMAP_VALUETYPE_UINT32));
	SAY(cmap_set(h, "t.x", NULL, 4, CMAP_VALUETYPE_UINT32));
	SAY(cmap_set(h, NULL, &u32, 4, CMAP_VALUETYPE_UINT32));
	SAY(cmap_set_string(h, "t.x", NULL));
	SAY(cmap_set(h, "t.big", big, 16384, CMAP_VALUETYPE_BINARY));
	SAY(cmap_set(h, "t.big", big, 16385, CMAP_VALUETYPE_BINARY));
	show("t.big");
	memset(big, 'x', sizeof big - 1);
	SAY(cmap_set_string(h, "t.big", big));
	big[16384] = 0;
	SAY(cmap_set_string(h, "t.big", big));
	big[16383] = 0;
	SAY(cmap_set_string(h, "t.big", big));
	show("t.big");

	/* room of the caller */
	size_t length = 3;
	cmap_value_types_t type = 0;
	SAY(cmap_get(h, "t.u32", big, &length, &type));
	length = 4;
	SAY(cmap_get(h, "t.u32", big, &length, NULL));
	SAY(cmap_get(h, "t.u32", NULL, &length, &type));
	printf("length %zu type %d\n", length, type);
	SAY(cmap_get(h, "t.u32", NULL, NULL, NULL));
	SAY(cmap_get(h, "t.u32", big, NULL, &type));
	SAY(cmap_get(h, NULL, big, &length, &type));

	/* names */
	SAY(cmap_set_uint8(h, "ab", 1));
	SAY(cmap_set_uint8(h, "abc", 1));
	SAY(cmap_delete(h, "abc"));
	SAY(cmap_set_uint8(h, "a b", 1));
	SAY(cmap_set_uint8(h, "a.b-c_d/e:F9", 1));
	SAY(cmap_delete(h, "a.b-c_d/e:F9"));
	SAY(cmap_set_uint8(h, "a,b", 1));
	SAY(cmap_set_uint8(h, "..x", 1));
	SAY(cmap_delete(h, "..x"));
	memset(name, 'n', sizeof name);
	name[255] = 0;
	said("set name of 255", cmap_set_uint8(h, name, 1));
	said("delete name of 255", cmap_delete(h, name));
	name[255] = 'n';
	name[256] = 0;
	said("set name of 256", cmap_set_uint8(h, name, 1));
	said("get name of 256", cmap_get_uint8(h, name, &u8));
	said("delete name of 256", cmap_delete(h, name));
	said("inc name of 256", cmap_inc(h, name));
	said("get name of 2", cmap_get_uint8(h, "ab", &u8));
	said("get empty name", cmap_get_uint8(h, "", &u8));
	said("delete empty name", cmap_delete(h, ""));

	/* counting */
	SAY(cmap_inc(h, "t.u8"));
	SAY(cmap_inc(h, "t.i8"));
	SAY(cmap_dec(h, "t.i16"));
	SAY(cmap_inc(h, "t.u64"));
	SAY(cmap_dec(h, "t.u64"));
	SAY(cmap_inc(h, "t.i64"));
	SAY(cmap_inc(h, "t.f"));
	SAY(cmap_inc(h, "t.s"));
	SAY(cmap_inc(h, "t.none"));
	SAY(cmap_dec(h, "t.none"));
	SAY(cmap_inc(h, NULL));
	show("t.u8");
	show("t.i8");
	show("t.i16");
	show("t.u64");
	show("t.i64");

	/* read-only keys */
	SAY(cmap_set_uint32(h, "totem.version", 2));
	SAY(cmap_set_string(h, "nodelist.node.0.name", "x"));
	SAY(cmap_set_string(h, "nodelist.new", "x"));
	SAY(cmap_delete(h, "totem.transport"));
	SAY(cmap_inc(h, "totem.version"));
	SAY(cmap_set_uint8(h, "config.reload_in_progress", 1));
	SAY(cmap_set_uint8(h, "uidgid.config.uid.77", 1));
	SAY(cmap_set_uint8(h, "uidgid.uid.77", 1));
	SAY(cmap_delete(h, "uidgid.uid.77"));
	SAY(cmap_set_uint32(h, "runtime.config.totem.token", 1));
	SAY(cmap_set_uint32(h, "runtime.services.x", 1));
	SAY(cmap_delete(h, "internal_configuration.service.0.name"));
	SAY(cmap_set_string(h, "runtime.members.1.status", "joined"));

	SAY(cmap_delete(h, "t.none"));
	SAY(cmap_delete(h, NULL));
	walk("t.");
	walk("t.u");
	walk("none.");
	said("walk without a place for the handle", cmap_iter_init(h, "t.", NULL));
	said("walk over a name of 256", (cmap_iter_init(h, name, &(cmap_iter_handle_t){0})));
}

static void changing_walk(void)
{
	cmap_iter_handle_t it;
	char key[CMAP_KEYNAME_MAXLEN + 1], name[16];
	for (char c = 'a'; c <= 'f'; c++) {
		snprintf(name, sizeof name, "w.%c", c);
		cmap_set_uint8(h, name, 1);
	}
	SAY(cmap_iter_init(h, "w.", &it));
	while (cmap_iter_next(h, it, key, NULL, NULL) == CS_OK) {
		printf("  %s\n", key);
		cmap_delete(h, key);
		if (strcmp(key, "w.b") == 0)
			cmap_delete(h, "w.d");
	}
	SAY(cmap_iter_finalize(h, it));
	walk("w.");
}

static void changes(void)
{
	track("exact", "n.key", CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY);
	track("prefix", "n.", CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX);
	track("exact2", "n.key", CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY);
	track("prefix2", "n.", CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX);
	track("deletes", "n.key", CMAP_TRACK_DELETE);
	track("modifies", "n.key", CMAP_TRACK_MODIFY);
	track("nothing", "n.key", 0);
	track("null", NULL, CMAP_TRACK_ADD | CMAP_TRACK_DELETE);
	track("bad type", "n.key", 16);
	track("negative", "n.key", -1);
	track("short", "n", CMAP_TRACK_ADD);
	track("odd", "n key", CMAP_TRACK_ADD);
	SAY(cmap_track_add(h, "n.key", CMAP_TRACK_ADD, NULL, NULL, &tracks[60]));
	SAY(cmap_track_add(h, "n.key", CMAP_TRACK_ADD, on_change, NULL, NULL));

	SAY(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	SAY(cmap_set_uint32(h, "n.key", 1));
	SAY(cmap_set_uint32(h, "n.key", 1));
	SAY(cmap_set_uint32(h, "n.key", 2));
	SAY(cmap_set_string(h, "n.key", "text"));
	SAY(cmap_set_uint32(h, "n.key", 3));
	SAY(cmap_inc(h, "n.key"));
	SAY(cmap_set_uint32(h, "n.other", 3));
	SAY(cmap_delete(h, "n.key"));
	SAY(cmap_delete(h, "n.other"));
	SAY(cmap_dispatch(h, CS_DISPATCH_ONE));
	SAY(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	int fd = -1;
	SAY(cmap_fd_get(h, &fd));
	struct pollfd p = {fd, POLLIN, 0};
	printf("readable: %d\n", poll(&p, 1, 0));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	printf("readable: %d\n", poll(&p, 1, 0));
	struct ucred peer;
	socklen_t size = sizeof peer;
	int known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	printf("credentials: %d uid %d\n", known, peer.uid);

	/* what is queued for a deleted track is not told */
	SAY(cmap_set_uint32(h, "n.key", 9));
	said("delete exact2", cmap_track_delete(h, tracks[2]));
	said("delete exact2 again", cmap_track_delete(h, tracks[2]));
	said("delete a wrong one", cmap_track_delete(h, 12345));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	delete_in_callback = 3;
	SAY(cmap_set_uint32(h, "n.key", 10));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	SAY(cmap_delete(h, "n.key"));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
}

static void handles(void)
{
	cmap_handle_t other = 0;
	const void *context = &other;
	uint8_t u8;
	int fd;
	SAY(cmap_initialize_map(&other, 2));
	SAY(cmap_initialize_map(&other, CMAP_MAP_STATS));
	SAY(cmap_get_uint8(other, "totem.version", &u8));
	SAY(cmap_set_uint8(other, "stats.x", 1));
	SAY(cmap_delete(other, "stats.x"));
	SAY(cmap_inc(other, "stats.x"));
	SAY(cmap_set_uint8(other, "stats.clear.knet", 1));
	SAY(cmap_set_string(other, "stats.clear.all", "x"));
	SAY(cmap_set_uint8(other, "stats.clear.what", 1));
	SAY(cmap_delete(other, "stats.clear.knet"));
	SAY(cmap_inc(other, "stats.clear.knet"));
	SAY(cmap_track_add(other, "stats.", CMAP_TRACK_ADD | CMAP_TRACK_PREFIX, on_change, NULL, &tracks[61]));
	SAY(cmap_track_add(other, "stats.", CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, on_change, NULL, &tracks[61]));
	SAY(cmap_track_add(other, "stats.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, on_change, NULL, &tracks[61]));
	SAY(cmap_track_add(other, "stats.pg.none", CMAP_TRACK_MODIFY, on_change, NULL, &tracks[61]));
	SAY(cmap_context_get(other, &context));
	printf("context is null: %d\n", context == NULL);
	SAY(cmap_context_set(other, &fd));
	SAY(cmap_context_get(other, &context));
	printf("context is kept: %d\n", context == &fd);
	SAY(cmap_finalize(other));
	SAY(cmap_finalize(other));
	SAY(cmap_get_uint8(other, "totem.version", &u8));
	SAY(cmap_set_uint8(other, "t.u8", 1));
	SAY(cmap_fd_get(other, &fd));
	SAY(cmap_context_get(other, &context));
	SAY(cmap_dispatch(other, CS_DISPATCH_ALL));
	SAY(cmap_iter_init(other, "t.", &(cmap_iter_handle_t){0}));
	SAY(cmap_track_add(other, "t.", CMAP_TRACK_ADD, on_change, NULL, &tracks[61]));
	SAY(cmap_delete(0, "t.u8"));
}

int main(void)
{
	said("initialize", cmap_initialize(&h));
	values();
	changing_walk();
	changes();
	handles();
	finalize_in_callback = 1;
	SAY(cmap_set_uint32(h, "n.key", 11));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	SAY(cmap_dispatch(h, CS_DISPATCH_ALL));
	cmap_initialize(&h);
	for (const char **key = (const char *[]){"t.i8", "t.u8", "t.i16", "t.u16", "t.i32", "t.u32", "t.i64", "t.u64", "t.f", "t.d", "t.s", "t.s0", "t.bin", "t.bin0",
						 "t.big", "n.key", NULL}; *key; key++)
		printf("clean %s: %s\n", *key, cs_strerror(cmap_delete(h, *key)));
	return 0;
}
