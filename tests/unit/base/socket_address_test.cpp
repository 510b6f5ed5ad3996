#include "common/base/socket_address.hpp"

#include <gtest/gtest.h>

namespace inout::socket_address_test {
namespace {

std::string read(std::string_view text) {
    const auto address = SocketAddress::parse(text);
    return address ? address->text() : "none";
}

TEST(SocketAddress, is_read_and_written_as_endpoints_are) {
    EXPECT_EQ(read("1.2.3.4:5"), "1.2.3.4:5");
    EXPECT_EQ(read("255.255.255.255:65535"), "255.255.255.255:65535");
    EXPECT_EQ(read("[::1]:80"), "[::1]:80");
    EXPECT_EQ(read("[2001:db8:0::7]:0"), "[2001:db8::7]:0");
}

TEST(SocketAddress, of_a_mapped_address_is_ipv4) {
    EXPECT_EQ(read("[::ffff:1.2.3.4]:5"), "1.2.3.4:5");
}

TEST(SocketAddress, leaves_a_zone_out) { EXPECT_EQ(read("[fe80::1%eth0]:5"), "[fe80::1]:5"); }

TEST(SocketAddress, is_nothing_else) {
    for (const char* text :
         {"", ":", "1.2.3.4", "1.2.3.4:", ":5", "host:5", "::1:5", "[::1]", "[]:5", "[1.2.3.4]:5",
          "1.2.3.4:65536", "1.2.3.4:05", "1.2.3.4:+5", "1.2.3.4:5 ", " 1.2.3.4:5", "1.2.3:5",
          "[::1]:x", "[%eth0]:5", "[::1:5"}) {
        EXPECT_EQ(read(text), "none") << text;
    }
    EXPECT_EQ(read(std::string_view("1.2.3.4\0:5", 10)), "none");
}

}  // namespace
}  // namespace inout::socket_address_test
