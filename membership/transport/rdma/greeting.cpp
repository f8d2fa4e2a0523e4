#include "membership/transport/rdma/greeting.h"

#include <bit>

namespace motet::transport::rdma {
namespace {

constexpr std::size_t kAuthenticatedSize = 60, kMacSize = 32;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint16_t kPlaintext = 1;
constexpr bool kSwap = std::endian::native == std::endian::little;
constexpr std::string_view kPurpose = "motet-rdma-greeting-1";

template <class T>
T big(T value) { return kSwap ? byte_swapped(value) : value; }

bool mac_of(ByteView front, const Context& context, const Secret& secret, std::span<std::uint8_t, kMacSize> out) {
    Bytes message(front.begin(), front.end());
    Writer w(message);
    w.u32(big(context.to));
    w.u8(context.link);
    w.u32(big(context.queue_pair));
    return authenticate(secret, kPurpose, message, out);
}

}  // namespace

std::optional<std::array<std::uint8_t, kGreetingSize>> encode(const Greeting& g, const Context& context, const Secret* secret) {
    Bytes bytes;
    Writer w(bytes);
    w.bytes(as_bytes(g.answer ? "MTRA" : "MTRQ"));
    w.u8(kVersion);
    w.u8(secret == nullptr ? 0 : secret->id());
    w.u16(big(secret == nullptr ? kPlaintext : std::uint16_t{0}));
    w.u64(big(g.cluster));
    w.u32(big(g.from));
    w.u64(big(g.incarnation));
    w.bytes(g.nonce);
    w.zeros(kGreetingSize - bytes.size());
    std::array<std::uint8_t, kGreetingSize> out;
    std::copy(bytes.begin(), bytes.end(), out.begin());
    if (secret != nullptr && !mac_of(ByteView(out).first(kAuthenticatedSize), context, *secret, std::span(out).last<kMacSize>())) return std::nullopt;
    return out;
}

std::optional<Greeting> decode(ByteView data, const Context& context, const Secret* secret) {
    if (data.size() < kGreetingSize) return std::nullopt;
    Reader in(data, kSwap);
    const std::string_view magic = as_text(in.bytes(4));
    Greeting g;
    g.answer = magic == "MTRA";
    const std::uint8_t version = in.u8();
    const std::uint8_t key_id = in.u8();
    const std::uint16_t flags = in.u16();
    g.plaintext = flags == kPlaintext;
    g.cluster = in.u64();
    g.from = in.u32();
    g.incarnation = in.u64();
    const ByteView nonce = in.bytes(g.nonce.size());
    std::copy(nonce.begin(), nonce.end(), g.nonce.begin());
    if ((!g.answer && magic != "MTRQ") || version != kVersion || (flags & ~kPlaintext) != 0 || g.from == 0) return std::nullopt;
    if (g.plaintext != (secret == nullptr) || key_id != (secret == nullptr ? 0 : secret->id())) return std::nullopt;
    if (secret != nullptr) {
        std::array<std::uint8_t, kMacSize> mac;
        if (!mac_of(data.first(kAuthenticatedSize), context, *secret, mac)) return std::nullopt;
        if (!equal_in_constant_time(mac, data.subspan(kAuthenticatedSize, kMacSize))) return std::nullopt;
    }
    return g;
}

}  // namespace motet::transport::rdma
