// Collecting and printing problems.
#include "supervisor/reader/problems.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace motet::reader {

void Problems::fail(const Place& at, const std::string& key, std::string text) {
    if (!key.empty() && broken_.size() <= 10 * kErrorsMax) broken_.insert(key);
    if (errors_.size() == kErrorsMax) {
        ++more_errors_;
        return;
    }
    errors_.push_back({at, key, std::move(text)});
}

void Problems::warn(const Place& at, const std::string& key, std::string text) {
    if (warnings_.size() == kWarningsMax) {
        ++more_warnings_;
        return;
    }
    warnings_.push_back({at, key, std::move(text)});
}

void Problems::append(std::vector<std::string>& out, std::vector<Problem> problems, const char* mark) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.at.file, a.at.line, a.at.column) < std::tie(b.at.file, b.at.line, b.at.column);
    });
    for (const Problem& p : problems) {
        std::string line = p.at.file;
        if (p.at.line > 0) line += ":" + std::to_string(p.at.line) + ":" + std::to_string(p.at.column);
        line += std::string(": ") + mark;
        if (!p.key.empty()) line += p.key + ": ";
        line += p.text;
        // A key or value of the file may stand in the text: nothing of it may start a new line.
        for (char& c : line) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
        }
        out.push_back(std::move(line));
    }
}

std::vector<std::string> Problems::lines() const {
    std::vector<std::string> out;
    append(out, warnings_, "warning: ");
    if (more_warnings_ > 0) out.push_back("and " + std::to_string(more_warnings_) + " more warnings");
    append(out, errors_, "");
    if (more_errors_ > 0) out.push_back("and " + std::to_string(more_errors_) + " more errors; correct the ones above first");
    return out;
}

}  // namespace motet::reader
