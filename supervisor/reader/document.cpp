// What both parsers ask of a file before they look at it.
#include "supervisor/reader/document.h"

namespace motet::reader {

bool plausible(const std::string& file, const std::string& text, Problems& problems) {
    if (text.size() > kFileMax) {
        problems.fail({file}, "", "larger than " + std::to_string(kFileMax) + " bytes; this is not a configuration file, name the right one");
        return false;
    }
    int line = 1;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '\n') ++line, begin = i + 1;
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            problems.fail({file, line, static_cast<int>(i - begin) + 1}, "", "not text: a control character; remove it");
            return false;
        }
    }
    return true;
}

}  // namespace motet::reader
