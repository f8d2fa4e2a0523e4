// Two segments in plain memory, as the two ends of a link see them. No descriptors, no mappings.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>

#include "libs/ring/ring.h"

namespace motet::ring {

class MemorySegment {
public:
    explicit MemorySegment(std::uint64_t capacity)
        : bytes_(static_cast<std::uint8_t*>(std::aligned_alloc(kPage, kPage + capacity))) {
        std::memset(bytes_.get(), 0, kPage + capacity);
        page()->capacity = capacity;
        page()->arm.store(1);
    }
    SegmentPage* page() { return reinterpret_cast<SegmentPage*>(bytes_.get()); }
    std::uint8_t* data() { return bytes_.get() + kPage; }

private:
    struct Free {
        void operator()(std::uint8_t* bytes) const { std::free(bytes); }
    };
    std::unique_ptr<std::uint8_t, Free> bytes_;
};

// `a` produces, `b` consumes.
struct MemoryLink {
    explicit MemoryLink(std::uint64_t capacity, std::uint32_t length_max = 0)
        : a(capacity),
          b(capacity),
          producer(a.page(), b.page()),
          consumer(b.page(), a.page(), length_max == 0 ? static_cast<std::uint32_t>(capacity) : length_max, capacity) {}
    MemorySegment a, b;
    Producer producer;
    Consumer consumer;
};

inline Bytes pattern(std::size_t length, std::uint64_t seed) {
    Bytes bytes(length);
    for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(seed * 31 + i * 7);
    return bytes;
}
inline Push push(Producer& producer, ByteView bytes, std::uint64_t id) {
    return producer.push(1, id, std::span(&bytes, 1));
}
inline bool same(ByteView a, ByteView b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace motet::ring
