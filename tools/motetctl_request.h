// One request to the supervisor's control socket, with a limit on the waiting.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "libs/base/result.h"

namespace motet::ctl {

inline constexpr int kConnectLimitMs = 2500;         // of the whole exchange, unless --timeout says otherwise
inline constexpr std::size_t kAnswerMax = 8u << 20;  // bytes

struct Section {
    std::string body;
    std::int64_t age_ms = -1;   // since the writer wrote it; -1: nothing there
};
using Answer = std::map<std::string, Section>;

// An error is one line for the administrator.
Result<Answer> ask(const std::string& runtime_dir, const std::string& request, int limit_ms);
// The answer's text taken apart; an error if it is cut or malformed.
Result<Answer> parse_answer(const std::string& text);

}  // namespace motet::ctl
