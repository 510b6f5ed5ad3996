// Ids and secrets from the system's random source (OpenSSL's generator, which the kernel seeds).
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace inout {

/// `digits` lowercase hexadecimal digits, 4 random bits each. Never fails: without randomness the
/// process ends, because every id would be guessable.
std::string random_hex(std::size_t digits);

/// Fills it with random bytes, as random_hex() draws them.
void fill_random(std::span<char> bytes);

/// A uniformly distributed number in [0, 1), for jitter.
double random_unit();

}  // namespace inout
