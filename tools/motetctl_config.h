// motetctl config.
#pragma once
#include <string>
#include <vector>

namespace motet::ctl {

// What every command is given: its operands and the common options.
struct Invocation {
    std::vector<std::string> words;   // behind the command's name
    std::string runtime_dir;
    bool json = false;
    int limit_ms = 0;
};

// Exit codes, as motetctl's: 0 done, 1 no answer or nothing there, 2 bad usage.
int run_config(const Invocation& invocation);

// What "config explain" prints for `name`; `ok` false: nothing of this name, the text says what comes near.
struct Explained {
    std::string text;
    bool ok = true;
};
Explained explain_key(const std::string& name, bool json);

}  // namespace motet::ctl
