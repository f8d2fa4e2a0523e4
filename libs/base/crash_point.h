// Places between two stores where a test lets the process end, and rules of the protocol that it can leave out to see that
// they are missed. Nothing of it is in the programs that are installed: only tests/unit/crash_tests defines MOTET_CRASH_POINTS.
#pragma once
#include <string_view>

namespace motet {

#ifdef MOTET_CRASH_POINTS
extern void (*crash_hook)(const char* where);   // throws to end the process at this point
extern std::string_view chosen_defect;
inline void crash_point(const char* where) {
    if (crash_hook != nullptr) crash_hook(where);
}
inline bool defect(std::string_view name) { return name == chosen_defect; }
#else
inline void crash_point(const char*) {}
constexpr bool defect(std::string_view) { return false; }
#endif

}  // namespace motet
