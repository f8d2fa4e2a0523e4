// The schema as people read it: the manual page and the commented default file.
#pragma once
#include <string>

namespace motet::reader {

std::string manual_page();     // motet.yaml(5), roff
std::string default_file();    // etc/motet.yaml: valid as it stands, one node on the loopback address

}  // namespace motet::reader
