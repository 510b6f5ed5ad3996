#include "proxy/spare_list.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::proxy::spare_list_test {
namespace {

class SpareListTest : public testing::Test {
  protected:
    struct Waiting {
        explicit Waiting(asio::io_context& context)
            : connection(adopt_owned(context, std::move(pair.a))) {}
        TcpPair pair;
        ConnectionPtr connection;
    };

    static StandingPtr named(const char* name) {
        return std::make_shared<const Standing>(Standing{{Identity::Kind::key, name}, nullptr});
    }
    std::unique_ptr<SpareList::Place> add(const Waiting& waiting, Use use = Use::once,
                                          const char* name = "office") {
        return list.add(waiting.connection, use, named(name));
    }

    asio::io_context context;
    SpareList list{2};
    Waiting first{context}, second{context};
};

TEST_F(SpareListTest, is_bounded_and_a_place_that_is_left_is_free_again) {
    auto place = add(first);
    ASSERT_TRUE(place);
    const auto other = add(second);
    EXPECT_TRUE(other);
    EXPECT_FALSE(add(first));
    place.reset();
    place = add(first);
    EXPECT_TRUE(place) << "one place";
    EXPECT_FALSE(add(first)) << "and not two";
}

TEST_F(SpareListTest, sheds_those_on_which_nothing_has_come) {
    const auto silent = add(first), busy = add(second);
    ASSERT_EQ(::send(second.pair.b.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return second.connection->has_input(); }));
    list.shed();
    context.run();
    EXPECT_FALSE(first.connection->is_open());
    EXPECT_TRUE(second.connection->is_open());
}

TEST_F(SpareListTest, sheds_those_of_one_owner) {
    const auto office = add(first), site = add(second, Use::once, "site");
    list.shed_if([](const Standing& standing) { return standing.identity.name == "site"; });
    context.run();
    EXPECT_TRUE(first.connection->is_open());
    EXPECT_FALSE(second.connection->is_open());
}

TEST_F(SpareListTest, a_smaller_limit_is_for_those_who_come) {
    const auto one = add(first), two = add(second);
    list.set_limit(1);
    EXPECT_FALSE(add(second));
    context.poll();
    EXPECT_TRUE(first.connection->is_open() && second.connection->is_open());
}

TEST_F(SpareListTest, ends_with_fin_what_can_be_used_again) {
    const auto once = add(first), again = add(second, Use::again);
    list.shed();
    context.run();
    EXPECT_EQ(end_of(first.pair.b.get()), End::rst);
    EXPECT_EQ(end_of(second.pair.b.get()), End::fin);
}

TEST_F(SpareListTest, closes_what_is_in_it_and_takes_no_more) {
    const auto staying = add(first);
    auto leaving = add(second);
    list.close();
    leaving.reset();
    context.run();
    EXPECT_FALSE(first.connection->is_open());
    EXPECT_TRUE(second.connection->is_open()) << "its owner has it again";
    EXPECT_FALSE(add(second));
}

}  // namespace
}  // namespace inout::proxy::spare_list_test
