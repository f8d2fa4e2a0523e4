// What both syntaxes come down to before anybody asks what a key means: settings in their sections, with places.
#pragma once
#include <string>
#include <vector>

#include "supervisor/reader/problems.h"

namespace motet::reader {

struct Setting {
    std::string name, value;
    Place at;             // of the name
};

// One occurrence of a section; "" is the top of the file.
struct Part {
    std::string path;     // as in the schema: "totem", "nodelist.node"
    std::size_t parent = 0;   // index of the part it stands in
    Place at;
    std::vector<Setting> settings;
};

struct Document {
    std::vector<Part> parts;   // in the order of the file; parts[0] is the top
    bool yaml = true;
};

inline constexpr std::size_t kFileMax = 1u << 20;       // bytes
inline constexpr std::size_t kDepthMax = 16;            // sections inside sections
inline constexpr std::size_t kSettingsMax = 20'000;     // keys of one file

// Text without what no configuration contains; false and one problem otherwise.
bool plausible(const std::string& file, const std::string& text, Problems& problems);

Document parse_yaml(const std::string& file, const std::string& text, Problems& problems);
Document parse_corosync(const std::string& file, const std::string& text, Problems& problems);

}  // namespace motet::reader
