// How long a session ticket is worth something.
#include "common/tls/tickets.hpp"

#include <gtest/gtest.h>

namespace inout::tickets_test {
namespace {

class TicketKeysTest : public testing::Test {
  protected:
    Clock::time_point now{std::chrono::hours{1}};
    TicketKeys keys;
};

TEST_F(TicketKeysTest, a_key_is_used_for_its_life_and_accepted_once_more_as_long) {
    const auto first = keys.current(now);
    now += kTicketKeyLife - Milliseconds{1};
    EXPECT_EQ(keys.current(now).name, first.name);
    now += Milliseconds{1};
    const auto second = keys.current(now);
    EXPECT_NE(second.name, first.name);
    EXPECT_NE(second.encryption, first.encryption);
    EXPECT_NE(second.authentication, first.authentication);

    const auto found = keys.find(first.name, now);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->encryption, first.encryption);
    EXPECT_EQ(found->authentication, first.authentication);
    now += kTicketKeyLife - Milliseconds{1};
    EXPECT_TRUE(keys.find(first.name, now));
    now += Milliseconds{1};
    EXPECT_FALSE(keys.find(first.name, now));
    EXPECT_TRUE(keys.find(second.name, now));
}

TEST_F(TicketKeysTest, a_key_ends_also_when_no_ticket_is_made_any_more) {
    const auto only = keys.current(now);
    now += 2 * kTicketKeyLife - Milliseconds{1};
    EXPECT_TRUE(keys.find(only.name, now));
    now += Milliseconds{1};
    EXPECT_FALSE(keys.find(only.name, now));
}

TEST_F(TicketKeysTest, tickets_of_others_are_worth_nothing) {
    TicketKeys others;
    EXPECT_FALSE(keys.find(others.current(now).name, now));
    keys.current(now);
    EXPECT_FALSE(keys.find(others.current(now).name, now));
}

}  // namespace
}  // namespace inout::tickets_test
