#include "common/net/connection_list.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::connection_list_test {
namespace {

class ConnectionListTest : public testing::Test {
  protected:
    struct Waiting {
        explicit Waiting(asio::io_context& context)
            : connection(adopt(context, std::move(pair.a))) {}
        TcpPair pair;
        Connection connection;
    };

    asio::io_context context;
    ConnectionList list{2};
    Waiting first{context}, second{context};
};

TEST_F(ConnectionListTest, is_bounded_and_a_place_that_is_left_is_free_again) {
    const auto place = list.add(context.get_executor());
    ASSERT_TRUE(place);
    const auto other = list.add(context.get_executor());
    EXPECT_TRUE(other);
    EXPECT_FALSE(list.add(context.get_executor()));
    list.remove(place);
    list.remove(place);
    EXPECT_TRUE(list.add(context.get_executor())) << "one place";
    EXPECT_FALSE(list.add(context.get_executor())) << "and not two";
}

TEST_F(ConnectionListTest, sheds_those_on_which_nothing_has_come) {
    const auto silent = list.add(context.get_executor()), busy = list.add(context.get_executor());
    const ConnectionList::Lent silent_lent(*silent, first.connection);
    const ConnectionList::Lent busy_lent(*busy, second.connection);
    ASSERT_EQ(::send(second.pair.b.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return second.connection.has_input(); }));
    list.shed();
    context.run();
    EXPECT_FALSE(first.connection.is_open());
    EXPECT_TRUE(second.connection.is_open());
}

TEST_F(ConnectionListTest, closes_what_is_lent_and_takes_no_more) {
    const auto lent = list.add(context.get_executor()), empty = list.add(context.get_executor());
    const ConnectionList::Lent now(*lent, first.connection);
    { const ConnectionList::Lent before(*empty, second.connection); }
    list.close();
    context.run();
    EXPECT_FALSE(first.connection.is_open());
    EXPECT_TRUE(second.connection.is_open()) << "its owner has it again";
    list.remove(lent);
    EXPECT_FALSE(list.add(context.get_executor()));
}

}  // namespace
}  // namespace inout::connection_list_test
