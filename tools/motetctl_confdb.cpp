#include "tools/motetctl_confdb.h"

#include <corosync/confdb.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/confdb_tree.h"
#include "tools/patience.h"

namespace motet::ctl {
namespace {

constexpr int kOk = 0, kNothing = 1, kUsage = 2;
constexpr const char* kHelp =
    "Usage: motetctl confdb COMMAND\n"
    "  dump [PATH]            everything, or everything below an object\n"
    "  get PATH...            keys, or everything below objects\n"
    "  set PATH=VALUE...      a key of an object that is there; a key that is there keeps its type, a new one is a string\n"
    "  create PATH[=VALUE]... objects along the path that are missing, and the key\n"
    "  delete PATH...         a key, or an object with everything below it\n"
    "  watch PATH...          changes of objects and everything below, until q or the end of input\n"
    "  load FILE              lines PATH=VALUE, # begins a comment; - is stdin. As create\n"
    "PATH is names joined by dots; name[1] is the second of several objects of one name.\n";

class Run {
public:
    explicit Run(const Invocation& invocation) : words_(invocation.words), json_(invocation.json) {}

    int run() {
        const std::string command = words_.empty() ? "" : words_[0];
        const std::size_t operands = words_.empty() ? 0 : words_.size() - 1;
        const bool known = command == "dump" || command == "get" || command == "set" || command == "create" || command == "delete" || command == "watch" ||
                           command == "load";
        if (!known || (command == "dump" ? operands > 1 : command == "load" ? operands != 1 : operands == 0)) {
            std::fputs(kHelp, stderr);
            return kUsage;
        }
        if (!connect(command == "watch")) return kNothing;
        int result = kOk;
        if (command == "dump") result = print(operands == 1 ? words_[1] : "", false);
        else if (command == "load") result = load(words_[1]);
        else if (command == "watch") result = watch();
        else
            for (std::size_t i = 1; i < words_.size() && result == kOk; ++i) {
                patience_.step();
                result = command == "get" ? print(words_[i], true) : command == "delete" ? erase(words_[i]) : assign(words_[i], command == "create");
            }
        flush_json();
        patience_.step();
        confdb_finalize(handle_);
        return std::fflush(stdout) == 0 ? result : kNothing;
    }

private:
    bool connect(bool watching) {
        confdb_callbacks_t callbacks{on_created, on_deleted, on_key, on_reload};
        patience_.step();
        const cs_error_t error = confdb_initialize(&handle_, watching ? &callbacks : nullptr);
        patience_.step();
        if (error == CS_OK) return true;
        std::fprintf(stderr, "motetctl: confdb: %s (%s)\n", error == CS_ERR_LIBRARY ? "no daemon is running" : error == CS_ERR_ACCESS ? "not permitted" :
                     "the node is starting or the service is being replaced; try again", cs_strerror(error));
        return false;
    }

    int fail(const std::string& path, const std::string& why) {
        std::fprintf(stderr, "motetctl: confdb: %s: %s\n", path.c_str(), why.c_str());
        return kNothing;
    }
    int fail(const std::string& path, cs_error_t error) {
        return fail(path, error == CS_ERR_ACCESS ? "cannot be changed at run time, or is not there" :
                          error == CS_ERR_INVALID_PARAM ? "the value does not fit the type of the key" : cs_strerror(error));
    }

    void show(const TreeKey& key) {
        patience_.step();
        const std::string path = key.path + (key.path.empty() || key.name.empty() ? "" : ".") + key.name;
        if (!json_) {
            std::printf(key.name.empty() ? "%s\n" : "%s=%s\n", path.c_str(), key.value.c_str());
            return;
        }
        std::string entry = "{\"path\":" + json_text(path);
        if (!key.name.empty()) entry += ",\"type\":\"" + key.type + "\",\"value\":" + (key.quoted ? json_text(key.value) : key.value);
        entries_ += (entries_.empty() ? "" : ",\n ") + entry + "}";
    }
    void flush_json() {
        if (json_ && (words_[0] == "dump" || words_[0] == "get")) std::printf("[%s]\n", entries_.c_str());
    }

    int print(const std::string& path, bool key_too) {
        hdb_handle_t object = 0;
        std::string name;
        TreeKey key;
        if (key_too && tree().find_key(path, object, name) && tree().read(object, split_last(path).first, name, key)) return show(key), kOk;
        if (!tree().find(path, object)) return fail(path, "there is no such object or key");
        tree().walk(object, path, [this](const TreeKey& one) { show(one); });
        return kOk;
    }

    int assign(const std::string& word, bool create) {
        const std::size_t equals = word.find('=');
        const std::string path = word.substr(0, equals);
        hdb_handle_t object = 0;
        if (equals == std::string::npos) {
            if (!create) return fail(word, "a value is needed: PATH=VALUE");
            const cs_error_t made = tree().create(path, object);
            return made == CS_OK ? kOk : fail(path, made);
        }
        const auto [above, name] = split_last(path);
        if (name.empty()) return fail(path, "the path ends without a key");
        if (create) {
            if (const cs_error_t made = tree().create(above, object); made != CS_OK) return fail(above, made);
        } else if (!tree().find(above, object)) {
            return fail(above, "there is no such object; motetctl confdb create makes it");
        }
        const cs_error_t written = tree().write(object, name, word.substr(equals + 1));
        return written == CS_OK ? kOk : fail(path, written);
    }

