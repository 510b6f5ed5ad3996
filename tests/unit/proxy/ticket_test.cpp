// What a ticket says of the proxy that has made it, and who may have.
#include "proxy/ticket.hpp"

#include <gtest/gtest.h>

#include <set>

#include "common/base/crypto.hpp"
#include "common/base/limits.hpp"
#include "common/wire/message_rules.hpp"

namespace inout::proxy::ticket_test {
namespace {

constexpr std::string_view kProxy = "0123456789abcdef";
const Secret kClusterKey("the key of the cluster, which all of its proxies have"),
    kOtherKey("the key of another cluster");

TEST(TicketTest, says_which_proxy_has_made_it) {
    const std::string ticket = make_ticket(kProxy, &kClusterKey);
    const auto owner = owner_of(ticket);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->proxy, kProxy);
    EXPECT_TRUE(owner->has_mac);
    EXPECT_TRUE(is_made_with(ticket, kClusterKey));
}

TEST(TicketTest, outs_of_our_last_release_take_and_show_it) {
    EXPECT_LE(make_ticket(kProxy, &kClusterKey).size(), kIdMaxBytes);
}

TEST(TicketTest, no_two_are_alike) {
    std::set<std::string> tickets;
    for (int i = 0; i < 1'000; ++i) tickets.insert(make_ticket(kProxy, &kClusterKey));
    EXPECT_EQ(tickets.size(), 1'000U);
}

TEST(TicketTest, another_key_has_not_made_it) {
    EXPECT_FALSE(is_made_with(make_ticket(kProxy, &kClusterKey), kOtherKey));
}

TEST(TicketTest, each_of_its_digits_counts) {
    const std::string ticket = make_ticket(kProxy, &kClusterKey);
    for (std::size_t i = 0; i < ticket.size(); ++i) {
        std::string other = ticket;
        other[i] = other[i] == '0' ? '1' : '0';
        EXPECT_FALSE(is_made_with(other, kClusterKey)) << i;
    }
}

TEST(TicketTest, the_mac_is_one_of_tickets_alone) {
    const std::string ticket = make_ticket(kProxy, &kClusterKey);
    const std::string named = ticket.substr(0, ticket.size() - kTicketMacDigits);
    const std::string bare = to_hex(bytes_of(hmac_sha256(kClusterKey.bytes(), named)));
    EXPECT_FALSE(is_made_with(named + bare.substr(0, kTicketMacDigits), kClusterKey));
    const std::string right =
        to_hex(bytes_of(hmac_sha256(kClusterKey.bytes(), "inout ticket 1" + named)));
    EXPECT_EQ(ticket, named + right.substr(0, kTicketMacDigits));
}

TEST(TicketTest, without_a_key_it_has_no_mac_and_still_names_its_proxy) {
    const std::string ticket = make_ticket(kProxy, nullptr);
    const auto owner = owner_of(ticket);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->proxy, kProxy);
    EXPECT_FALSE(owner->has_mac);
    EXPECT_FALSE(is_made_with(ticket, kClusterKey));
}

TEST(TicketTest, one_of_a_proxy_without_a_cluster_names_nobody) {
    EXPECT_FALSE(owner_of(std::string(kTicketDigits, 'a')));
    EXPECT_FALSE(owner_of(""));
}

TEST(TicketTest, what_no_proxy_makes_names_nobody) {
    const std::string ticket = make_ticket(kProxy, &kClusterKey);
    EXPECT_FALSE(owner_of(ticket + "0"));
    EXPECT_FALSE(owner_of(ticket.substr(1)));
    EXPECT_FALSE(owner_of(std::string(ticket.size(), 'A')));
    EXPECT_FALSE(owner_of(std::string(ticket.size(), 'g')));
    EXPECT_FALSE(is_made_with(std::string(ticket.size(), 'g'), kClusterKey));
}

}  // namespace
}  // namespace inout::proxy::ticket_test
