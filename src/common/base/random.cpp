#include "common/base/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

namespace inout {
namespace {

/// Takes from a stock of the thread's own, because each call of the generator costs as much as a
/// whole message. What was given out is erased.
void fill(unsigned char* bytes, std::size_t size) {
    struct Stock {
        std::array<unsigned char, 1'024> bytes;
        std::size_t used = sizeof bytes;
    };
    thread_local Stock stock;
    while (size > 0) {
        if (stock.used == stock.bytes.size()) {
            const int all = static_cast<int>(stock.bytes.size());
            if (RAND_bytes(stock.bytes.data(), all) != 1) std::abort();
            stock.used = 0;
        }
        const std::size_t now = std::min(size, stock.bytes.size() - stock.used);
        unsigned char* const begin = stock.bytes.data() + stock.used;
        std::copy_n(begin, now, bytes);
        std::fill_n(begin, now, static_cast<unsigned char>(0));
        stock.used += now;
        bytes += now;
        size -= now;
    }
}

}  // namespace

std::string random_hex(std::size_t digits) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text(digits, '\0');
    // Each byte makes two digits: half as many are drawn, into the text's own second half.
    auto* const bytes = reinterpret_cast<unsigned char*>(text.data()) + digits / 2;
    fill(bytes, digits - digits / 2);
    for (std::size_t i = 0; i < digits; i += 2) {
        const unsigned byte = bytes[i / 2];
        text[i] = kDigits[byte >> 4U];
        if (i + 1 < digits) text[i + 1] = kDigits[byte & 15U];
    }
    return text;
}

void fill_random(std::span<char> bytes) {
    fill(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size());
}

double random_unit() {
    unsigned char bytes[8];
    fill(bytes, sizeof bytes);
    std::uint64_t bits = 0;
    for (const unsigned char byte : bytes) bits = bits << 8U | byte;
    return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

}  // namespace inout
