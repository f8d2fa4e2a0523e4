#include "membership/transport/rdma/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <bit>

#include "libs/base/assert.h"

namespace motet::transport::rdma {
namespace {

constexpr std::size_t kNonceSize = 12;

std::array<std::uint8_t, kNonceSize> nonce_of(std::uint64_t counter) {
    std::array<std::uint8_t, kNonceSize> nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (56 - 8 * i));
    return nonce;
}

// One call of HKDF. `mode`: EVP_KDF_HKDF_MODE_EXTRACT_ONLY or _EXPAND_ONLY.
bool hkdf(int mode, ByteView key, ByteView salt_or_info, std::span<std::uint8_t> out) {
    const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
    if (!kdf) return false;
    const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
    if (!context) return false;
    char digest[] = "SHA256";
    const char* name = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(key.data()), key.size()),
        OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(salt_or_info.data()), salt_or_info.size()),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1;
}

int length(std::size_t size) { return static_cast<int>(size); }   // of a datagram: far below INT_MAX

}  // namespace

Result<Secret> Secret::make(ByteView cluster_key, std::string_view cluster_name) {
    Secret secret;
    // An empty salt is what HKDF replaces by zeros; OpenSSL wants it left out, and a name is never empty behind this.
    const std::string_view salt = cluster_name.empty() ? std::string_view("\0", 1) : cluster_name;
    if (!hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, cluster_key, as_bytes(salt), secret.root_) ||
        !secret.derive(as_bytes("motet-rdma-key-id-1"), std::span(&secret.id_, 1)))
        return error("libcrypto offers no HKDF with SHA-256; install its default provider, or set crypto_cipher: none with allow_unencrypted: yes");
    return secret;
}

Secret::~Secret() { OPENSSL_cleanse(root_.data(), root_.size()); }

bool Secret::derive(ByteView info, std::span<std::uint8_t> out) const { return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, root_, info, out); }

void Seal::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

Result<Seal> Seal::make(const Secret& secret, const Sender& sender) {
    Bytes info;
    Writer w(info);
    w.bytes(as_bytes("motet-rdma-1"));
    w.u8(secret.id());
    w.u8(sender.link);
    for (int shift = 24; shift >= 0; shift -= 8) w.u8(static_cast<std::uint8_t>(sender.node >> shift));
    for (int shift = 56; shift >= 0; shift -= 8) w.u8(static_cast<std::uint8_t>(sender.incarnation >> shift));
    std::array<std::uint8_t, 32> key{};
    const bool derived = secret.derive(info, key);
    Seal seal;
    seal.seal_.reset(EVP_CIPHER_CTX_new());
    seal.open_.reset(EVP_CIPHER_CTX_new());
    // GCM's default nonce is the 12 bytes we use.
    const bool made = derived && seal.seal_ && seal.open_ &&
                      EVP_EncryptInit_ex(seal.seal_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1 &&
                      EVP_DecryptInit_ex(seal.open_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1;
    OPENSSL_cleanse(key.data(), key.size());
    if (!made) return error("libcrypto offers no AES-256-GCM; install its default provider");
    return seal;
}

bool Seal::close(std::span<const std::uint8_t, kEnvelopeSize> envelope, std::uint64_t counter, std::span<std::uint8_t> payload,
                 std::span<std::uint8_t, kTagSize> tag) {
    EVP_CIPHER_CTX* c = seal_.get();
    const auto nonce = nonce_of(counter);
    int n = 0;
    return EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
           EVP_EncryptUpdate(c, nullptr, &n, envelope.data(), length(envelope.size())) == 1 &&
           EVP_EncryptUpdate(c, payload.data(), &n, payload.data(), length(payload.size())) == 1 &&
           EVP_EncryptFinal_ex(c, tag.data(), &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, length(tag.size()), tag.data()) == 1;
}

bool Seal::open(std::span<const std::uint8_t, kEnvelopeSize> envelope, std::uint64_t counter, ByteView sealed, Bytes& out) {
    if (sealed.size() < kTagSize) return false;
    EVP_CIPHER_CTX* c = open_.get();
    const auto nonce = nonce_of(counter);
    const ByteView payload = sealed.first(sealed.size() - kTagSize);
    std::array<std::uint8_t, kTagSize> tag;
    std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
    out.resize(payload.size());
    std::uint8_t none = 0;
    int n = 0;
    return EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
           EVP_DecryptUpdate(c, nullptr, &n, envelope.data(), length(envelope.size())) == 1 &&
           EVP_DecryptUpdate(c, out.empty() ? &none : out.data(), &n, payload.data(), length(payload.size())) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, length(tag.size()), tag.data()) == 1 &&
           EVP_DecryptFinal_ex(c, &none, &n) == 1;
}

bool authenticate(const Secret& secret, std::string_view purpose, ByteView message, std::span<std::uint8_t, 32> out) {
    std::array<std::uint8_t, 32> key{};
    unsigned size = 0;
    const bool done = secret.derive(as_bytes(purpose), key) &&
                      HMAC(EVP_sha256(), key.data(), length(key.size()), message.data(), message.size(), out.data(), &size) != nullptr &&
                      size == out.size();
    OPENSSL_cleanse(key.data(), key.size());
    return done;
}

bool equal_in_constant_time(ByteView a, ByteView b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

void fill_randomly(std::span<std::uint8_t> out) {
    MOTET_ASSERT(RAND_bytes(out.data(), length(out.size())) == 1, "the random generator does not work");
}

std::uint64_t hash_of(std::string_view text) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    MOTET_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1, "SHA-256 does not work");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
    return value;
}

}  // namespace motet::transport::rdma
