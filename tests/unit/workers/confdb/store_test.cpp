// The object database: one tree, seen as objects and as a flat map.
#include "tests/unit/workers/confdb/recorder.h"
#include "workers/confdb/core/read_only.h"

namespace motet::confdb {
namespace {

using Lines = std::vector<std::string>;

struct StoreTest : testing::Test {
    Heard heard;
    Store store{heard};
    std::string text(std::string_view flat) {
        const Key* key = store.find(flat);
        return key == nullptr ? "(none)" : key->value.bytes;
    }
    Lines walk(std::string_view prefix) {
        Lines keys;
        std::string last;
        while (const Key* key = store.next(prefix, last)) keys.push_back(last = key->flat);
        return keys;
    }
};

TEST_F(StoreTest, AFlatKeyMakesItsObjectsAndTakesThemAlong) {
    EXPECT_EQ(store.set("a.b.key", Value::text("1")), Stored::ok);
    EXPECT_EQ(store.set("a.b.key", Value::text("1")), Stored::unchanged);
    EXPECT_EQ(store.set("a.b.key", Value::u8(7)), Stored::ok);
    EXPECT_EQ(store.erase("a.b.key"), Stored::ok);
    EXPECT_EQ(heard.lines, (Lines{"object a", "object b", "created a.b.key - 1", "replaced a.b.key 1 \x07", "deleted a.b.key \x07 -", "gone b", "gone a"}));
    EXPECT_EQ(store.objects(), 1u);   // the root
    EXPECT_EQ(store.bytes(), 0u);
}

TEST_F(StoreTest, TheConfigurationsListsAreSiblings) {
    for (const char* key : {"nodelist.node.0.nodeid", "nodelist.node.1.nodeid", "nodelist.local_node_pos", "totem.interface.0.ttl",
                            "logging.logger_subsys.QB.debug", "runtime.members.1.status"})
        ASSERT_EQ(store.set(key, Value::text("x")), Stored::ok);
    const Object* root = store.object(kRoot);
    ASSERT_EQ(root->children().size(), 4u);
    const Object& nodelist = *root->children()[0];
    ASSERT_EQ(nodelist.children().size(), 2u);
    EXPECT_EQ(nodelist.children()[0]->name(), "node");
    EXPECT_EQ(nodelist.children()[1]->name(), "node");
    EXPECT_NE(nodelist.children()[1]->find("nodeid"), nullptr);
    EXPECT_NE(nodelist.find("local_node_pos"), nullptr);
    EXPECT_EQ(root->children()[2]->children()[0]->name(), "logger_subsys");
    const Object& members = *root->children()[3]->children()[0];
    EXPECT_EQ(members.children()[0]->name(), "1");   // a number elsewhere is a name
}

TEST_F(StoreTest, SiblingsOfOneNameAreNumberedInFlatNames) {
    ObjectId top = 0, first = 0, second = 0, odd = 0, dotted = 0;
    ASSERT_EQ(store.create(kRoot, "top", top), Stored::ok);
    ASSERT_EQ(store.create(top, "item", first), Stored::ok);
    ASSERT_EQ(store.create(top, "item", second), Stored::ok);
    ASSERT_EQ(store.create(top, "with blank", odd), Stored::ok);
    ASSERT_EQ(store.create(top, "a.b", dotted), Stored::ok);
    for (const ObjectId id : {first, second, odd, dotted}) ASSERT_EQ(store.put(id, "key", Value::text("v")), Stored::ok);
    ASSERT_EQ(store.put(first, "x.y", Value::text("v")), Stored::ok);
    EXPECT_EQ(walk(""), (Lines{"top.item.1.key", "top.item.key"}));
    EXPECT_EQ(store.set("top.item.1.more", Value::text("w")), Stored::ok);
    EXPECT_NE(store.object(second)->find("more"), nullptr);
}

TEST_F(StoreTest, AnObjectGoesWithEverythingBelowAndItsIdStaysUnused) {
    ObjectId top = 0, child = 0, again = 0;
    store.create(kRoot, "top", top);
    store.create(top, "child", child);
    store.put(child, "key", Value::text("v"));
    heard.lines.clear();
    EXPECT_EQ(store.destroy(top), Stored::ok);
    EXPECT_EQ(heard.lines, (Lines{"gone top", "with it child", "deleted top.child.key v -"}));
    EXPECT_EQ(store.object(child), nullptr);
    EXPECT_EQ(store.put(child, "key", Value::text("v")), Stored::absent);
    store.create(kRoot, "top", again);
    EXPECT_GT(again, child);
    EXPECT_EQ(store.destroy(kRoot), Stored::absent);
    EXPECT_EQ(store.destroy(top), Stored::absent);
}

TEST_F(StoreTest, CreatedObjectsStayWhenTheyAreEmpty) {
    ObjectId top = 0;
    store.create(kRoot, "top", top);
    store.set("top.below.key", Value::text("v"));
    store.erase("top.below.key");
    EXPECT_NE(store.object(top), nullptr);
    EXPECT_TRUE(store.object(top)->children().empty());
}

TEST_F(StoreTest, CountingWrapsAtTheSizeOfTheType) {
    store.set("n.u8", Value::u8(255));
    store.set("n.i16", Value::number<std::int16_t>(Type::i16, 32767));
    store.set("n.text", Value::text("7"));
    EXPECT_EQ(store.add("n.u8", 1), Stored::ok);
    EXPECT_EQ(store.add("n.i16", 1), Stored::ok);
    EXPECT_EQ(store.find("n.u8")->value.integer(), 0u);
    EXPECT_EQ(static_cast<std::int64_t>(store.find("n.i16")->value.integer()), -32768);
    EXPECT_EQ(store.add("n.text", 1), Stored::bad_type);
    EXPECT_EQ(store.add("n.none", 1), Stored::absent);
}

TEST_F(StoreTest, AWalkIsValidUnderAnyChange) {
    for (char c = 'a'; c <= 'f'; ++c) store.set(std::string("walk.") + c, Value::u8(1));
    Lines seen;
    std::string last;
    while (const Key* key = store.next("walk.", last)) {
        seen.push_back(last = key->flat);
        store.erase(last);
        if (last == "walk.b") store.erase("walk.c"), store.set("walk.bb", Value::u8(2));
    }
    EXPECT_EQ(seen, (Lines{"walk.a", "walk.b", "walk.bb", "walk.d", "walk.e", "walk.f"}));
    EXPECT_EQ(store.next("zzz", ""), nullptr);
    EXPECT_EQ(store.next("walk.", "zzz"), nullptr);
}

TEST_F(StoreTest, LimitsHoldAndLeaveNothingBehind) {
    Store small(heard, {.objects = 4, .keys = 3, .bytes = 80, .value = 20, .depth = 3});
    EXPECT_EQ(small.set("a.b.c", Value::text("1")), Stored::ok);
    EXPECT_EQ(small.set("x.y.z.key", Value::text("1")), Stored::full);   // objects
    EXPECT_EQ(small.objects(), 3u);
    EXPECT_EQ(small.set("a.b.d", Value::text(std::string(21, 'x'))), Stored::too_long);
    EXPECT_EQ(small.set("a.b.d", Value::text(std::string(20, 'x'))), Stored::ok);
    EXPECT_EQ(small.set("a.b.e", Value::text(std::string(20, 'x'))), Stored::ok);
    EXPECT_EQ(small.set("a.b.f", Value::text("x")), Stored::full);       // keys
    EXPECT_EQ(small.set("a.b.c", Value::text(std::string(19, 'x'))), Stored::full);   // bytes
    ObjectId id = 0;
    Store flat(heard, {.objects = 100, .keys = 3, .bytes = 100, .value = 20, .depth = 2});
    ObjectId at = kRoot;
    EXPECT_EQ(flat.create(at, "1", at), Stored::ok);
    EXPECT_EQ(flat.create(at, "2", at), Stored::ok);
    EXPECT_EQ(flat.create(at, "3", id), Stored::full);                   // depth
}

TEST_F(StoreTest, ASuccessorGoesOnWhereTheStoreWas) {
    ObjectId top = 0, item = 0;
    store.create(kRoot, "top", top);
    store.create(top, "item", item);
    store.create(top, "item", item);
    store.put(item, "k", Value{Type::binary, std::string("a\0b", 3)});
    store.set("totem.interface.0.ttl", Value::u8(3));
    const Bytes saved = store.save();
    Heard quiet;
    Store other(quiet);
    ASSERT_TRUE(other.restore(saved));
    EXPECT_TRUE(quiet.lines.empty());
    EXPECT_EQ(other.save(), saved);
    EXPECT_EQ(other.bytes(), store.bytes());
    EXPECT_EQ(other.erase("totem.interface.0.ttl"), Stored::ok);
    EXPECT_EQ(other.object(kRoot)->children().size(), 1u);   // implied ones still vanish
    ObjectId mine = 0, theirs = 0;
    store.create(kRoot, "x", mine), other.create(kRoot, "x", theirs);
    EXPECT_EQ(mine, theirs);
}

TEST_F(StoreTest, NoBytesThatAreNotASavedStoreAreTaken) {
    store.set("a.b.c", Value::text("value"));
    const Bytes saved = store.save();
    Heard quiet;
    Store other(quiet);
    for (std::size_t size = 0; size < saved.size(); ++size) {
        EXPECT_FALSE(other.restore(ByteView(saved).first(size))) << size;
        EXPECT_EQ(other.objects(), 1u);
    }
    for (std::size_t at = 0; at < saved.size(); ++at) {
        Bytes broken = saved;
        broken[at] ^= 0x55;
        if (!other.restore(broken)) {
            EXPECT_EQ(other.bytes(), 0u);
        }
    }
}

TEST(ReadOnly, KeysOfTheNodeAreAndKeysOfClientsAreNot) {
    for (const char* key : {"nodelist.node.0.nodeid", "totem.transport", "runtime.config.totem.token", "uidgid.config.uid.0", "quorum.wait_for_all",
                            "runtime.services.cpg.0.tx", "internal_configuration.service.0.name", "system.state_dir", "totem.version"})
        EXPECT_TRUE(is_read_only(key)) << key;
    for (const char* key : {"totem.token", "uidgid.gid.5", "runtime.members.1.status", "quorum.expected_votes", "logging.debug", "anything.else",
                            "runtime.blackbox.dump_state", "totem.interface.0.ttl"})
        EXPECT_FALSE(is_read_only(key)) << key;
}

}  // namespace
}  // namespace motet::confdb
