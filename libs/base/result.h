// What a function returns that may fail for a reason outside the program. Exceptions stay inside the
// room that calls a throwing library; a broken invariant of our own is MOTET_ASSERT.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace motet {

struct Error {
    std::string text;
};

[[gnu::format(printf, 1, 2)]] inline Error error(const char* format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return Error{text};
}

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Error why) : error_(std::move(why)) {}

    explicit operator bool() const { return value_.has_value(); }
    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }
    const Error& error() const { return error_; }

private:
    std::optional<T> value_;
    Error error_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace motet
