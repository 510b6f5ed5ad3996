#include "common/base/host_port.hpp"

#include <gtest/gtest.h>

#include <string>

namespace inout::host_port_test {
namespace {

using namespace std::string_literals;

std::string address_of(std::string_view text, AddressOf use = AddressOf::server) {
    const auto result = parse_host_port(text, use);
    return result ? to_string(result.value()) : result.error();
}

std::string host_problem(const std::string& host) { return check_host(host).value_or("fine"); }

TEST(HostPort, is_a_host_a_colon_and_a_port) {
    EXPECT_EQ(parse_host_port("relay.example.com:40001").value(),
              (HostPort{"relay.example.com", 40001}));
    EXPECT_EQ(parse_host_port("10.0.0.1:1").value(), (HostPort{"10.0.0.1", 1}));
}

TEST(HostPort, has_an_ipv6_address_in_brackets) {
    EXPECT_EQ(parse_host_port("[::1]:80").value(), (HostPort{"::1", 80}));
    EXPECT_EQ(address_of("[fe80::1%eth0]:80"), "[fe80::1%eth0]:80");
    const std::string brackets =
        "needs brackets around an IPv6 address, as in [::1]:40001, and around nothing else";
    EXPECT_EQ(address_of("::1:80"), brackets);
    EXPECT_EQ(address_of("::1"), brackets);
    EXPECT_EQ(address_of("[::1]"), brackets);
    EXPECT_EQ(address_of("[::1:80"), brackets);
    EXPECT_EQ(address_of("[localhost]:80"), brackets);
}

TEST(HostPort, of_a_listener_may_be_a_port_alone) {
    EXPECT_EQ(address_of("40002", AddressOf::listener), "127.0.0.1:40002");
    EXPECT_EQ(address_of("0.0.0.0:40002", AddressOf::listener), "0.0.0.0:40002");
    EXPECT_EQ(address_of("40002"), "must be HOST:PORT, as in 127.0.0.1:40002");
}

TEST(HostPort, of_a_listener_may_have_port_0) {
    EXPECT_EQ(address_of("0", AddressOf::listener), "127.0.0.1:0");
    EXPECT_EQ(address_of("[::]:0", AddressOf::listener), "[::]:0");
    EXPECT_EQ(address_of("relay:0"), "needs a port from 1 to 65535");
}

TEST(HostPort, refuses_what_is_no_port) {
    for (const auto* text : {"h:", "h:65536", "h:99999999999", "h:-1", "h:+80", "h: 80", "h:80 ",
                             "h:0x50", "h:http", "h:8.0"}) {
        EXPECT_EQ(address_of(text), "needs a port from 1 to 65535") << text;
        EXPECT_EQ(address_of(text, AddressOf::listener), "needs a port from 0 to 65535") << text;
    }
    EXPECT_EQ(address_of("", AddressOf::listener), "needs a port from 0 to 65535");
}

TEST(HostPort, of_a_listener_without_a_host_before_the_colon_is_all_addresses) {
    EXPECT_EQ(address_of(":80", AddressOf::listener), "[::]:80");
    EXPECT_EQ(address_of("*:80", AddressOf::listener), "[::]:80");
}

TEST(HostPort, of_a_backend_may_be_a_port_of_this_machine) {
    EXPECT_EQ(address_of("8000", AddressOf::backend), "127.0.0.1:8000");
    EXPECT_EQ(address_of(":8000", AddressOf::backend), "127.0.0.1:8000");
    EXPECT_EQ(address_of("db:3306", AddressOf::backend), "db:3306");
    EXPECT_EQ(address_of("0", AddressOf::backend), "needs a port from 1 to 65535");
    EXPECT_EQ(address_of("db", AddressOf::backend), "must be HOST:PORT, as in db:40001");
}

TEST(HostPort, of_a_server_says_what_to_write_instead) {
    EXPECT_EQ(address_of(":40001"),
              "has no host: write HOST:40001, or 127.0.0.1:40001 for this machine");
    EXPECT_EQ(address_of("relay.example"), "must be HOST:PORT, as in relay.example:40001");
    EXPECT_EQ(address_of(""), "must be HOST:PORT, as in relay.example.com:40001");
    EXPECT_EQ(address_of("tcp://relay:40001"), "is a URL: write relay:40001");
    EXPECT_EQ(address_of("http://me:secret@relay:80/a?b"), "is a URL: write relay:80");
    EXPECT_EQ(address_of("https://relay"),
              "is a URL: write relay:PORT; TLS is turned on by \"tls\": {} in a file");
    EXPECT_EQ(address_of("user@relay:22"), "holds a user's name: write relay:22");
    EXPECT_EQ(address_of("relay:40001/"), "holds a '/': write relay:40001");
    EXPECT_EQ(address_of("bücher.example:1"), "must be in ASCII: write xn--bcher-kva.example:1");
    EXPECT_EQ(address_of("relay：40001"),
              "holds U+FF1A (fullwidth colon) at character 6: write ':'");
    EXPECT_EQ(address_of("*:40001"),
              "has a host that may hold letters, digits, '-', '_' and '.' only, or be an address");
}

TEST(HostPort, survives_a_round_trip_through_text) {
    for (const HostPort& address : {HostPort{"::1", 1}, HostPort{"h", 65535}}) {
        EXPECT_EQ(parse_host_port(to_string(address)).value(), address);
    }
}

TEST(Host, may_be_an_address_or_a_name) {
    for (const auto* host : {"127.0.0.1", "::1", "::", "2001:db8::10.0.0.1", "fe80::1%eth0.100",
                             "localhost", "db_1", "relay.example.com", "relay.example.com.",
                             "xn--bcher-kva.example", "3com.example", "4f2a9c", "1.db"}) {
        EXPECT_EQ(host_problem(host), "fine") << host;
    }
}

TEST(Host, may_hold_certain_letters_only) {
    const std::string letters = "may hold letters, digits, '-', '_' and '.' only, or be an address";
    for (const auto& host : {"a b"s, " a"s, "a\0b"s, "[]"s, "*"s}) {
        EXPECT_EQ(host_problem(host), letters) << host;
    }
}

TEST(Host, has_a_bounded_length) {
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
    EXPECT_EQ(host_problem(longest), "fine");
    EXPECT_EQ(host_problem(longest + "."), "fine");
    EXPECT_EQ(host_problem(longest + "a"), "must be at most 253 bytes long");
    EXPECT_EQ(host_problem(label + "a.example"), "must have 1 to 63 bytes between two dots");
    for (const auto* host : {".", "..", ".a", "a..b", "a.."}) {
        EXPECT_EQ(host_problem(host), "must have 1 to 63 bytes between two dots") << host;
    }
}

TEST(Host, that_ends_in_a_number_is_a_whole_ipv4_address) {
    for (const auto* host : {"1000000", "127.1", "10.0.0.300", "10.0.0.0.1", "10.0.0.1.",
                             "0x7f000001", "0x7F.1", "1.2.3.0x4", "host.1", "01.02.03.04"}) {
        EXPECT_EQ(host_problem(host), "is not a valid IPv4 address") << host;
    }
}

TEST(Host, with_a_colon_is_a_valid_ipv6_address) {
    for (const auto& host : {":"s, ":::"s, "1 :2"s, "::1::"s, "12345::"s, "host:"s, "::1\0"s,
                             "::ffff:1.2.3.400"s, "[::1]"s}) {
        EXPECT_EQ(host_problem(host), "is not a valid IPv6 address") << host;
    }
    for (const auto* host : {"fe80::1%", "fe80::1%eth 0", "fe80::1%interface-with-16"}) {
        EXPECT_EQ(host_problem(host), "has an invalid zone after '%'") << host;
    }
}

TEST(Host, with_something_around_it_is_told_what_to_write) {
    EXPECT_EQ(host_problem("relay:40001"),
              "is a host and a port: write relay as the host and 40001 as the port");
    EXPECT_EQ(host_problem("[::1]:80"),
              "is a host and a port: write ::1 as the host and 80 as the port");
    EXPECT_EQ(host_problem("*:80"), "is a host and a port: write * as the host and 80 as the port");
    for (const auto* port : {":8000", "8000"}) {
        EXPECT_EQ(
            host_problem(port),
            "is a port without a host: write 127.0.0.1 or another as the host and 8000 as the "
            "port");
    }
    EXPECT_EQ(host_problem("http://relay.example:80/"),
              "is a URL: write relay.example as the host and 80 as the port");
    EXPECT_EQ(host_problem("http://relay"), "is a URL: write relay alone");
    EXPECT_EQ(host_problem("http://"), "is a URL: write the host alone, as in relay.example.com");
    EXPECT_EQ(host_problem("wss://[::1]/x").substr(0, 27), "is a URL: write [::1] alone");
    EXPECT_EQ(host_problem("a/b"), "holds a '/': write a alone");
    EXPECT_EQ(host_problem("user@host"), "holds a user's name: write host alone");
    for (const auto* path : {"/run/db.sock", "./db.sock", "unix:/run/db.sock"}) {
        EXPECT_EQ(host_problem(path), "is a path: inout connects by TCP, to a host and a port")
            << path;
    }
}

TEST(Host, in_other_letters_is_told_its_ascii_form) {
    const auto written = [](const std::string& host) {
        const std::string text = host_problem(host);
        const std::string before = "must be in ASCII: write ";
        return text.starts_with(before) ? text.substr(before.size()) : text;
    };
    EXPECT_EQ(written("bücher.example"), "xn--bcher-kva.example alone");
    EXPECT_EQ(written("BÜCHER.example"), "xn--bcher-kva.example alone");
    EXPECT_EQ(written("例え.テスト"), "xn--r8jz45g.xn--zckzah alone");
    EXPECT_EQ(written("中国"), "xn--fiqs8s alone");
    EXPECT_EQ(written("пример.испытание"), "xn--e1afmkfd.xn--80akhbyknj4f alone");
    EXPECT_EQ(written("παράδειγμα.δοκιμή"), "xn--hxajbheg2az3al.xn--jxalpdlp alone");
    EXPECT_EQ(written("bu\u0308cher"), "the form of the name that begins with xn--");
}

TEST(Host, with_characters_that_nobody_sees_names_them) {
    EXPECT_EQ(host_problem("relay\u200b"),
              "holds U+200B (zero width space) at character 6, which can not be seen: remove it");
    EXPECT_EQ(host_problem("\u00a0relay"),
              "holds U+00A0 (no-break space) at character 1, which can not be seen: remove it");
    EXPECT_EQ(host_problem("relay．example"),
              "holds U+FF0E (fullwidth full stop) at character 6: write '.'");
    EXPECT_EQ(host_problem("中继。例子"), "holds U+3002 at character 3: write '.'");
    EXPECT_EQ(host_problem("re\xffy"), "is not UTF-8 at character 3");
}

TEST(CanonicalHost, is_the_same_for_all_spellings_of_a_host) {
    EXPECT_EQ(canonical_host("Relay.Example.COM."), "relay.example.com");
    EXPECT_EQ(canonical_host("2001:DB8:0::0:1"), "2001:db8::1");
    EXPECT_EQ(canonical_host("0:0:0:0:0:0:0:0"), "::");
    EXPECT_EQ(canonical_host("::FFFF:7f00:1"), "127.0.0.1");
    EXPECT_EQ(canonical_host("FE80:0::1%eth0"), "fe80::1%eth0");
    EXPECT_EQ(canonical_host("10.0.0.1"), "10.0.0.1");
}

}  // namespace
}  // namespace inout::host_port_test
