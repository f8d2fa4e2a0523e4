/*
 * confdb_api - libconfdb as programs of Corosync 1.x know it, case by case. One line a case. Started as root or as a user that
 * may connect; needs a node.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corosync/confdb.h>

static int failures;
static confdb_handle_t h;

static void check(int good, const char *name)
{
	printf("%s - %s\n", good ? "ok" : "not ok", name);
	fflush(stdout);
	failures += !good;
}
#define RETURNS(call, wanted)                                                                                      \
	do {                                                                                                       \
		cs_error_t got_ = (call);                                                                          \
		check(got_ == (wanted), #call " is " #wanted);                                                     \
		if (got_ != (wanted))                                                                              \
			printf("# it is %s\n", cs_strerror(got_));                                                 \
	} while (0)

static char told[8192];
static hdb_handle_t last_first, last_second;
static void add(const char *what, const void *name, size_t name_len, const void *key, size_t key_len, const void *value, size_t value_len)
{
	size_t used = strlen(told);
	snprintf(told + used, sizeof told - used, "%s(%.*s,%.*s,%.*s) ", what, (int)name_len, (const char *)name, (int)key_len, (const char *)key,
		 (int)value_len, (const char *)value);
}
static void on_key(confdb_handle_t handle, confdb_change_type_t type, hdb_handle_t parent, hdb_handle_t object, const void *name, size_t name_len,
		   const void *key, size_t key_len, const void *value, size_t value_len)
{
	static const char *const kinds[] = {"key", "rep", "del"};
	check(handle == h && type <= OBJECT_KEY_DELETED, "a key's notice names the handle");
	last_first = parent;
	last_second = object;
	add(kinds[type], name, name_len, key, key_len, value, value_len);
}
static void on_create(confdb_handle_t handle, hdb_handle_t parent, hdb_handle_t object, const void *name, size_t name_len)
{
	(void)handle;
	last_first = parent;
	last_second = object;
	add("new", name, name_len, "", 0, "", 0);
}
static void on_delete(confdb_handle_t handle, hdb_handle_t parent, const void *name, size_t name_len)
{
	(void)handle;
	last_first = parent;
	add("gone", name, name_len, "", 0, "", 0);
}
static void on_reload(confdb_handle_t handle, confdb_reload_type_t type)
{
	(void)handle;
	add(type == CONFDB_RELOAD_NOTIFY_START ? "start" : type == CONFDB_RELOAD_NOTIFY_END ? "end" : "failed", "", 0, "", 0, "", 0);
}
static void hears(const char *wanted, const char *name)
{
	told[0] = 0;
	if (confdb_dispatch(h, CS_DISPATCH_ALL) != CS_OK)
		strcpy(told, "dispatch failed");
	check(strcmp(told, wanted) == 0, name);
	if (strcmp(told, wanted) != 0)
		printf("# heard '%s', not '%s'\n", told, wanted);
}

static void objects(hdb_handle_t top)
{
	hdb_handle_t a, b, c, found, parent;
	char name[256];
	size_t length = 0;
	RETURNS(confdb_object_create(h, top, "item", 4, &a), CS_OK);
	RETURNS(confdb_object_create(h, top, "item", 4, &b), CS_OK);
	RETURNS(confdb_object_create(h, top, "other", 5, &c), CS_OK);
	check(a != b && b != c, "siblings of one name are different objects");
	RETURNS(confdb_object_create(h, 12345678, "x", 1, &found), CS_ERR_ACCESS);
	RETURNS(confdb_object_parent_get(h, a, &parent), CS_OK);
	check(parent == top, "the parent is the one it was made below");
	RETURNS(confdb_object_parent_get(h, top, &parent), CS_OK);
	check(parent == OBJECT_PARENT_HANDLE, "the parent of a top object is the root");
	RETURNS(confdb_object_parent_get(h, 12345678, &parent), CS_ERR_ACCESS);
	RETURNS(confdb_object_name_get(h, c, name, &length), CS_OK);
	check(length == 5 && memcmp(name, "other", 5) == 0, "a name has a length and no end");

	RETURNS(confdb_object_find(h, a, "x", 1, &found), CS_ERR_CONTEXT_NOT_FOUND);
	RETURNS(confdb_object_find_start(h, top), CS_OK);
	RETURNS(confdb_object_find(h, top, "item", 4, &found), CS_OK);
	check(found == a, "the first of a name is found first");
	RETURNS(confdb_object_find(h, top, "item", 4, &found), CS_OK);
	check(found == b, "then the second");
	RETURNS(confdb_object_find(h, top, "item", 4, &found), CS_ERR_ACCESS);
	RETURNS(confdb_object_find_destroy(h, top), CS_ERR_ACCESS);
	RETURNS(confdb_object_find_start(h, top), CS_OK);
	RETURNS(confdb_object_find_destroy(h, top), CS_OK);
	RETURNS(confdb_object_find_start(h, 12345678), CS_OK);
	RETURNS(confdb_object_find(h, 12345678, "x", 1, &found), CS_ERR_ACCESS);

	RETURNS(confdb_object_iter_start(h, top), CS_OK);
	hdb_handle_t seen[4] = {0};
	int n = 0;
	while (n < 4 && confdb_object_iter(h, top, &seen[n], name, &length) == CS_OK)
		n++;
	check(n == 3 && seen[0] == a && seen[1] == b && seen[2] == c, "a walk meets all children in order of creation");
	RETURNS(confdb_object_iter(h, top, &found, name, &length), CS_ERR_CONTEXT_NOT_FOUND);
	RETURNS(confdb_object_iter_start(h, top), CS_OK);
	RETURNS(confdb_object_iter_destroy(h, top), CS_OK);
	RETURNS(confdb_object_destroy(h, b), CS_OK);
	RETURNS(confdb_object_destroy(h, b), CS_ERR_ACCESS);
	RETURNS(confdb_object_destroy(h, OBJECT_PARENT_HANDLE), CS_ERR_ACCESS);
	RETURNS(confdb_object_name_get(h, b, name, &length), CS_ERR_ACCESS);
	memset(name, 'n', sizeof name);
	RETURNS(confdb_object_create(h, top, name, 256, &found), CS_ERR_NAME_TOO_LONG);
	RETURNS(confdb_object_create(h, top, "", 0, &found), CS_OK);
	RETURNS(confdb_object_create(h, found, name, 255, &found), CS_OK);
}

static void keys(hdb_handle_t top)
{
	hdb_handle_t o;
	char value[300], name[256], *big = malloc(600000);
	size_t length = 0, name_length = 0;
	void *copy = NULL;
	uint32_t u32 = 7;
	unsigned int counted = 0;
	int32_t plain = -1;
	confdb_value_types_t type = CONFDB_VALUETYPE_INT16;
	RETURNS(confdb_object_create(h, top, "keys", 4, &o), CS_OK);
	RETURNS(confdb_key_create(h, o, "any", 3, "value", 5), CS_OK);
	RETURNS(confdb_key_create(h, 12345678, "any", 3, "value", 5), CS_ERR_ACCESS);
	RETURNS(confdb_key_get(h, o, "any", 3, value, &length), CS_OK);
	check(length == 5 && memcmp(value, "value", 5) == 0, "a value comes back as it was, without an end");
	RETURNS(confdb_key_get(h, o, "none", 4, value, &length), CS_ERR_ACCESS);
	RETURNS(confdb_key_create_typed(h, o, "u32", &u32, 4, CONFDB_VALUETYPE_UINT32), CS_OK);
	RETURNS(confdb_key_create_typed(h, o, "bad", &u32, 3, CONFDB_VALUETYPE_UINT32), CS_ERR_ACCESS);
	RETURNS(confdb_key_create_typed(h, o, "s", "text", 4, CONFDB_VALUETYPE_STRING), CS_OK);
	RETURNS(confdb_key_get_typed(h, o, "u32", value, &length, &type), CS_OK);
	check(length == 4 && type == CONFDB_VALUETYPE_UINT32, "a type comes back");
	RETURNS(confdb_key_get_typed(h, o, "any", value, &length, &type), CS_OK);
	check(type == CONFDB_VALUETYPE_ANY, "an untyped value is ANY");
	RETURNS(confdb_key_get_typed2(h, o, "s", &copy, &length, &type), CS_OK);
	check(length == 4 && strcmp(copy, "text") == 0 && type == CONFDB_VALUETYPE_STRING, "allocated values end with a NUL");
	free(copy);

	RETURNS(confdb_key_increment(h, o, "u32", 3, &counted), CS_OK);
	check(counted == 8, "counting returns the new value");
	RETURNS(confdb_key_decrement(h, o, "u32", 3, &counted), CS_OK);
	check(counted == 7, "also down");
	RETURNS(confdb_key_increment(h, o, "any", 3, &counted), CS_ERR_ACCESS);
	RETURNS(confdb_key_increment(h, o, "none", 4, &counted), CS_ERR_ACCESS);
	RETURNS(confdb_key_create(h, o, "int", 3, &plain, 4), CS_OK);
	RETURNS(confdb_key_increment(h, o, "int", 3, &counted), CS_OK);
	check(counted == 0, "an ANY of the size of an int counts");
	RETURNS(confdb_key_replace(h, o, "s", 1, "ignored", 7, "longer text", 11), CS_OK);
	RETURNS(confdb_key_replace(h, o, "none", 4, "", 0, "x", 1), CS_ERR_ACCESS);

	memset(big, 'b', 600000);
	RETURNS(confdb_key_create(h, o, "big", 3, big, 600000), CS_OK);
	RETURNS(confdb_key_get(h, o, "big", 3, value, &length), CS_ERR_TOO_BIG);
	copy = NULL;
	RETURNS(confdb_key_get_typed2(h, o, "big", &copy, &length, &type), CS_OK);
	check(length == 600000 && memcmp(copy, big, 600000) == 0, "a long value comes back whole");
	free(copy);
	RETURNS(confdb_key_create(h, o, "edge", 4, big, 256), CS_OK);
	RETURNS(confdb_key_get(h, o, "edge", 4, value, &length), CS_OK);

	RETURNS(confdb_key_iter(h, o, name, &name_length, value, &length), CS_ERR_CONTEXT_NOT_FOUND);
	RETURNS(confdb_key_iter_start(h, o), CS_OK);
	char order[200] = "";
	cs_error_t error;
	while ((error = confdb_key_iter(h, o, name, &name_length, value, &length)) == CS_OK || error == CS_ERR_TOO_BIG) {
		strcat(order, error == CS_OK ? name : "!");
		strcat(order, " ");
	}
	check(error == CS_ERR_ACCESS && strcmp(order, "any u32 s int ! edge ") == 0, "a walk over keys keeps their order and goes on behind a long value");
	printf("# %s\n", order);
	RETURNS(confdb_key_delete(h, o, "u32", 3, "", 0), CS_OK);
	RETURNS(confdb_key_delete(h, o, "u32", 3, "", 0), CS_ERR_ACCESS);
	RETURNS(confdb_key_iter_start(h, o), CS_OK);
	RETURNS(confdb_key_iter_typed(h, o, name, value, &length, &type), CS_OK);
	check(strcmp(name, "any") == 0 && type == CONFDB_VALUETYPE_ANY, "typed walks tell the type");
	copy = NULL;
	RETURNS(confdb_key_iter_typed2(h, o, name, &copy, &length, &type), CS_OK);
	check(strcmp(name, "s") == 0 && length == 11, "and go on");
	free(copy);
	free(big);
}

static void notices(hdb_handle_t top)
{
	hdb_handle_t watched, below, deep;
	struct pollfd p = {-1, POLLIN, 0};
	RETURNS(confdb_object_create(h, top, "watched", 7, &watched), CS_OK);
	RETURNS(confdb_track_changes(h, watched, CONFDB_TRACK_DEPTH_ONE), CS_OK);
	RETURNS(confdb_track_changes(h, 12345678, CONFDB_TRACK_DEPTH_ONE), CS_OK);
	hears("", "nothing is told of what was there");
	confdb_key_create(h, watched, "k", 1, "1", 1);
	confdb_key_create(h, watched, "k", 1, "1", 1);
	confdb_key_replace(h, watched, "k", 1, "", 0, "2", 1);
	confdb_key_replace(h, watched, "k", 1, "", 0, "2", 1);
	confdb_object_create(h, watched, "below", 5, &below);
	confdb_key_create(h, below, "unheard", 7, "x", 1);
	confdb_object_create(h, below, "deep", 4, &deep);
	confdb_key_delete(h, watched, "k", 1, "", 0);
	confdb_fd_get(h, &p.fd);
	check(poll(&p, 1, 0) == 1, "the descriptor is readable while notices are queued");
	hears("key(watched,k,1) key(watched,k,1) rep(watched,k,2) new(below,,) del(watched,k,) ", "a track of depth one hears of its object and children");
	check(poll(&p, 1, 0) == 0, "and not afterwards");
	check(last_first == watched && last_second == top, "a key's notice carries the object first, then the parent of the tracked one");
	RETURNS(confdb_stop_track_changes(h), CS_OK);
	RETURNS(confdb_stop_track_changes(h), CS_OK);
	confdb_key_create(h, watched, "k", 1, "3", 1);
	hears("", "after the end of tracks nothing is told");

	RETURNS(confdb_track_changes(h, watched, CONFDB_TRACK_DEPTH_RECURSIVE), CS_OK);
	RETURNS(confdb_track_changes(h, below, CONFDB_TRACK_DEPTH_ONE), CS_OK);
	RETURNS(confdb_track_changes(h, OBJECT_PARENT_HANDLE, CONFDB_TRACK_DEPTH_RECURSIVE), CS_OK);
	confdb_key_create(h, deep, "d", 1, "1", 1);
	confdb_key_create(h, below, "b", 1, "1", 1);
	hears("key(deep,d,1) key(below,b,1) key(below,b,1) ", "two tracks that match give two notices, a track on the root none");
	confdb_object_destroy(h, below);
	hears("gone(below,,) gone(below,,) ", "of a destroyed tree the top is told, and each object to its own tracks");
	RETURNS(confdb_reload(h, 0, (char[64]){0}, 64), CS_OK);
	hears("start(,,) end(,,) ", "tracks on the root are told of reloads");
	RETURNS(confdb_write(h, (char[64]){0}, 64), CS_OK);
	RETURNS(confdb_stop_track_changes(h), CS_OK);
}

static void configuration(void)
{
	hdb_handle_t totem, nodelist, node;
	char value[256];
	size_t length = 0;
	confdb_value_types_t type;
	RETURNS(confdb_object_find_start(h, OBJECT_PARENT_HANDLE), CS_OK);
	RETURNS(confdb_object_find(h, OBJECT_PARENT_HANDLE, "totem", 5, &totem), CS_OK);
	RETURNS(confdb_key_get_typed(h, totem, "cluster_name", value, &length, &type), CS_OK);
	check(type == CONFDB_VALUETYPE_STRING && length > 0 && value[length - 1] != 0, "the configuration is text");
	RETURNS(confdb_key_create(h, totem, "cluster_name", 12, "x", 1), CS_ERR_ACCESS);
	RETURNS(confdb_object_destroy(h, totem), CS_ERR_ACCESS);
	RETURNS(confdb_object_find_start(h, OBJECT_PARENT_HANDLE), CS_OK);
	RETURNS(confdb_object_find(h, OBJECT_PARENT_HANDLE, "nodelist", 8, &nodelist), CS_OK);
	RETURNS(confdb_object_find_start(h, nodelist), CS_OK);
	RETURNS(confdb_object_find(h, nodelist, "node", 4, &node), CS_OK);
	RETURNS(confdb_key_get_typed(h, node, "nodeid", value, &length, &type), CS_OK);
	check(type == CONFDB_VALUETYPE_UINT32 && length == 4, "a node of the list is an object named node");
}

int main(void)
{
	confdb_callbacks_t callbacks = {on_create, on_delete, on_key, on_reload};
	hdb_handle_t top;
	const void *context = &top;
	int fd;
	RETURNS(confdb_initialize(&h, &callbacks), CS_OK);
	RETURNS(confdb_object_create(h, OBJECT_PARENT_HANDLE, "confdb_api", 10, &top), CS_OK);
	objects(top);
	keys(top);
	notices(top);
	configuration();
	RETURNS(confdb_object_destroy(h, top), CS_OK);
	RETURNS(confdb_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
	RETURNS(confdb_context_get(h, &context), CS_OK);
	check(context == NULL, "there is no context at first");
	RETURNS(confdb_context_set(h, &fd), CS_OK);
	RETURNS(confdb_finalize(h), CS_OK);
	RETURNS(confdb_finalize(h), CS_ERR_BAD_HANDLE);
	RETURNS(confdb_fd_get(h, &fd), CS_ERR_BAD_HANDLE);
	RETURNS(confdb_dispatch(h, CS_DISPATCH_ALL), CS_ERR_BAD_HANDLE);
	RETURNS(confdb_object_create(h, OBJECT_PARENT_HANDLE, "x", 1, &top), CS_ERR_BAD_HANDLE);
	RETURNS(confdb_initialize(&h, NULL), CS_OK);
	RETURNS(confdb_finalize(h), CS_OK);
	return failures != 0;
}
