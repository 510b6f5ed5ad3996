// Which listener a dial of this machine would reach.
#include "common/net/local_address.hpp"

#include <gtest/gtest.h>

namespace inout::local_address_test {
namespace {

Endpoint at(const char* address, std::uint16_t port = 7) {
    return {asio::ip::make_address(address), port};
}

TEST(LocalAddress, an_address_reaches_itself_at_its_port_only) {
    EXPECT_TRUE(would_reach(at("203.0.113.7"), at("203.0.113.7")));
    EXPECT_FALSE(would_reach(at("203.0.113.7"), at("203.0.113.7", 8)));
    EXPECT_FALSE(would_reach(at("127.0.0.1"), at("127.0.0.2")));
    EXPECT_FALSE(would_reach(at("127.0.0.1", 0), at("127.0.0.1", 0))) << "the kernel chooses";
    EXPECT_TRUE(would_reach(at("::ffff:127.0.0.1"), at("127.0.0.1")));
}

TEST(LocalAddress, a_wildcard_stands_for_this_machine_alone) {
    EXPECT_TRUE(would_reach(at("127.0.0.1"), at("0.0.0.0")));
    EXPECT_TRUE(would_reach(at("127.9.9.9"), at("0.0.0.0")));
    EXPECT_FALSE(would_reach(at("203.0.113.7"), at("0.0.0.0")));
    EXPECT_FALSE(would_reach(at("203.0.113.7"), at("::")));
}

TEST(LocalAddress, the_ipv6_wildcard_stands_for_both_families_and_the_ipv4_one_does_not) {
    EXPECT_TRUE(would_reach(at("127.0.0.1"), at("::")));
    EXPECT_TRUE(would_reach(at("::1"), at("::")));
    EXPECT_FALSE(would_reach(at("::1"), at("0.0.0.0")));
}

TEST(LocalAddress, the_unspecified_address_is_dialled_as_loopback) {
    EXPECT_TRUE(would_reach(at("0.0.0.0"), at("127.0.0.1")));
    EXPECT_TRUE(would_reach(at("::"), at("::1")));
    EXPECT_FALSE(would_reach(at("0.0.0.0"), at("203.0.113.7")));
}

}  // namespace
}  // namespace inout::local_address_test
