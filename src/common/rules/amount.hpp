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

/// Bytes per second, 1,000 to 12,500,000,000.
class ByteRate {
  public:
    /// `10Mbit`, `1.5MB`: kbit, Mbit, Gbit, kB, MB, GB. The failure is worded to follow a key.
    static Result<ByteRate, std::string> parse(std::string_view text);
    /// What a text has to be, for messages.
    static std::string_view expected();

    std::uint64_t bytes_per_second() const { return bytes_per_second_; }
    const std::string& text() const { return text_; }

    bool operator==(const ByteRate&) const = default;

  private:
    ByteRate(std::uint64_t bytes, std::string_view text) : bytes_per_second_(bytes), text_(text) {}
    std::uint64_t bytes_per_second_;
    std::string text_;  // as it was written
};

/// Bytes, 1 to 10^18.
class ByteAmount {
  public:
    /// `100GB`: B, kB, MB, GB, TB.
    static Result<ByteAmount, std::string> parse(std::string_view text);
    static std::string_view expected();

    std::uint64_t bytes() const { return bytes_; }
    const std::string& text() const { return text_; }

    bool operator==(const ByteAmount&) const = default;

  private:
    ByteAmount(std::uint64_t bytes, std::string_view text) : bytes_(bytes), text_(text) {}
    std::uint64_t bytes_;
    std::string text_;
};

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
