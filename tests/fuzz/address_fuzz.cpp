// 16 bytes of an address, then the text of a range: the range's own text means the same range, and
// it contains the address if the leading bits say so.
#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/address_range.hpp"
#include "demand.hpp"

namespace {

using namespace inout;

/// Bit by bit, from the text that AddressRange gives.
bool contains(const std::string& text, const IpAddress& address) {
    const auto slash = text.find('/');
    const bool v4 = text.find(':') == text.npos;
    const std::string first_text = (v4 ? "::ffff:" : "") + text.substr(0, slash);
    IpAddress first;
    demand(inet_pton(AF_INET6, first_text.c_str(), first.bytes.data()) == 1);
    const int bits = slash == text.npos ? 128 : std::stoi(text.substr(slash + 1)) + (v4 ? 96 : 0);
    for (int i = 0; i < bits; ++i) {
        const unsigned bit = 0x80U >> static_cast<unsigned>(i % 8);
        const auto byte = static_cast<std::size_t>(i / 8);
        if ((first.bytes[byte] & bit) != (address.bytes[byte] & bit)) return false;
    }
    return address.is_v4() == v4;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    IpAddress address;
    if (size < address.bytes.size()) return 0;
    std::copy_n(data, address.bytes.size(), address.bytes.begin());
    const auto text = text_of(data, size).substr(address.bytes.size());
    const auto range = AddressRange::parse(text);
    if (!range) {
        demand(!range.error().empty());
        return 0;
    }
    const auto again = AddressRange::parse(range->text());
    demand(again && *again == *range && again->text() == range->text());
    demand(range->contains(address) == contains(range->text(), address));
    return 0;
}
