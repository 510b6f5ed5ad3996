// Hashes, keyed hashes, comparison without timing, and the two ways of writing bytes as text.
//
// Free functions over OpenSSL, usable from any thread: what OpenSSL needs for a MAC is made once
// per thread, because fetching it costs more than the MAC. Where OpenSSL can not answer, the
// process ends: nothing behind could still be trusted. Keeps nothing but its thread's last key,
// and logs nothing.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace inout {

/// Why OpenSSL can not do what is asked of it here, before anything else is: its configuration is
/// no such file, or leaves out what we need. Nothing: it can. To be called once at start.
std::optional<std::string> crypto_problem();

/// A SHA-256 value, or as many bytes of a key.
using Digest = std::array<unsigned char, 32>;

inline std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest sha256(std::string_view data);
/// 16 bytes. For what a peer's protocol asks for, never to protect anything by itself. Nothing:
/// this OpenSSL has none (FIPS).
std::optional<std::string> md5(std::string_view data);
/// 20 bytes (RFC 3174). For what a protocol asks for, never to protect anything. Nothing: this
/// OpenSSL has none.
std::optional<std::string> sha1(std::string_view data);
/// RFC 2104.
Digest hmac_sha256(std::string_view key, std::string_view data);
/// RFC 5869, extract and expand, the first 32 bytes. `key` is the input keying material.
Digest hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info);

/// Takes the same time wherever the first difference is. The lengths are no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Overwrites bytes that are no longer needed; the compiler may not leave that out.
void wipe(void* bytes, std::size_t size);

/// Lowercase.
std::string to_hex(std::string_view bytes);
/// Nothing unless it is what to_hex writes: one text for each value.
std::optional<std::string> from_hex(std::string_view text);

/// RFC 4648, 4, with padding and without line breaks.
std::string to_base64(std::string_view bytes);
/// Nothing unless it is what to_base64 writes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace inout
