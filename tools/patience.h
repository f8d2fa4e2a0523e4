// No tool waits for ever: every step that needs another process is given a time, and when that is over the tool says who does
// not answer and ends.
#pragma once

namespace motet::ctl {

class Patience {
public:
    static constexpr int kLimitMs = 2800;   // of one step; an answer within three seconds is promised

    // `tool`: how lines on stderr begin. It, and the words below, must live as long as the program.
    explicit Patience(const char* tool);
    // From now on `process` is waited for; the time begins anew. Ends the program with exit code 1 when it is over.
    void wait_for(const char* process);
    // Nobody is.
    void rest();
};

}  // namespace motet::ctl
