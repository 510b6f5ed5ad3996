#include "out/forward_exit.hpp"

#include <gtest/gtest.h>

#include "common/net/dial.hpp"

namespace inout::out::forward_exit_test {
namespace {

using Kind = DialError::Kind;

TEST(ForwardExit, a_client_is_told_what_became_of_its_dial) {
    EXPECT_EQ(failure_of({Kind::unresolved, ""}), ForwardFailure::unresolved);
    EXPECT_EQ(failure_of({Kind::refused, ""}), ForwardFailure::refused);
    EXPECT_EQ(failure_of({Kind::lack, ""}), ForwardFailure::limit);
    EXPECT_EQ(failure_of({Kind::timeout, ""}), ForwardFailure::timeout);
    EXPECT_EQ(failure_of({Kind::timeout, "", true}), ForwardFailure::unreachable);
}

}  // namespace
}  // namespace inout::out::forward_exit_test
