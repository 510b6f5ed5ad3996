#include "common/base/address_range.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace inout::address_range_test {
namespace {

AddressRange range(const std::string& text) { return AddressRange::parse(text).value(); }

std::vector<AddressRange> ranges(const std::vector<std::string>& texts) {
    std::vector<AddressRange> list;
    for (const auto& text : texts) list.push_back(range(text));
    return list;
}

IpAddress address(const std::string& text) {
    IpAddress made;
    const bool v4 = text.find(':') == text.npos;
    const std::string mapped = v4 ? "::ffff:" + text : text;
    EXPECT_EQ(inet_pton(AF_INET6, mapped.c_str(), made.bytes.data()), 1) << text;
    return made;
}

void flip(IpAddress& address, unsigned bit) {
    auto& byte = address.bytes[bit / 8];
    byte = static_cast<unsigned char>(byte ^ 0x80U >> bit % 8);
}

std::string problem(const std::string& text) {
    const auto made = AddressRange::parse(text);
    return made ? "fine" : made.error();
}

TEST(AddressRange, is_written_back_in_its_shortest_form) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.7", "192.0.2.7"},
        {"192.0.2.7/32", "192.0.2.7"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"2001:DB8:0:0::/32", "2001:db8::/32"},
        {"0:0:0:0:0:0:0:1/128", "::1"},
        {"::/0", "::/0"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
    };
    for (const auto& [written, shortest] : cases) {
        EXPECT_EQ(range(written).text(), shortest);
        EXPECT_EQ(range(shortest), range(written)) << written;
    }
}

TEST(AddressRange, is_refused_unless_it_is_an_address) {
    for (const auto* text : {"", "/8", "localhost", "10", "10.0.0/8", "10.0.0.256", "010.0.0.1",
                             "0x7f.0.0.1", " ::1", "10.0.0.0 ", "[::1]", "fe80::1%lo", "1::2::3",
                             "::ffff:1.2.3", "10.0.0.0-10.0.0.9", "*"}) {
        EXPECT_EQ(problem(text),
                  "must be an IP address or a range of them, as in 10.0.0.0/8 or 2001:db8::/32")
            << text;
    }
    EXPECT_NE(problem(std::string("10.0.0.1\0.9", 11)), "fine");
}

TEST(AddressRange, needs_a_length_that_its_family_has) {
    for (const auto* length : {"33", "-1", "+8", "", "8 ", " 8", "08", "8/8", "0x8", "255.0.0.0",
                               "18446744073709551624"}) {
        EXPECT_EQ(problem(std::string("10.0.0.0/") + length), "needs a prefix length from 0 to 32")
            << length;
    }
    EXPECT_EQ(problem("2001:db8::/129"), "needs a prefix length from 0 to 128");
}

TEST(AddressRange, has_no_bits_behind_its_length) {
    EXPECT_EQ(problem("10.0.0.1/8"),
              "has bits behind its prefix length; the range would be 10.0.0.0/8");
    EXPECT_EQ(problem("2001:db8::1/64"),
              "has bits behind its prefix length; the range would be 2001:db8::/64");
    EXPECT_EQ(problem("::ffff:10.0.0.0/8"),
              "has bits behind its prefix length; the range would be ::/8");
}

TEST(AddressRange, contains_its_first_and_last_address_and_not_their_neighbours) {
    const auto v4 = range("192.0.2.64/27");
    EXPECT_TRUE(v4.contains(address("192.0.2.64")) && v4.contains(address("192.0.2.95")));
    EXPECT_FALSE(v4.contains(address("192.0.2.63")) || v4.contains(address("192.0.2.96")));
    const auto v6 = range("2001:db8:0:4::/62");
    EXPECT_TRUE(v6.contains(address("2001:db8:0:4::")));
    EXPECT_TRUE(v6.contains(address("2001:db8:0:7:ffff:ffff:ffff:ffff")));
    EXPECT_FALSE(v6.contains(address("2001:db8:0:3:ffff:ffff:ffff:ffff")));
    EXPECT_FALSE(v6.contains(address("2001:db8:0:8::")));
}

TEST(AddressRange, contains_addresses_of_its_own_family_only) {
    EXPECT_TRUE(range("::/0").contains(address("2001:db8::1")));
    EXPECT_FALSE(range("::/0").contains(address("192.0.2.7")));
    EXPECT_FALSE(range("::/64").contains(address("192.0.2.7")));
    EXPECT_TRUE(range("0.0.0.0/0").contains(address("::ffff:192.0.2.7")));
    EXPECT_FALSE(range("0.0.0.0/0").contains(address("::192.0.2.7")));
    EXPECT_FALSE(range("127.0.0.0/8").contains(address("::1")));
}

TEST(AddressRange, of_every_length_goes_by_its_leading_bits) {
    std::mt19937 random(4);
    for (unsigned bits = 0; bits <= 128; ++bits) {
        IpAddress first;
        for (unsigned i = 0; i < bits; ++i) {
            if (random() % 2 == 0) flip(first, i);
        }
        std::string text(INET6_ADDRSTRLEN, '\0');
        inet_ntop(AF_INET6, first.bytes.data(), text.data(), INET6_ADDRSTRLEN);
        const auto made = range(text.c_str() + ("/" + std::to_string(bits)));
        for (unsigned flipped = 0; flipped < 128; ++flipped) {
            IpAddress other = first;
            flip(other, flipped);
            ASSERT_EQ(made.contains(other), flipped >= bits) << made.text() << " bit " << flipped;
        }
    }
}

TEST(IpAddress, of_ipv6_counts_as_one_source_with_its_64) {
    EXPECT_EQ(address("2001:db8:1:2:ffff:4:5:6").source(), address("2001:db8:1:2::"));
    EXPECT_NE(address("2001:db8:1:2::1").source(), address("2001:db8:1:3::1").source());
    EXPECT_EQ(address("192.0.2.7").source(), address("192.0.2.7"));
}

TEST(MayConnect, denied_beats_allowed_and_no_list_allows_all) {
    const auto lan = ranges({"10.0.0.0/8", "fd00::/8"});
    const auto one = ranges({"10.1.2.3"});
    const auto guest = address("10.1.2.3"), colleague = address("10.1.2.4");
    const auto stranger = address("192.0.2.7");
    EXPECT_TRUE(may_connect({}, {}, stranger));
    EXPECT_TRUE(may_connect(lan, {}, guest));
    EXPECT_FALSE(may_connect(lan, {}, stranger));
    EXPECT_FALSE(may_connect(lan, one, guest));
    EXPECT_TRUE(may_connect(lan, one, colleague));
    EXPECT_FALSE(may_connect({}, one, guest));
    EXPECT_TRUE(may_connect({}, one, stranger));
    EXPECT_TRUE(may_connect(lan, {}, address("fd00::1")));
}

}  // namespace
}  // namespace inout::address_range_test
