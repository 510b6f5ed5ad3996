// Which hosts NO_PROXY means.
#include "common/rules/no_proxy.hpp"

#include <gtest/gtest.h>

namespace inout::no_proxy_test {
namespace {

TEST(NoProxy, of_nothing_is_nobody) {
    for (const char* list : {"", " ", ",,", ", ,"}) EXPECT_FALSE(is_exempt(list, "example.com"));
}

TEST(NoProxy, means_a_name_and_all_below_it) {
    for (const char* list : {"example.com", ".example.com", "EXAMPLE.com.", "a.org, example.com",
                             "a.org example.com", ",example.com,"}) {
        EXPECT_TRUE(is_exempt(list, "example.com")) << list;
        EXPECT_TRUE(is_exempt(list, "Relay.Example.com.")) << list;
        EXPECT_FALSE(is_exempt(list, "notexample.com")) << list;
        EXPECT_FALSE(is_exempt(list, "example.com.org")) << list;
        EXPECT_FALSE(is_exempt(list, "com")) << list;
    }
}

TEST(NoProxy, means_everybody_by_an_asterisk_alone) {
    EXPECT_TRUE(is_exempt("*", "example.com"));
    EXPECT_TRUE(is_exempt("a.org, *", "10.0.0.1"));
    EXPECT_FALSE(is_exempt("*.example.com", "relay.example.com"));
}

TEST(NoProxy, means_addresses_and_blocks_of_them) {
    EXPECT_TRUE(is_exempt("10.0.0.0/8", "10.1.2.3"));
    EXPECT_TRUE(is_exempt("10.1.2.3/8", "10.9.9.9"));
    EXPECT_FALSE(is_exempt("10.0.0.0/8", "11.0.0.1"));
    EXPECT_TRUE(is_exempt("0.0.0.0/0", "11.0.0.1"));
    EXPECT_FALSE(is_exempt("0.0.0.0/0", "::1"));
    EXPECT_TRUE(is_exempt("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(is_exempt("192.0.2.1", "192.0.2.10"));
    EXPECT_TRUE(is_exempt("2001:db8::/32,::1", "2001:DB8::7"));
    EXPECT_TRUE(is_exempt("[::1]", "0:0::1"));
    EXPECT_FALSE(is_exempt("2001:db8::/32", "2001:db9::7"));
    EXPECT_TRUE(is_exempt("10.0.0.0/8", "::ffff:10.1.2.3"));
}

TEST(NoProxy, does_not_take_an_address_for_a_name_or_look_one_up) {
    EXPECT_FALSE(is_exempt("1", "10.0.0.1"));
    EXPECT_FALSE(is_exempt("0.1", "10.0.0.1"));
    EXPECT_FALSE(is_exempt("127.0.0.1", "localhost"));
}

TEST(NoProxy, passes_over_what_is_no_entry) {
    for (const char* list :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8", "::/129", "/8"}) {
        EXPECT_FALSE(is_exempt(list, "10.0.0.0")) << list;
    }
    EXPECT_FALSE(is_exempt("http://example.com", "example.com"));
    EXPECT_FALSE(is_exempt("..example.com", "example.com"));
    EXPECT_FALSE(is_exempt(".", "example.com"));
}

}  // namespace
}  // namespace inout::no_proxy_test
