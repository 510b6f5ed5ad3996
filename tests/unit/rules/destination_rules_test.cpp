#include "common/rules/destination_rules.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace inout::destination_rules_test {
namespace {

using Texts = std::initializer_list<const char*>;

std::vector<DestinationRule> list(Texts texts) {
    std::vector<DestinationRule> made;
    for (const char* text : texts) made.push_back(DestinationRule::parse(text).value());
    return made;
}
DestinationRules rules(Texts allow, Texts deny = {}) { return {list(allow), list(deny)}; }
bool may(const DestinationRules& rules, const char* address, const HostPort& asked = {"a.b", 443},
         bool is_own = false) {
    return rules.may_dial(asked, IpAddress::parse(address).value(), is_own);
}

TEST(DestinationRules, without_a_list_all_is_dialled_that_is_public) {
    const DestinationRules none;
    for (const char* address : {"192.0.2.1", "8.8.8.8", "2001:db8::1", "2a00::1", "172.15.0.1",
                                "172.32.0.1", "100.128.0.1", "11.0.0.0", "9.255.255.255"}) {
        EXPECT_TRUE(may(none, address)) << address;
    }
    for (const char* address : {"0.0.0.0",
                                "0.1.2.3",
                                "127.0.0.1",
                                "127.255.255.255",
                                "10.0.0.1",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.168.1.1",
                                "100.64.0.1",
                                "100.100.100.200",
                                "169.254.1.1",
                                "169.254.169.254",
                                "168.63.129.16",
                                "192.0.0.192",
                                "198.18.0.1",
                                "224.0.0.1",
                                "239.1.1.1",
                                "240.0.0.1",
                                "255.255.255.255",
                                "::",
                                "::1",
                                "::7f00:1",
                                "64:ff9b::7f00:1",
                                "64:ff9b:1::a00:1",
                                "2002:7f00:1::",
                                "2001::1",
                                "fe80::1",
                                "febf::1",
                                "fec0::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fd20:ce::254",
                                "::ffff:0:7f00:1",
                                "ff02::1",
                                "::ffff:127.0.0.1",
                                "::ffff:10.0.0.1"}) {
        EXPECT_FALSE(may(none, address)) << address;
    }
}

TEST(DestinationRules, what_is_private_needs_a_range_that_has_nothing_else) {
    EXPECT_TRUE(may(rules({"10.1.0.0/16"}), "10.1.2.3"));
    EXPECT_FALSE(may(rules({"10.1.0.0/16"}), "10.2.2.3"));
    EXPECT_FALSE(may(rules({"0.0.0.0/0"}), "10.1.2.3"));
    EXPECT_FALSE(may(rules({"*"}), "10.1.2.3"));
    EXPECT_FALSE(may(rules({"a.b"}), "10.1.2.3")) << "a name leads where its owner says";
    EXPECT_TRUE(may(rules({"127.0.0.1"}), "127.0.0.1"));
    EXPECT_FALSE(may(rules({"169.254.0.0/16"}), "169.254.169.254"));
    EXPECT_TRUE(may(rules({"169.254.169.254"}), "169.254.169.254"));
    EXPECT_FALSE(may(rules({"fc00::/7"}), "fd00:ec2::254"));
    EXPECT_FALSE(may(rules({"100.64.0.0/10"}), "100.100.100.200"));
    EXPECT_TRUE(may(rules({"*", "10.0.0.0/8"}), "8.8.8.8"));
    EXPECT_FALSE(may(rules({"10.0.0.0/8"}), "8.8.8.8")) << "a list allows what is in it";
}

TEST(DestinationRules, ports_belong_to_their_entry) {
    const auto some = rules({"*:443", "10.0.0.0/8:22", "[2001:db8::/32]:80-90"});
    EXPECT_TRUE(may(some, "8.8.8.8"));
    EXPECT_FALSE(may(some, "8.8.8.8", {"a.b", 22}));
    EXPECT_TRUE(may(some, "10.0.0.1", {"a.b", 22}));
    EXPECT_FALSE(may(some, "10.0.0.1"));
    EXPECT_TRUE(may(some, "2001:db8::1", {"a.b", 85}));
    EXPECT_FALSE(may(some, "2001:db8::1", {"a.b", 91}));
    EXPECT_TRUE(some.may_ask({"a.b", 22}));
    EXPECT_FALSE(some.may_ask({"a.b", 21})) << "no address would help";
}

TEST(DestinationRules, names_are_whole_or_all_below_one) {
    const auto some = rules({"Example.com.", "*.example.org"});
    EXPECT_TRUE(may(some, "8.8.8.8", {"example.com", 1}));
    EXPECT_FALSE(may(some, "8.8.8.8", {"a.example.com", 1}));
    EXPECT_TRUE(may(some, "8.8.8.8", {"a.b.example.org", 1}));
    EXPECT_FALSE(may(some, "8.8.8.8", {"example.org", 1}));
    EXPECT_FALSE(may(some, "8.8.8.8", {"badexample.org", 1}));
    EXPECT_FALSE(may(some, "8.8.8.8", {".example.org", 1}));
    EXPECT_FALSE(some.may_ask({"other", 1}));
}

TEST(DestinationRules, deny_beats_allow) {
    const auto some = rules({"*", "10.0.0.0/8"}, {"10.0.0.1", "*:25", "bad.com", "8.8.0.0/16:53"});
    EXPECT_TRUE(may(some, "10.0.0.2"));
    EXPECT_FALSE(may(some, "10.0.0.1"));
    EXPECT_FALSE(may(some, "1.1.1.1", {"a.b", 25}));
    EXPECT_FALSE(may(some, "1.1.1.1", {"bad.com", 443}));
    EXPECT_FALSE(some.may_ask({"bad.com", 443}));
    EXPECT_FALSE(may(some, "8.8.8.8", {"a.b", 53}));
    EXPECT_TRUE(may(some, "8.8.8.8"));
    EXPECT_FALSE(may(rules({}, {"8.8.8.8"}), "8.8.8.8"));
    EXPECT_TRUE(may(rules({}, {"8.8.8.8"}), "8.8.4.4"));
}

TEST(DestinationRules, an_entry_is_a_host_and_ports) {
    for (const char* good : {"*", "*:1", "a", "a.b:1-65535", "*.a", "1.2.3.4:5", "::1", "[::1]:5",
                             "[::1]", "10.0.0.0/8", "fe80::/10", "localhost"}) {
        const auto rule = DestinationRule::parse(good);
        ASSERT_TRUE(rule) << good;
        EXPECT_EQ(rule.value().text(), good);
    }
    for (const char* bad : {"",     ":443",   "a:",  "a:0",        "a:65536",      "a:9-8", "a:b",
                            "**.a", "*a",     "a.*", "10.0.0.1/8", "10.0.0",       "127.1", "[::1",
                            "[a]",  "[::1]5", "a b", "http://a",   "fe80::1%eth0", "*."}) {
        EXPECT_FALSE(DestinationRule::parse(bad)) << bad;
    }
}

TEST(DestinationRules, what_is_this_machines_own_and_public_has_to_be_allowed_by_itself) {
    const auto own = [](const DestinationRules& rules, const char* address) {
        return may(rules, address, {"a.b", 443}, true);
    };
    EXPECT_FALSE(own({}, "203.0.113.7"));
    EXPECT_FALSE(own(rules({"*", "a.b", "203.0.113.0/24", "0.0.0.0/0"}), "203.0.113.7"));
    EXPECT_TRUE(own(rules({"203.0.113.7"}), "203.0.113.7"));
    EXPECT_TRUE(own(rules({"203.0.113.7/32:443"}), "203.0.113.7"));
    EXPECT_FALSE(own(rules({"203.0.113.7:80"}), "203.0.113.7"));
    EXPECT_FALSE(own(rules({"2001:db8::/127"}), "2001:db8::1"));
    EXPECT_TRUE(own(rules({"2001:db8::1"}), "2001:db8::1"));
    EXPECT_FALSE(own(rules({"203.0.113.7"}, {"*"}), "203.0.113.7"));
    // Who lists a private network or loopback means what this machine has of it too.
    EXPECT_TRUE(own(rules({"127.0.0.0/8", "10.0.0.0/8"}), "127.0.0.1"));
    EXPECT_TRUE(own(rules({"127.0.0.0/8", "10.0.0.0/8"}), "10.1.2.3"));
}

}  // namespace
}  // namespace inout::destination_rules_test
