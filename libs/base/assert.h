// An invariant of our own code, checked in every build. Never used on what a peer, client or file said.
#pragma once
#include <cstdio>
#include <cstdlib>

#define MOTET_ASSERT(condition, ...)                                                                    \
    do {                                                                                                \
        if (!(condition)) ::motet::assertion_failed(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
    } while (false)

namespace motet {
[[noreturn, gnu::cold]] inline void assertion_failed(const char* file, int line, const char* what) {
    std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, what);
    std::abort();
}
template <class... Args>
[[noreturn, gnu::cold]] void assertion_failed(const char* file, int line, const char* what, const char* format, Args... args) {
    std::fprintf(stderr, "%s:%d: broken invariant: %s: ", file, line, what);
    std::fprintf(stderr, format, args...);
    std::fputc('\n', stderr);
    std::abort();
}
}  // namespace motet
