// Everything wrong with a configuration, with its place, collected instead of stopping at the first.
#pragma once
#include <set>
#include <string>
#include <vector>

namespace motet::reader {

struct Place {
    std::string file;
    int line = 0, column = 0;   // from 1; 0: the file as a whole
};

class Problems {
public:
    static constexpr std::size_t kErrorsMax = 50, kWarningsMax = 50;   // further ones are counted

    // One error per key: what follows from a broken value is not told again.
    void fail(const Place& at, const std::string& key, std::string text);
    void warn(const Place& at, const std::string& key, std::string text);

    bool ok() const { return errors_.empty(); }
    bool is_broken(const std::string& key) const { return broken_.count(key) != 0; }
    // "file:line:column: key: reason, what to do", sorted by place; warnings first.
    std::vector<std::string> lines() const;

private:
    struct Problem {
        Place at;
        std::string key, text;
    };
    static void append(std::vector<std::string>& out, std::vector<Problem> problems, const char* mark);

    std::vector<Problem> errors_, warnings_;
    std::set<std::string> broken_;
    std::size_t more_errors_ = 0, more_warnings_ = 0;
};

}  // namespace motet::reader
