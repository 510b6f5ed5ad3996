#include "out/exit.hpp"

#include <gtest/gtest.h>

namespace inout::out::exit_test {
namespace {

class ExitTest : public testing::Test {
  protected:
    const Network network{
        .config = {.server = {"proxy", 1}, .backend = {"backend", 2}, .topic = "db"},
        .times = Times(OutConfig{})};
};

TEST_F(ExitTest, a_stream_is_of_the_topic_that_its_activation_names) {
    const DataActiveRequest active{.magic = "1", .topic = "other", .ext = true};
    EXPECT_EQ(topic_of(network, active), "other");
}

TEST_F(ExitTest, a_stream_from_a_plain_peer_is_of_the_registered_topic) {
    const DataActiveRequest active{.magic = "1", .topic = "other"};
    EXPECT_EQ(topic_of(network, active), "db");
}

TEST_F(ExitTest, a_topic_leads_to_its_backend_and_no_other_topic_does) {
    EXPECT_TRUE(serves(network, "db"));
    for (const auto* other : {"", "d", "DB", "db.1"}) {
        EXPECT_FALSE(serves(network, other)) << other;
    }
}

}  // namespace
}  // namespace inout::out::exit_test
