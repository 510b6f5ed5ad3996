// What is known of names, on a clock of the test's own.
#include "common/net/name_table.hpp"

#include <gtest/gtest.h>

namespace inout::name_table_test {
namespace {

using namespace std::chrono_literals;

const auto kAddress = asio::ip::make_address("192.0.2.1");

class NameTableTest : public testing::Test {
  protected:
    void good() { table.answered("a", {{kAddress}, {}, false, false}, now); }
    void unknown() { table.answered("a", {{}, "not known", false, false}, now); }
    void silent() { table.answered("a", {{}, "silent", true, true}, now); }
    NameTable::Known known() { return table.find("a", now); }

    NameTable table;
    Clock::time_point now = Clock::now();
};

TEST_F(NameTableTest, nothing_is_known_of_a_new_name) {
    EXPECT_FALSE(known().settled);
    EXPECT_TRUE(known().addresses.empty());
}

TEST_F(NameTableTest, an_answer_is_fresh_for_a_while_and_known_for_ever) {
    good();
    EXPECT_TRUE(known().settled);
    now += kResolveFresh;
    EXPECT_FALSE(known().settled);
    now += 24h;
    EXPECT_EQ(known().addresses, std::vector{kAddress});
    EXPECT_TRUE(known().worth_a_wait);
}

TEST_F(NameTableTest, a_name_that_is_not_known_is_asked_for_again_at_once) {
    unknown();
    EXPECT_FALSE(known().settled);
    EXPECT_EQ(known().error, "not known");
}

TEST_F(NameTableTest, silence_makes_pauses_that_double_up_to_the_longest) {
    Milliseconds expected = kLookupPause;
    for (int i = 0; i < 40; ++i) {
        silent();
        now += expected - 1ms;
        EXPECT_TRUE(known().settled) << i;
        EXPECT_EQ(known().error, "silent");
        now += 1ms;
        EXPECT_FALSE(known().settled) << i;
        expected = std::min(expected * 2, kLookupPauseMax);
    }
    EXPECT_EQ(expected, kLookupPauseMax);
}

TEST_F(NameTableTest, an_answer_ends_the_pauses) {
    silent();
    silent();
    now += kLookupPauseMax;
    good();
    now += kResolveFresh;
    silent();
    now += kLookupPause;
    EXPECT_FALSE(known().settled) << "the first pause again";
}

TEST_F(NameTableTest, old_addresses_outlive_silence_and_nobody_waits_for_it) {
    good();
    now += kResolveFresh;
    silent();
    EXPECT_EQ(known().addresses, std::vector{kAddress});
    EXPECT_TRUE(known().settled);
    now += kLookupPause;
    EXPECT_FALSE(known().settled);
    EXPECT_FALSE(known().worth_a_wait);
    good();
    EXPECT_TRUE(known().worth_a_wait);
}

TEST_F(NameTableTest, names_do_not_share_what_is_known) {
    silent();
    EXPECT_FALSE(table.find("b", now).settled);
}

/// Clients of a topic pattern can make up names without an end.
TEST_F(NameTableTest, of_very_many_names_those_that_were_answered_last_are_known) {
    for (std::size_t i = 0; i < 2 * NameTable::kNamesMax; ++i) {
        now += 1ms;
        table.answered("made-up-" + std::to_string(i), {{}, "not known", false, false}, now);
        if (i % 1'000 == 0) good();
    }
    EXPECT_EQ(known().addresses, std::vector{kAddress}) << "it is used";
    EXPECT_EQ(table.find("made-up-0", now).error, "");
    EXPECT_EQ(table.find("made-up-" + std::to_string(2 * NameTable::kNamesMax - 1), now).error,
              "not known");
}

}  // namespace
}  // namespace inout::name_table_test
