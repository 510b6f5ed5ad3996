#include "common/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace inout::result_test {
namespace {

using NumberOr = Result<int, std::string>;

TEST(Result, is_true_with_a_value) {
    NumberOr result = 7;
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 7);
    *result = 8;
    EXPECT_EQ(result.value(), 8);
}

TEST(Result, is_false_with_an_error) {
    NumberOr result = Failure{std::string("why")};
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), "why");
}

TEST(Result, a_value_that_is_false_is_still_a_value) {
    const NumberOr zero = 0;
    const Result<bool, int> no = false;
    EXPECT_TRUE(zero);
    EXPECT_TRUE(no);
}

TEST(Result, tells_value_and_error_of_the_same_type_apart) {
    using TextOr = Result<std::string, std::string>;
    EXPECT_TRUE(TextOr(std::string("x")));
    EXPECT_FALSE(TextOr(Failure{std::string("x")}));
}

TEST(Result, an_error_may_be_made_from_something_simpler) {
    const NumberOr result = Failure{"literal"};
    EXPECT_EQ(result.error(), "literal");
}

TEST(Result, moves_what_can_not_be_copied) {
    Result<std::unique_ptr<int>, int> result = std::make_unique<int>(3);
    const std::unique_ptr<int> taken = std::move(*result);
    EXPECT_EQ(*taken, 3);
}

}  // namespace
}  // namespace inout::result_test
