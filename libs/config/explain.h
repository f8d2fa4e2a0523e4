// One key of the schema as people read it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "libs/config/schema.h"

namespace motet::config {

std::string_view when(Reload reload);              // "at reload and through cmap"
std::string yaml_name(const Key& key);             // as the file has it: "nodelist.ring<n>_addr"
std::vector<std::string> remarks(const Key& key);  // "Only with transport knet."
// A few lines: name, sentence, value, default, when a change takes effect, remarks.
std::string explain(const Key& key);

// By any name people give a key: of the file, of cmap ("nodelist.node.0.name"), or the last word alone where only one key has
// it. Several where it could be any of them; of a section all its keys; none for what is no name.
std::vector<const Key*> look_up(std::string_view name);

}  // namespace motet::config
