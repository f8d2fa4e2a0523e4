#include "supervisor/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "supervisor/json.h"
#include "supervisor/take_over.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor::events {
namespace {

std::deque<std::string> g_kept;
std::string g_path;
UniqueFd g_file;
std::size_t g_size = 0;
int g_quiet = 0;

void keep(std::string line) {
    g_kept.push_back(std::move(line));
    if (g_kept.size() > kKeptMax) g_kept.pop_front();
}

// Only whole lines that look like objects: a machine may have died while one was written.
void read_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    std::string text(kFileMax * 2, '\0');
    const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    for (std::size_t from = 0, end; (end = text.find('\n', from)) != std::string::npos; from = end + 1)
        if (end > from + 1 && text[from] == '{' && text[end - 1] == '}') keep(text.substr(from, end - from));
}

void open_file(bool fresh) {
    if (g_path.empty()) return;
    if (fresh) (void)!rename(g_path.c_str(), (g_path + ".old").c_str());
    g_file = UniqueFd(::open(g_path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    struct stat st {};
    g_size = g_file && fstat(g_file.get(), &st) == 0 ? static_cast<std::size_t>(st.st_size) : 0;
}

std::string printable(std::string_view text) {
    std::string out(text.substr(0, kTextMax));
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

std::string as_json(const Event& event) {
    timeval now{};
    gettimeofday(&now, nullptr);
    Json json;
    json.open('{').key("time_ms").number(static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000);
    json.key("process").text(event.process).key("pid").number(event.pid).key("kind").text(event.kind).key("level").text(log::name(event.level));
    json.key("text").text(printable(event.text));
    if (event.exit_code >= 0) json.key("exit_code").number(event.exit_code);
    if (event.signal >= 0) json.key("signal").number(event.signal);
    if (event.system_call >= 0) json.key("system_call").number(event.system_call).key("system_call_name").text(event.system_call_name);
    if (!event.last.empty()) {
        json.key("last").open('[');
        const std::size_t from = event.last.size() > kLastMax ? event.last.size() - kLastMax : 0;
        for (std::size_t i = from; i < event.last.size(); ++i) json.text(printable(event.last[i]));
        json.close(']');
    }
    json.close('}');
    return json.str();
}

}  // namespace

void open(const std::string& state_dir) {
    g_path = state_dir + "/events.log";
    g_kept.clear();
    read_file(g_path + ".old");
    read_file(g_path);
    open_file(false);
    // A line that was cut must not take the next one with it.
    if (g_file && g_size > 0 && ::write(g_file.get(), "\n", 1) == 1) ++g_size;
}

void note(const Event& event) {
    std::string line = as_json(event) + "\n";
    if (g_file) {
        if (g_size + line.size() > kFileMax) open_file(true);
        // A full disk loses the line, not us.
        if (g_file && ::write(g_file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) g_size += line.size();
    }
    line.pop_back();
    keep(std::move(line));
}

void note_line(log::Level level, std::string_view process, std::string_view text) {
    if (g_quiet > 0 || static_cast<int>(level) > static_cast<int>(log::Level::warning)) return;
    note({.process = process.starts_with("motet-") ? process.substr(6) : process, .kind = "log", .level = level, .text = std::string(text)});
}

Quiet::Quiet() { ++g_quiet; }
Quiet::~Quiet() { --g_quiet; }

const std::deque<std::string>& kept() { return g_kept; }

void transfer(TakeOver& t) {
    t(g_path, g_kept);
    if (t.reading()) open_file(false);
}

}  // namespace motet::supervisor::events
