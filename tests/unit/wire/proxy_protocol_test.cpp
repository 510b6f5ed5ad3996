#include "common/wire/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace inout::proxy_protocol_test {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

SocketAddress at(std::string_view text) { return SocketAddress::parse(text).value(); }
ProxyRoute route(std::string_view source, std::string_view destination) {
    return {at(source), at(destination)};
}

/// "SOURCE > DESTINATION", "own" where nobody's is told, "more" if it is not whole, or what is
/// wrong; with how many bytes were its.
std::string read(std::string_view bytes) {
    const auto header = parse_proxy_header(bytes);
    if (!header) return header.error();
    if (!header->is_whole) return "more";
    const std::string size = " " + std::to_string(header->size);
    if (!header->route) return "own" + size;
    return header->route->source.text() + " > " + header->route->destination.text() + size;
}

std::string v2(unsigned command, unsigned family, const std::string& rest) {
    return kSignature + static_cast<char>(command) + static_cast<char>(family) +
           static_cast<char>(rest.size() / 256) + static_cast<char>(rest.size() % 256) + rest;
}
std::string part(char type, const std::string& value) {
    return type + "\0"s + static_cast<char>(value.size()) + value;
}
const std::string kV4 = "\x0a\x01\x02\x03\xc0\x00\x02\x01\xb0\x46\x01\xbb"s;

TEST(ProxyProtocol, line_of_ipv4_is_as_specified) {
    const std::string line = "PROXY TCP4 10.1.2.3 192.0.2.1 45126 443\r\n";
    EXPECT_EQ(proxy_header_v1(route("10.1.2.3:45126", "192.0.2.1:443")), line);
    EXPECT_EQ(read(line), "10.1.2.3:45126 > 192.0.2.1:443 41");
}

TEST(ProxyProtocol, line_of_ipv6_is_as_specified) {
    const std::string line = "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
    EXPECT_EQ(proxy_header_v1(route("[2001:db8::1]:1", "[::1]:65535")), line);
    EXPECT_EQ(read(line), "[2001:db8::1]:1 > [::1]:65535 36");
}

TEST(ProxyProtocol, line_of_nobody_is_unknown) {
    EXPECT_EQ(proxy_header_v1(std::nullopt), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "own 15");
    EXPECT_EQ(read("PROXY UNKNOWN whatever 1 2 \t 3\r\nrest"), "own 32");
}

TEST(ProxyProtocol, header_of_version_2_is_as_specified) {
    const auto four = route("10.1.2.3:45126", "192.0.2.1:443");
    EXPECT_EQ(proxy_header_v2(four), v2(0x21, 0x11, kV4));
    EXPECT_EQ(read(v2(0x21, 0x11, kV4)), "10.1.2.3:45126 > 192.0.2.1:443 28");
    const auto six = route("[2001:db8::1]:1", "[::1]:65535");
    EXPECT_EQ(proxy_header_v2(six), v2(0x21, 0x21,
                                       "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s +
                                           std::string(15, '\0') + "\x01\x00\x01\xff\xff"s));
    EXPECT_EQ(read(proxy_header_v2(six)), "[2001:db8::1]:1 > [::1]:65535 52");
}

TEST(ProxyProtocol, version_2_of_nobody_is_local) {
    EXPECT_EQ(proxy_header_v2(std::nullopt), v2(0x20, 0x00, ""));
    EXPECT_EQ(read(v2(0x20, 0x00, "")), "own 16");
    EXPECT_EQ(read(v2(0x20, 0x11, kV4)), "own 28") << "what a LOCAL one says besides is nothing";
    EXPECT_EQ(read(v2(0x20, 0x7f, "\x01")), "own 17");
}

TEST(ProxyProtocol, of_two_families_both_become_ipv6) {
    const auto mixed = route("10.1.2.3:4", "[2001:db8::1]:5");
    EXPECT_EQ(proxy_header_v1(mixed), "PROXY TCP6 ::ffff:10.1.2.3 2001:db8::1 4 5\r\n");
    const auto other = route("[2001:db8::1]:5", "10.1.2.3:4");
    EXPECT_EQ(proxy_header_v1(other), "PROXY TCP6 2001:db8::1 ::ffff:10.1.2.3 5 4\r\n");
    for (const auto& each : {mixed, other}) {
        for (const auto& header : {proxy_header_v1(each), proxy_header_v2(each)}) {
            const auto read_back = parse_proxy_header(header);
            ASSERT_TRUE(read_back && read_back->is_whole);
            EXPECT_EQ(read_back->route, each);
        }
    }
    EXPECT_EQ(static_cast<unsigned char>(proxy_header_v2(mixed)[13]), 0x21U);
}

TEST(ProxyProtocol, other_addresses_are_accepted_and_say_nothing) {
    EXPECT_EQ(read(v2(0x21, 0x00, "")), "own 16");
    EXPECT_EQ(read(v2(0x21, 0x31, std::string(216, 'p'))), "own 232");
}

