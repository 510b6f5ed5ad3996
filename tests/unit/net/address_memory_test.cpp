// Which of several addresses comes first, on a clock of the test's own.
#include "common/net/address_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace inout::address_memory_test {
namespace {

using namespace std::chrono_literals;

Endpoint place(unsigned host) { return {asio::ip::make_address_v4(0xC0000200U + host), 7}; }

class AddressMemoryTest : public testing::Test {
  protected:
    std::vector<Endpoint> ordered(std::vector<Endpoint> endpoints) {
        memory.order(endpoints, now);
        return endpoints;
    }

    const Endpoint a = place(1), b = place(2), c = place(3);
    const std::vector<Endpoint> all{a, b, c};
    AddressMemory memory;
    Clock::time_point now = Clock::now();
};

TEST_F(AddressMemoryTest, the_order_of_living_addresses_is_kept) {
    memory.answered(b, {}, now);
    EXPECT_EQ(ordered(all), all);
}

TEST_F(AddressMemoryTest, what_was_tried_in_vain_comes_last_for_a_while) {
    memory.answered(b, {a}, now);
    const std::vector<Endpoint> shunned{b, c, a};
    EXPECT_EQ(ordered(all), shunned);
    now += kAddressShunned - 1ms;
    EXPECT_EQ(ordered(all), shunned);
}

TEST_F(AddressMemoryTest, one_dial_alone_tries_it_again) {
    memory.answered(b, {a}, now);
    now += kAddressShunned;
    EXPECT_EQ(ordered(all), all);
    EXPECT_EQ(ordered(all), (std::vector<Endpoint>{b, c, a})) << "the others wait for the result";
    memory.answered(a, {}, now);
    EXPECT_EQ(ordered(all), all);
}

TEST_F(AddressMemoryTest, a_single_address_and_all_dead_ones_are_tried_as_they_come) {
    memory.answered(c, {a, b}, now);
    EXPECT_EQ(ordered({a}), std::vector<Endpoint>{a});
    EXPECT_EQ(ordered({a, b}), (std::vector<Endpoint>{a, b}));
}

TEST_F(AddressMemoryTest, it_is_bounded_and_forgets_what_is_over) {
    for (unsigned i = 0; i < 2 * kAddressesShunnedMax; ++i)
        memory.answered(c, {place(100 + i)}, now);
    const Endpoint late = place(99);
    memory.answered(c, {late}, now);
    EXPECT_EQ(ordered({late, c}), (std::vector<Endpoint>{late, c})) << "no room";
    now += kAddressShunned;
    memory.answered(c, {late}, now);
    EXPECT_EQ(ordered({late, c}), (std::vector<Endpoint>{c, late}));
}

}  // namespace
}  // namespace inout::address_memory_test
