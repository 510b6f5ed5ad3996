#include "common/base/random.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/limits.hpp"

namespace inout::random_test {
namespace {

TEST(Random, hex_has_exactly_the_digits_asked_for) {
    for (const std::size_t digits : {0U, 1U, 2U, 3U, 16U, 32U}) {
        const std::string text = random_hex(digits);
        EXPECT_EQ(text.size(), digits);
        EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), text.npos) << text;
    }
}

TEST(Random, every_digit_of_an_id_takes_every_value) {
    std::set<char> seen[kStreamIdDigits];
    for (int i = 0; i < 1'000; ++i) {  // a value stays out with a chance of 1e-26
        const std::string id = random_hex(kStreamIdDigits);
        for (std::size_t place = 0; place < id.size(); ++place) seen[place].insert(id[place]);
    }
    for (const auto& values : seen) EXPECT_EQ(values.size(), 16U);
}

TEST(Random, ids_do_not_repeat) {
    std::set<std::string> ids;
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(ids.insert(random_hex(kStreamIdDigits)).second);
}

TEST(Random, unit_is_at_least_0_below_1_and_fills_every_tenth) {
    std::set<int> tenths;
    for (int i = 0; i < 1'000; ++i) {  // a tenth stays empty with a chance of 1e-45
        const double value = random_unit();
        ASSERT_GE(value, 0.0);
        ASSERT_LT(value, 1.0);
        tenths.insert(static_cast<int>(value * 10));
    }
    EXPECT_EQ(tenths.size(), 10U);
}

}  // namespace
}  // namespace inout::random_test
