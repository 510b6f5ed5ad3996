#include "common/cluster/address_book.hpp"

#include <gtest/gtest.h>

namespace inout::cluster::address_book_test {
namespace {

class Addresses : public testing::Test {
  protected:
    void ask(StreamId waiter, const std::string& proxy, bool is_up = true) {
        book.ask(waiter, proxy, is_up, now, effects, told);
    }
    void hear(std::uint64_t number, const std::string& proxy, const std::string& address) {
        book.heard(number,
                   encode(Answer{.proxy = proxy, .address = address, .match = Match::exact}), now,
                   told);
    }
    void go_on(Milliseconds time) {
        now += time;
        book.tick(now, effects, told);
    }

    AddressBook book{Subjects("c"), "me", "box"};
    Clock::time_point now{std::chrono::hours(1)};
    Effects effects;
    AddressBook::Told told;
};

TEST_F(Addresses, are_asked_for_once_for_all_who_want_them) {
    ask(1, "b");
    ask(2, "b");
    ask(3, "c");
    ASSERT_EQ(effects.operations.size(), 2U);
    EXPECT_EQ(effects.operations[0].subject, "inout.c.proxy.b");
    EXPECT_EQ(effects.operations[0].reply, "inout.c.a.box.9223372036854775808");
    EXPECT_TRUE(told.empty());
    hear(AddressBook::kFirst, "b", "h:1");
    EXPECT_EQ(told, (AddressBook::Told{{1, "h:1"}, {2, "h:1"}}));
    told.clear();
    ask(4, "b");
    EXPECT_EQ(told, (AddressBook::Told{{4, "h:1"}})) << "it is remembered";
    EXPECT_EQ(effects.operations.size(), 2U);
}

TEST_F(Addresses, are_those_of_whom_was_asked_for) {
    ask(1, "b");
    hear(AddressBook::kFirst, "evil", "h:1");
    hear(AddressBook::kFirst + 1, "b", "h:2");
    book.heard(AddressBook::kFirst, "{", now, told);
    book.heard(AddressBook::kFirst, encode(Answer{.proxy = "b"}), now, told);
    EXPECT_TRUE(told.empty());
    hear(AddressBook::kFirst, "b", "h:3");
    EXPECT_EQ(told, (AddressBook::Told{{1, "h:3"}}));
}

TEST_F(Addresses, are_asked_for_again_and_then_not_known) {
    ask(1, "b");
    std::size_t ticks = 0;
    while (told.empty() && ticks < 100) {
        ASSERT_TRUE(book.next_tick());
        now = *book.next_tick();
        book.tick(now, effects, told);
        ++ticks;
    }
    EXPECT_EQ(effects.operations.size(), std::size(kAddressPauses));
    EXPECT_EQ(told, (AddressBook::Told{{1, ""}}));
    EXPECT_FALSE(book.next_tick());
    ask(2, "b");
    EXPECT_EQ(effects.operations.size(), std::size(kAddressPauses) + 1) << "it is not remembered";
}

TEST_F(Addresses, are_not_asked_for_without_anybody_who_wants_them) {
    ask(1, "b");
    book.leave(1);
    go_on(Milliseconds{60'000});
    EXPECT_EQ(effects.operations.size(), 1U);
    EXPECT_TRUE(told.empty());
    EXPECT_FALSE(book.next_tick());
}

TEST_F(Addresses, stay_known_without_NATS) {
    ask(1, "b");
    hear(AddressBook::kFirst, "b", "h:1");
    told.clear();
    go_on(Milliseconds{600'000});
    ask(2, "b", false);
    ask(3, "c", false);
    EXPECT_EQ(told, (AddressBook::Told{{2, "h:1"}, {3, ""}}));
    ask(4, "b");
    EXPECT_EQ(effects.operations.size(), 2U) << "with NATS it is asked for anew";
}

TEST_F(Addresses, of_what_is_no_name_or_one_too_many_are_not_asked_for) {
    ask(1, "a.b");
    ask(2, ">");
    ask(3, "");
    EXPECT_TRUE(effects.operations.empty());
    EXPECT_EQ(told.size(), 3U);
    for (std::size_t i = 0; i < kAddressQuestionsMax; ++i) ask(10 + i, "p" + std::to_string(i));
    told.clear();
    ask(4, "more");
    EXPECT_EQ(told, (AddressBook::Told{{4, ""}}));
}

TEST_F(Addresses, are_bounded) {
    for (std::size_t i = 0; i < kPeersMax + 1; ++i) {
        ask(i, "p" + std::to_string(i));
        hear(AddressBook::kFirst + i, "p" + std::to_string(i), "h:1");
        now += Milliseconds{1};
    }
    const std::size_t asked = effects.operations.size();
    ask(1, "p1");
    EXPECT_EQ(effects.operations.size(), asked);
    ask(2, "p0");
    EXPECT_EQ(effects.operations.size(), asked + 1) << "the oldest one went";
}

}  // namespace
}  // namespace inout::cluster::address_book_test
