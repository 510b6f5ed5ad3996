#include "common/net/connection_list.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::connection_list_test {
namespace {

class ConnectionListTest : public testing::Test {
  protected:
    struct Waiting {
        explicit Waiting(asio::io_context& context)
            : connection(adopt_owned(context, std::move(pair.a))) {}
        TcpPair pair;
        ConnectionPtr connection;
    };

    asio::io_context context;
    ConnectionList list{2};
    Waiting first{context}, second{context};
};

TEST_F(ConnectionListTest, is_bounded_and_a_place_that_is_left_is_free_again) {
    auto place = list.add(first.connection);
    ASSERT_TRUE(place);
    const auto other = list.add(second.connection);
    EXPECT_TRUE(other);
    EXPECT_FALSE(list.add(first.connection));
    place.reset();
    place = list.add(first.connection);
    EXPECT_TRUE(place) << "one place";
    EXPECT_FALSE(list.add(first.connection)) << "and not two";
}

TEST_F(ConnectionListTest, sheds_those_on_which_nothing_has_come) {
    const auto silent = list.add(first.connection), busy = list.add(second.connection);
    ASSERT_EQ(::send(second.pair.b.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return second.connection->has_input(); }));
    list.shed();
    context.run();
    EXPECT_FALSE(first.connection->is_open());
    EXPECT_TRUE(second.connection->is_open());
}

TEST_F(ConnectionListTest, ends_with_fin_what_can_be_used_again) {
    const auto once = list.add(first.connection), again = list.add(second.connection, Use::again);
    list.shed();
    context.run();
    EXPECT_EQ(end_of(first.pair.b.get()), End::rst);
    EXPECT_EQ(end_of(second.pair.b.get()), End::fin);
}

TEST_F(ConnectionListTest, closes_what_is_in_it_and_takes_no_more) {
    const auto staying = list.add(first.connection);
    auto leaving = list.add(second.connection);
    list.close();
    leaving.reset();
    context.run();
    EXPECT_FALSE(first.connection->is_open());
    EXPECT_TRUE(second.connection->is_open()) << "its owner has it again";
    EXPECT_FALSE(list.add(second.connection));
}

}  // namespace
}  // namespace inout::connection_list_test
