#include "common/base/crypto.hpp"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace inout {
namespace {

/// None of these calls can fail but for want of memory: that OpenSSL works has been seen at start
/// (crypto_problem). That costs its caller only.
void demand(bool done) {
    if (done) return;
    ERR_clear_error();
    throw std::bad_alloc();
}

const unsigned char* unsigned_bytes(std::string_view bytes) {
    // Not a null pointer, which OpenSSL takes for "no key" rather than for an empty one.
    return reinterpret_cast<const unsigned char*>(bytes.empty() ? "" : bytes.data());
}

/// HMAC-SHA256, waiting for a key.
class HmacContext {
  public:
    HmacContext() {
        const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(
            EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), &EVP_MAC_free);
        demand(hmac != nullptr);
        context_.reset(EVP_MAC_CTX_new(hmac.get()));
        demand(context_ != nullptr);
        char digest[] = "SHA256";
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end()};
        demand(EVP_MAC_CTX_set_params(context_.get(), parameters) == 1);
    }

    Digest compute(std::string_view key, std::string_view data) {
        Digest digest;
        std::size_t size = 0;
        EVP_MAC_CTX* const context = context_.get();
        demand(EVP_MAC_init(context, unsigned_bytes(key), key.size(), nullptr) == 1);
        demand(EVP_MAC_update(context, unsigned_bytes(data), data.size()) == 1);
        demand(EVP_MAC_final(context, digest.data(), &size, digest.size()) == 1);
        if (size != digest.size()) std::abort();  // it would be no HMAC-SHA256
        return digest;
    }

  private:
    std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context_{nullptr, &EVP_MAC_CTX_free};
};

std::string first_error() {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    std::string text = reason != nullptr ? reason : "no reason given";
    ERR_clear_error();
    return text;
}

/// OpenSSL by itself passes over a configuration that it can not read, and over what that was
/// written for. A missing one is none.
std::optional<std::string> problem_of_configuration(const std::string& file) {
    const std::unique_ptr<CONF, decltype(&NCONF_free)> parsed(NCONF_new(nullptr), &NCONF_free);
    long line = 0;
    ERR_clear_error();
    if (!parsed || NCONF_load(parsed.get(), file.c_str(), &line) > 0 || line <= 0) {
        ERR_clear_error();
        return std::nullopt;
    }
    return file + ", line " + std::to_string(line) + ": " + first_error();
}

std::optional<std::string> digest_if_there(std::string_view data, const EVP_MD* kind) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    const bool done =
        EVP_Digest(unsigned_bytes(data), data.size(), digest.data(), &size, kind, nullptr) == 1;
    ERR_clear_error();
    if (!done) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

}  // namespace

std::optional<std::string> crypto_problem() {
    char* const name = CONF_get1_default_config_file();
    const std::string file = name != nullptr ? name : "openssl.cnf";
    OPENSSL_free(name);
    if (auto problem = problem_of_configuration(file)) return problem;
    const auto cannot = [&](const char* what) {
        return std::string("OpenSSL has no ") + what + ": " + first_error() + " (is " + file +
               " right? One that activates a provider has to activate \"default\" as well)";
    };
    ERR_clear_error();
    unsigned char byte = 0;
    if (RAND_bytes(&byte, 1) != 1) return cannot("random numbers");
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), &EVP_MAC_free);
    if (!hmac) return cannot("HMAC");
    const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> hash(
        EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free);
    if (!hash) return cannot("SHA-256");
    return std::nullopt;
}

Digest sha256(std::string_view data) {
    Digest digest;
    demand(EVP_Digest(unsigned_bytes(data), data.size(), digest.data(), nullptr, EVP_sha256(),
                      nullptr) == 1);
    return digest;
}

std::optional<std::string> md5(std::string_view data) { return digest_if_there(data, EVP_md5()); }
std::optional<std::string> sha1(std::string_view data) { return digest_if_there(data, EVP_sha1()); }

Digest hmac_sha256(std::string_view key, std::string_view data) {
    thread_local HmacContext context;
    return context.compute(key, data);
}

Digest hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info) {
    struct Extracted {
        Digest digest;
        ~Extracted() { wipe(digest.data(), digest.size()); }
    } const extracted{hmac_sha256(salt, key)};
    // The expansion's first block is all of it: 32 bytes are what one HMAC gives.
    return hmac_sha256(bytes_of(extracted.digest), std::string(info) + '\1');
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(void* bytes, std::size_t size) { OPENSSL_cleanse(bytes, size); }

std::string to_hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes(text.size() / 2, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool decimal = c >= '0' && c <= '9';
        if (!decimal && (c < 'a' || c > 'f')) return std::nullopt;
        const int nibble = decimal ? c - '0' : c - 'a' + 10;
        bytes[i / 2] = static_cast<char>(static_cast<unsigned char>(bytes[i / 2]) << 4U | nibble);
    }
    return bytes;
}

std::string to_base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a zero
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     unsigned_bytes(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes(text.size() / 4 * 3, '\0');
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), unsigned_bytes(text),
                        static_cast<int>(text.size())) < 0) {
        return std::nullopt;
    }
    const auto padding = static_cast<std::size_t>(
        std::count(text.end() - std::min<std::ptrdiff_t>(2, std::ssize(text)), text.end(), '='));
    bytes.resize(bytes.size() - padding);
    // EVP_DecodeBlock is lenient: spaces around, bits that no byte has.
    if (to_base64(bytes) != text) return std::nullopt;
    return bytes;
}

}  // namespace inout
