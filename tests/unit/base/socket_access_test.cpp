#include "common/base/socket_access.hpp"

#include <gtest/gtest.h>

namespace inout::socket_access_test {
namespace {

TEST(FileMode, is_three_octal_digits_behind_a_zero_or_not) {
    EXPECT_EQ(FileMode::parse("0660").value().bits, 0660U);
    EXPECT_EQ(FileMode::parse("607").value().bits, 0607U);
    EXPECT_EQ(FileMode::parse("600").value().text(), "0600");
    for (const char* text : {"", "0", "66", "0o660", "1660", "00660", "668", "-660", "rw-"}) {
        EXPECT_FALSE(FileMode::parse(text)) << text;
    }
}

TEST(FileOwner, is_a_user_a_group_or_both) {
    EXPECT_EQ(FileOwner::parse("alice").value(), (FileOwner{"alice", ""}));
    EXPECT_EQ(FileOwner::parse("0:www-data").value(), (FileOwner{"0", "www-data"}));
    EXPECT_EQ(FileOwner::parse(":33").value().text(), ":33");
    for (const char* text : {"", ":", "a:", "a:b:c", "a b", "a/b", "a\n"}) {
        EXPECT_FALSE(FileOwner::parse(text)) << text;
    }
    EXPECT_FALSE(FileOwner::parse(std::string(33, 'a')));
}

}  // namespace
}  // namespace inout::socket_access_test
