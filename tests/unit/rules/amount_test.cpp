#include <gtest/gtest.h>

#include <string>

#include "common/rules/amount.hpp"

namespace inout::amount_test {
namespace {

std::uint64_t rate(const std::string& text) {
    const auto parsed = ByteRate::parse(text);
    return parsed ? parsed->count() : 0;
}
std::uint64_t amount(const std::string& text) {
    const auto parsed = ByteAmount::parse(text);
    return parsed ? parsed->count() : 0;
}

TEST(Amount, of_bits_and_bytes_per_second) {
    EXPECT_EQ(rate("8kbit"), 1'000U);
    EXPECT_EQ(rate("10Mbit"), 1'250'000U);
    EXPECT_EQ(rate("100Gbit"), 12'500'000'000U);
    EXPECT_EQ(rate("1kB"), 1'000U);
    EXPECT_EQ(rate("1.5MB"), 1'500'000U);
    EXPECT_EQ(rate("0.000001GB"), 1'000U);
    EXPECT_EQ(rate("12.5GB"), 12'500'000'000U);
}

TEST(Amount, of_bytes) {
    EXPECT_EQ(amount("1B"), 1U);
    EXPECT_EQ(amount("100GB"), 100'000'000'000U);
    EXPECT_EQ(amount("0.5TB"), 500'000'000'000U);
    EXPECT_EQ(amount("1000000TB"), 1'000'000'000'000'000'000U);
    EXPECT_EQ(amount("007kB"), 7'000U);
}

TEST(Amount, keeps_what_was_written) { EXPECT_EQ(ByteRate::parse("1.50MB")->text(), "1.50MB"); }

TEST(Amount, refuses_what_is_no_rate) {
    for (const char* text : {"",
                             "10",
                             "Mbit",
                             "10mbit",
                             "10 Mbit",
                             "10Mb",
                             "10MiB",
                             "10Mbit/s",
                             "-1MB",
                             "+1MB",
                             "1e3MB",
                             ".5MB",
                             "1.MB",
                             "1..5MB",
                             "1.5.5MB",
                             "1,5MB",
                             "1.5555555MB",
                             "10Mbit ",
                             " 10Mbit",
                             "10B",
                             "7.9kbit",
                             "0kB",
                             "0.9kB",
                             "100.1Gbit",
                             "13GB",
                             "99999999999999999999999GB",
                             "18446744073709551616kB",
                             "１MB"}) {
        EXPECT_EQ(rate(text), 0U) << text;
    }
}

TEST(Amount, refuses_what_is_no_amount) {
    for (const char* text : {"", "5", "0B", "0.5B", "1000001TB", "1000000.1TB", "1PB", "1Mbit",
                             "99999999999999999999B", "18446744073709551617B", "1 GB"}) {
        EXPECT_EQ(amount(text), 0U) << text;
    }
}

}  // namespace
}  // namespace inout::amount_test
