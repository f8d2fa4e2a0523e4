// What one supervisor leaves to the next when it re-executes itself: values and descriptors, in order, in a memory file. Writing
// and reading are one function, `transfer`, of every struct that is kept, so that they cannot disagree; a member that must
// survive is one more line there, and a change of the order one more in kFormat.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class TakeOver {
public:
    static constexpr std::uint64_t kFormat = 4;            // raise it when a `transfer` changes: an older supervisor stays then
    static constexpr std::size_t kBytesMax = 64u << 20, kItemsMax = 1u << 20;

    TakeOver() = default;                                  // to be written
    explicit TakeOver(Bytes bytes) : bytes_(std::move(bytes)), reading_(true) {}

    bool reading() const { return reading_; }
    bool ok() const { return ok_; }                        // reading: everything so far was there
    // Every descriptor named so far, to be left open across exec.
    const std::vector<int>& descriptors() const { return fds_; }

    template <class... T>
    void operator()(T&... values) { (one(values), ...); }

    // Into a memory file, its descriptor; and back. kEnvironment names it to the process that takes over.
    Result<UniqueFd> save() const;
    static Result<TakeOver> load(int fd);
    // What a program must read to take over from this one, and whether this one does: "1:membership,cpg".
    static std::string needed();
    static constexpr const char* kEnvironment = "MOTET_TAKE_OVER";

private:
    void number(std::uint64_t& value);
    void text(std::string& value);
    void descriptor(UniqueFd& value);
    std::size_t count(std::size_t size);

    template <class T>
    void one(T& value) {
        if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
            auto raw = static_cast<std::uint64_t>(value);
            number(raw);
            value = static_cast<T>(raw);
        } else if constexpr (std::is_same_v<T, Instant> || std::is_same_v<T, Duration>) {
            one(value.ns);
        } else if constexpr (std::is_same_v<T, std::string>) {
            text(value);
        } else if constexpr (std::is_same_v<T, UniqueFd>) {
            descriptor(value);
        } else {
            value.transfer(*this);
        }
    }
    template <class T> void one(std::vector<T>& all) { list(all); }
    template <class T> void one(std::deque<T>& all) { list(all); }
    template <class T> void one(std::optional<T>& value) {
        bool there = value.has_value();
        one(there);
        if (reading_ && there) value.emplace();
        if (there && value) one(*value);
    }
    template <class L> void list(L& all) {
        const std::size_t n = count(all.size());
        if (reading_) all.clear();
        for (std::size_t i = 0; i < n && ok_; ++i) {
            if (reading_) all.emplace_back();
            one(all[i]);
        }
    }

    Bytes bytes_;
    std::size_t at_ = 0;
    std::vector<int> fds_;
    bool reading_ = false, ok_ = true;
};

// Where this process was started from. Asked at the start: the answer follows a file that is renamed.
Result<std::string> own_program();
// execve with the descriptors of `state` left open. Returns only if it failed, with everything as before.
Error become(const std::string& program, char* const* arguments, const TakeOver& state);

}  // namespace motet::supervisor
