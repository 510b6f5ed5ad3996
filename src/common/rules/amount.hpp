// Amounts of bytes, and bytes per second, as a configuration writes them: a number and its unit.
//
// Decimal units throughout, as networks and providers count: "10Mbit" is 1,250,000 bytes per
// second, "1.5MB" is 1,500,000 bytes. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace inout {

/// What an amount is of; each has a table of units and its bounds (amount.cpp).
enum class AmountOf {
    bytes,             ///< 1 to 10^18: B, kB, MB, GB, TB
    bytes_per_second,  ///< 1,000 to 12,500,000,000: kbit, Mbit, Gbit, kB, MB, GB
};

/// Such a number, as it was written.
template <AmountOf of>
class Amount {
  public:
    /// `100GB`, `10Mbit`. The failure is worded to follow a key.
    static Result<Amount, std::string> parse(std::string_view text);
    /// What a text has to be, for messages.
    static std::string_view expected();

    std::uint64_t count() const { return count_; }  ///< of bytes, or of those in a second
    const std::string& text() const { return text_; }

    bool operator==(const Amount&) const = default;

  private:
    Amount(std::uint64_t count, std::string_view text) : count_(count), text_(text) {}
    std::uint64_t count_;
    std::string text_;
};
using ByteAmount = Amount<AmountOf::bytes>;
using ByteRate = Amount<AmountOf::bytes_per_second>;
extern template class Amount<AmountOf::bytes>;
extern template class Amount<AmountOf::bytes_per_second>;

/// How fast the streams of a network, or of a key, may be together; up is from client to backend.
/// Nothing: as fast as they can.
struct RateOptions {
    std::optional<ByteRate> up, down;

    bool operator==(const RateOptions&) const = default;
};

/// Since when the bytes of a quota count.
enum class QuotaPer {
    total,  ///< since there is a file of them
    month,  ///< since the calendar month began, in UTC
};

/// How many bytes the streams of a key may carry, both directions together.
struct QuotaOptions {
    std::optional<ByteAmount> bytes;  ///< set, where the options are right
    QuotaPer per = QuotaPer::total;

    bool operator==(const QuotaOptions&) const = default;
};

}  // namespace inout
