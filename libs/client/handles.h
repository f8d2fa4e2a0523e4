// Handles of one library: 64 bits, an index below and a random check number above, so that a stale or invented one is
// told from a live one. Looking up is one compare-and-swap. An object lives until its handle is closed and the last
// reference has gone; entries are reused, never given back to the system, so a stale handle can always be looked at.
#pragma once
#include <sys/random.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace motet::client {

template <class T>
class Handles {
    struct Entry {
        // Check number above; below it a closed bit and the number of references. 0: free.
        std::atomic<std::uint64_t> word{0};
        T* object = nullptr;
        std::uint32_t next_free = 0;
    };
    static constexpr std::uint64_t kClosed = std::uint64_t{1} << 31;
    static constexpr std::uint64_t kReferences = kClosed - 1;
    static constexpr std::uint32_t kBlock = 256;    // entries allocated at a time
    static constexpr std::uint32_t kBlocks = 256;   // 65536 handles per process; more are no_resources
    static constexpr std::uint32_t kNone = UINT32_MAX;

public:
    // Keeps the object alive. Empty if the handle was not good.
    class Ref {
    public:
        Ref() = default;
        Ref(Ref&& other) noexcept : table_(other.table_), entry_(std::exchange(other.entry_, nullptr)), index_(other.index_) {}
        Ref& operator=(Ref&&) = delete;
        ~Ref() {
            if (entry_ != nullptr) table_->put(*entry_, index_);
        }
        explicit operator bool() const { return entry_ != nullptr; }
        T* operator->() const { return entry_->object; }
        T& operator*() const { return *entry_->object; }
        bool closed() const { return (entry_->word.load(std::memory_order_acquire) & kClosed) != 0; }

    private:
        friend class Handles;
        Ref(Handles* table, Entry* entry, std::uint32_t index) : table_(table), entry_(entry), index_(index) {}
        Handles* table_ = nullptr;
        Entry* entry_ = nullptr;
        std::uint32_t index_ = 0;
    };

    enum class Added { ok, no_memory, full };

    Added add(std::unique_ptr<T> object, std::uint64_t& handle) {
        const std::lock_guard lock(mutex_);
        std::uint32_t index = free_;
        if (index != kNone) {
            free_ = at(index)->next_free;
        } else {
            if (used_ == kBlock * kBlocks) return Added::full;
            if (used_ % kBlock == 0) {
                Entry* block = new (std::nothrow) Entry[kBlock];
                if (block == nullptr) return Added::no_memory;
                blocks_[used_ / kBlock].store(block, std::memory_order_release);
            }
            index = used_++;
        }
        Entry& entry = *at(index);
        entry.object = object.release();
        const std::uint64_t check = std::uint64_t{random_check()} << 32;
        entry.word.store(check, std::memory_order_release);
        handle = check | index;
        return Added::ok;
    }

    Ref get(std::uint64_t handle) {
        Entry* entry = at(static_cast<std::uint32_t>(handle));
        if (entry == nullptr) return {};
        std::uint64_t word = entry->word.load(std::memory_order_relaxed);
        do {
            if (!live(word, handle) || (word & kReferences) == kReferences) return {};
        } while (!entry->word.compare_exchange_weak(word, word + 1, std::memory_order_acquire, std::memory_order_relaxed));
        return {this, entry, static_cast<std::uint32_t>(handle)};
    }

    // Ends the handle and gives the last chance to use it. Empty for all but the first of several callers.
    Ref close(std::uint64_t handle) {
        Entry* entry = at(static_cast<std::uint32_t>(handle));
        if (entry == nullptr) return {};
        std::uint64_t word = entry->word.load(std::memory_order_relaxed);
        do {
            if (!live(word, handle) || (word & kReferences) == kReferences) return {};
        } while (!entry->word.compare_exchange_weak(word, (word | kClosed) + 1, std::memory_order_acq_rel, std::memory_order_relaxed));
        return {this, entry, static_cast<std::uint32_t>(handle)};
    }

private:
    static bool live(std::uint64_t word, std::uint64_t handle) {
        return word != 0 && (word >> 32) == (handle >> 32) && (word & kClosed) == 0;
    }

    Entry* at(std::uint32_t index) {
        if (index >= kBlock * kBlocks) return nullptr;
        Entry* block = blocks_[index / kBlock].load(std::memory_order_acquire);
        return block == nullptr ? nullptr : &block[index % kBlock];
    }

    void put(Entry& entry, std::uint32_t index) {
        const std::uint64_t before = entry.word.fetch_sub(1, std::memory_order_acq_rel);
        if ((before & kClosed) == 0 || (before & kReferences) != 1) return;
        delete std::exchange(entry.object, nullptr);
        const std::lock_guard lock(mutex_);
        entry.word.store(0, std::memory_order_release);
        entry.next_free = free_;
        free_ = index;
    }

    // Never 0: handle 0 is what programs initialize their variables with.
    static std::uint32_t random_check() {
        static constinit std::atomic<std::uint32_t> fallback{0x9E3779B9};
        std::uint32_t check = 0;
        while (check == 0) {
            if (getrandom(&check, sizeof check, GRND_NONBLOCK) != sizeof check) check = fallback.fetch_add(0x9E3779B9);
        }
        return check;
    }

    std::mutex mutex_;
    std::atomic<Entry*> blocks_[kBlocks] = {};
    std::uint32_t used_ = 0;
    std::uint32_t free_ = kNone;
};

}  // namespace motet::client
