#include "common/base/random.hpp"

#include <openssl/rand.h>

#include <cstdlib>
#include <vector>

namespace inout {
namespace {

void fill(unsigned char* bytes, std::size_t size) {
    if (RAND_bytes(bytes, static_cast<int>(size)) != 1) std::abort();
}

}  // namespace

std::string random_hex(std::size_t digits) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::vector<unsigned char> bytes((digits + 1) / 2);
    fill(bytes.data(), bytes.size());
    std::string text(digits, '0');
    for (std::size_t i = 0; i < digits; ++i) {
        const unsigned nibble = i % 2 == 0 ? bytes[i / 2] >> 4U : bytes[i / 2] & 15U;
        text[i] = kDigits[nibble];
    }
    return text;
}

double random_unit() {
    unsigned char bytes[8];
    fill(bytes, sizeof bytes);
    std::uint64_t bits = 0;
    for (const unsigned char byte : bytes) bits = bits << 8U | byte;
    return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

}  // namespace inout
