// No tool waits for ever, however many steps it takes: every step that needs another process is given a time (tools/limit.h).
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "tools/limit.h"

namespace motet::ctl {

class Patience {
public:
    // `tool`: how the line begins that says who is silent.
    explicit Patience(std::string tool) : tool_(std::move(tool)) {}
    // From now on another process is waited for; the time begins anew. Ends the program with exit code 1 when it is over.
    void step();
    // Nobody is.
    void rest() { limit_.reset(); }

private:
    const std::string tool_;
    std::unique_ptr<tools::Limit> limit_;
    std::int64_t begun_ms_ = 0;
};

}  // namespace motet::ctl