TEST(ProxyProtocol, what_stands_behind_the_addresses_is_passed_over) {
    const std::string parts =
        part('\x02', "relay.example.com") + part('\x04', "") + part('\xe0', "x");
    EXPECT_EQ(read(v2(0x21, 0x11, kV4 + parts) + "rest"), "10.1.2.3:45126 > 192.0.2.1:443 55");
    EXPECT_EQ(read(v2(0x21, 0x11, kV4 + "\x02\x00"s)), "its last part is cut off");
    EXPECT_EQ(read(v2(0x21, 0x11, kV4 + "\x02\x00\x02x"s)), "a part is longer than the header");
}

TEST(ProxyProtocol, a_checksum_has_to_be_right) {
    // By an implementation of CRC-32C of its own (Python, from the polynomial).
    const std::string right = v2(0x21, 0x11, kV4 + part('\x03', "\x1e\x2e\xb7\xbc"s));
    EXPECT_EQ(read(right), "10.1.2.3:45126 > 192.0.2.1:443 35");
    for (std::size_t bit = 0; bit < kV4.size() * 8; ++bit) {
        std::string changed = right;
        changed[16 + bit / 8] = static_cast<char>(changed[16 + bit / 8] ^ (1 << bit % 8));
        EXPECT_EQ(read(changed), "its checksum is wrong");
    }
    EXPECT_EQ(read(v2(0x21, 0x11, kV4 + part('\x03', "abc"))), "it has no proper checksum");
}

TEST(ProxyProtocol, refuses_what_is_none) {
    EXPECT_EQ(read("GET / HTTP/1.1\r\n"), "something else");
    EXPECT_EQ(read("\x16\x03\x01"), "something else");
    EXPECT_EQ(read("PROXYTCP4"), "something else");
    EXPECT_EQ(read("\r\n\r\n\r\n"), "something else");
    for (const char* line :
         {"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
          "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
          "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
          "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
          "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
          "PROXY UNKNOWNS 1 2 3\r\n", "PROXY  UNKNOWN 1\r\n"}) {
        const auto header = parse_proxy_header(line);
        EXPECT_FALSE(header) << line;
    }
    EXPECT_EQ(read(v2(0x11, 0x11, kV4)), "its version or command is unknown");
    EXPECT_EQ(read(v2(0x22, 0x11, kV4)), "its version or command is unknown");
    EXPECT_EQ(read(v2(0x21, 0x12, kV4)), "its addresses are of no kind of stream");
    EXPECT_EQ(read(v2(0x21, 0x11, kV4.substr(1))), "it is shorter than its addresses");
}

TEST(ProxyProtocol, is_bounded) {
    const std::string line = "PROXY UNKNOWN " + std::string(107 - 14 - 2, 'x');
    EXPECT_EQ(read(line + "\r\n"), "own 107");
    EXPECT_EQ(read(line + "x"), "more");
    EXPECT_EQ(read(line + "x\r\n"), "its line is too long");
    const auto longest = v2(0x20, 0x00, std::string(kProxyHeaderMaxBytes - 16, 'x'));
    EXPECT_EQ(read(longest), "own 4096");
    EXPECT_EQ(read(v2(0x20, 0x00, std::string(kProxyHeaderMaxBytes - 15, 'x')).substr(0, 16)),
              "it is too long")
        << "before it is waited for";
}

TEST(ProxyProtocol, cut_at_every_byte_is_waited_for_and_never_beyond_its_end) {
    const auto mixed = route("10.1.2.3:4", "[2001:db8::1]:5");
    const std::vector<std::string> headers{
        proxy_header_v1(std::nullopt),
        proxy_header_v2(std::nullopt),
        proxy_header_v1(mixed),
        proxy_header_v2(mixed),
        proxy_header_v1(route("1.2.3.4:5", "6.7.8.9:10")),
        proxy_header_v2(route("1.2.3.4:5", "6.7.8.9:10")),
        v2(0x21, 0x11, kV4 + part('\x02', "relay.example.com")),
    };
    for (const std::string& header : headers) {
        for (std::size_t size = 0; size < header.size(); ++size) {
            const auto begun = parse_proxy_header(std::string_view(header).substr(0, size));
            ASSERT_TRUE(begun) << size;
            EXPECT_FALSE(begun->is_whole) << size;
            EXPECT_GT(begun->size, size);
            EXPECT_LE(begun->size, header.size());
        }
        for (const char* behind : {"", "x", "\r\n", "PROXY UNKNOWN\r\n"}) {
            const auto whole = parse_proxy_header(header + behind);
            ASSERT_TRUE(whole && whole->is_whole);
            EXPECT_EQ(whole->size, header.size());
        }
    }
}

}  // namespace
}  // namespace inout::proxy_protocol_test