    int erase(const std::string& path) {
        hdb_handle_t object = 0;
        std::string name;
        cs_error_t error = CS_OK;
        if (tree().find_key(path, object, name)) error = confdb_key_delete(handle_, object, name.data(), name.size(), "", 0);
        else if (tree().find(path, object)) error = confdb_object_destroy(handle_, object);
        else return fail(path, "there is no such object or key");
        return error == CS_OK ? kOk : fail(path, error);
    }

    int load(const std::string& file_name) {
        std::FILE* file = file_name == "-" ? stdin : std::fopen(file_name.c_str(), "r");
        if (file == nullptr) return fail(file_name, std::strerror(errno));
        char* line = nullptr;
        std::size_t room = 0;
        int result = kOk, number = 0;
        for (ssize_t length; result == kOk && (length = getline(&line, &room, file)) >= 0;) {
            ++number;
            std::string text(line, static_cast<std::size_t>(length));
            while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
            text.erase(0, text.find_first_not_of(" \t"));
            if (text.empty() || text[0] == '#') continue;
            patience_.step();
            result = text.find('=') == std::string::npos ? fail(file_name + ":" + std::to_string(number), "PATH=VALUE is needed") : assign(text, true);
        }
        std::free(line);
        if (file != stdin) std::fclose(file);
        return result;
    }

    int watch() {
        watching = this;
        for (std::size_t i = 1; i < words_.size(); ++i) {
            hdb_handle_t object = 0;
            if (!tree().find(words_[i], object)) return fail(words_[i], "there is no such object");
            if (const cs_error_t error = confdb_track_changes(handle_, object, CONFDB_TRACK_DEPTH_RECURSIVE); error != CS_OK) return fail(words_[i], error);
        }
        patience_.rest();
        int fd = -1;
        confdb_fd_get(handle_, &fd);
        if (!json_) std::puts("Type \"q\" to finish");
        std::fflush(stdout);
        for (;;) {
            pollfd waiting[2] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
            if (poll(waiting, 2, -1) < 0 && errno != EINTR) return kNothing;
            char byte = 0;
            if (waiting[1].revents != 0) {
                const ssize_t got = read(STDIN_FILENO, &byte, 1);
                if (got == 0 || byte == 'q') return kOk;
            }
            if (waiting[0].revents != 0 && confdb_dispatch(handle_, CS_DISPATCH_ALL) != CS_OK) return fail("watch", "the service is gone");
        }
    }

    // Names in notices are the object's own; the path is asked for, and is empty when the object is gone already.
    void notice(const char* what, const char* json_what, hdb_handle_t object, std::string path, const std::string& key, const std::string& value, bool has_value) {
        if (path.empty()) path = tree().path_of(object);
        if (!key.empty()) path += "." + key;
        if (json_)
            std::printf("{\"event\":\"%s\",\"path\":%s%s}\n", json_what, json_text(path).c_str(), has_value ? (",\"value\":" + json_text(value)).c_str() : "");
        else
            std::printf("%s%s%s%s\n", what, path.c_str(), has_value ? "=" : "", value.c_str());
        std::fflush(stdout);
    }
    static void on_key(confdb_handle_t, confdb_change_type_t type, hdb_handle_t object, hdb_handle_t, const void*, size_t, const void* key, size_t key_len,
                       const void* value, size_t value_len) {
        static const char* const kinds[] = {"created", "replaced", "deleted"};
        const std::string what = std::string("key_") + kinds[type] + "> ", name(static_cast<const char*>(key), key_len);
        TreeKey now;
        // The value by its type, if it still is the one of the notice; else as bytes.
        std::string text(static_cast<const char*>(value), value_len);
        if (type != OBJECT_KEY_DELETED && watching->tree().read(object, "", name, now)) text = now.value;
        watching->notice(what.c_str(), (std::string("key_") + kinds[type]).c_str(), object, "", name, text, type != OBJECT_KEY_DELETED);
    }
    static void on_created(confdb_handle_t, hdb_handle_t object, hdb_handle_t parent, const void* name, size_t length) {
        const std::string above = watching->tree().path_of(parent);
        watching->notice("object_created> ", "object_created", object, (above.empty() ? "" : above + ".") + std::string(static_cast<const char*>(name), length), "", "", false);
    }
    static void on_deleted(confdb_handle_t, hdb_handle_t parent, const void* name, size_t length) {
        const std::string above = watching->tree().path_of(parent);
        watching->notice("object_deleted> ", "object_deleted", parent, (above.empty() ? "" : above + ".") + std::string(static_cast<const char*>(name), length), "", "", false);
    }
    static void on_reload(confdb_handle_t, confdb_reload_type_t) {}

    ConfdbTree tree() const { return ConfdbTree(handle_); }

    static inline Run* watching = nullptr;
    const std::vector<std::string> words_;
    const bool json_;
    std::string entries_;
    Patience patience_{"motetctl"};
    confdb_handle_t handle_ = 0;
};

}  // namespace

int run_confdb(const Invocation& invocation) {
    // The library looks there for the daemon.
    setenv("MOTET_RUNTIME_DIR", invocation.runtime_dir.c_str(), 1);
    return Run(invocation).run();
}

}  // namespace motet::ctl
