// The memory in which a worker keeps events that do not fit into its clients' rings: one segment for all clients, in chunks of
// 64 KiB that belong to one client's stream each. A successor finds the streams again, so nothing is lost with the process.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "libs/base/result.h"
#include "libs/ring/segment.h"

namespace motet::ipc {

class Overflow {
public:
    static constexpr std::uint64_t kChunk = 64 * 1024;
    static constexpr std::uint32_t kChunks = 12288;   // the bytes of all backlogs and a begun chunk at both ends of each
    static constexpr std::uint64_t kTable = 256 * 1024;
    static constexpr std::uint64_t kSize = kTable + kChunk * kChunks;

    static Result<Overflow> map(int fd);
    static Overflow anonymous();   // dies with the process

    struct Chunk {
        std::uint64_t index = 0;   // its place in the stream
        std::uint32_t number = 0;
    };
    // Chunks that a predecessor had given to this stream, in order; they are the caller's from now on.
    std::vector<Chunk> claim(std::uint64_t conn);
    // After all clients have claimed: what is left belongs to nobody.
    void free_unclaimed();

    // False: none is left.
    bool allocate(std::uint64_t conn, std::uint64_t index, Chunk& out);
    void free(const Chunk& chunk);
    std::uint8_t* data(const Chunk& chunk) const { return memory_.data() + kTable + chunk.number * kChunk; }

private:
    static constexpr std::size_t kWarmMax = 128;   // free chunks that keep their pages
    struct Owner {
        ring::Word conn, index;   // conn is stored last and cleared first; 0: free
    };
    explicit Overflow(ring::Memory memory);
    Owner& owner(std::uint32_t number) const { return reinterpret_cast<Owner*>(memory_.data())[number]; }

    ring::Memory memory_;
    std::vector<std::uint32_t> warm_, cold_;
    std::unordered_map<std::uint64_t, std::vector<Chunk>> found_;
};

}  // namespace motet::ipc
