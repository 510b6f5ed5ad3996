// What is refused in the keys of encryption, identity and access, and how it reads.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"

namespace inout::security_test {
namespace {

using config_problems::in;
using config_problems::out;
using config_problems::proxy;

// Each puts `members` on line 2, so that columns count from 1 there.
std::string top(const std::string& entry, const std::string& members) {
    return "{\"networks\": [{" + entry + "}],\n" + members + "}";
}
std::string network(const std::string& entry, const std::string& members) {
    return "{\"networks\": [{" + entry + ",\n" + members + "}]}";
}
const std::string kIn = R"("server_host": "h", "server_port": 1, "port": 0)";
const std::string kOut =
    R"("server_host": "h", "server_port": 1, "backend_host": "b", "backend_port": 2)";
std::string in_top(const std::string& members) { return in(top(kIn, members)); }
std::string out_top(const std::string& members) { return out(top(kOut, members)); }
std::string in_network(const std::string& members) { return in(network(kIn, members)); }
std::string out_network(const std::string& members) { return out(network(kOut, members)); }

/// An `auth` of a proxy with these members, which permits somebody something.
std::string proxy_auth(const std::string& members) {
    return proxy(R"({"tls": {"cert": "c", "key": "k", "client_ca": "a"}, "auth": {"anonymous": )"
                 "{\"in\": [\"#\"]},\n" +
                 members + "}}");
}
std::string many(int count, const std::string& element) {
    std::string text;
    for (int i = 0; i < count; ++i) text += element + ",";
    return "[" + text + "]";
}

// --- TLS of in and out ---

TEST(TlsOfClients, may_be_empty_for_the_systems_trust_store) {
    EXPECT_EQ(in_top("\"tls\": {}"), "");
    EXPECT_EQ(in_network("\"tls\": {}"), "");
    EXPECT_EQ(out_top("\"tls\": {}"), "");
    EXPECT_EQ(out_network("\"tls\": {}"), "");
}

TEST(TlsOfClients, can_not_be_told_to_skip_verification) {
    EXPECT_EQ(in_top("\"tls\": {\"verify\": false}"),
              "f:2:9: tls: unknown key \"verify\"; the keys here are \"ca\", \"server_name\", "
              "\"cert\", \"key\", \"pin\"\n");
}

TEST(TlsOfClients, has_both_or_none_of_cert_and_key) {
    EXPECT_EQ(in_top(R"("tls": {"cert": "c", "key": "k"})"), "");
    EXPECT_EQ(in_top(R"("tls": {"cert": "c"})"),
              "f:2:17: tls.cert: needs \"key\", the file of its private key\n");
    EXPECT_EQ(out_network(R"("tls": {"key": "k"})"),
              "f:2:16: networks[0].tls.key: needs \"cert\", the file of its certificate\n");
    EXPECT_EQ(in_top(R"("tls": {"cert": 1, "key": "k"})"),
              "f:2:17: tls.cert: must be a string, not 1\n");
}

TEST(TlsOfClients, takes_a_host_as_server_name) {
    EXPECT_EQ(in_top(R"("tls": {"server_name": "relay.example.com"})"), "");
    EXPECT_EQ(in_top(R"("tls": {"server_name": ""})"),
              "f:2:24: tls.server_name: \"\" must not be empty\n");
    EXPECT_NE(out_top(R"("tls": {"server_name": "*.example.com"})"), "");
}

TEST(Pins, are_the_base64_of_32_bytes) {
    const auto accepted = [](const std::string& pin) {
        const std::string problem = in_top("\"tls\": {\"pin\": \"" + pin + "\"}");
        if (!problem.empty()) {
            EXPECT_EQ(problem,
                      "f:2:16: tls.pin: must be \"sha256/\" and then the 44 characters "
                      "that are the base64 of 32 bytes\n");
        }
        return problem.empty();
    };
    const std::string zeros(42, 'A');
    EXPECT_TRUE(accepted("sha256/" + zeros + "A="));
    EXPECT_TRUE(accepted("sha256/" + std::string(42, '/') + "8="));
    EXPECT_TRUE(accepted("sha256/abcdefghijklmnopqrstuvwxyz0123456789+/ABCDw="));
    EXPECT_FALSE(accepted(""));
    EXPECT_FALSE(accepted("sha256/"));
    EXPECT_FALSE(accepted(zeros + "A="));
    EXPECT_FALSE(accepted("sha512/" + zeros + "A="));
    EXPECT_FALSE(accepted("SHA256/" + zeros + "A="));
    EXPECT_FALSE(accepted("sha256/" + zeros + "="));
    EXPECT_FALSE(accepted("sha256/" + zeros + "AA="));
    EXPECT_FALSE(accepted("sha256/" + zeros + "AA"));
    EXPECT_FALSE(accepted("sha256/" + zeros + "A=="));
    EXPECT_FALSE(accepted("sha256/" + zeros + "B="));  // not the spelling of 32 bytes
    EXPECT_FALSE(accepted("sha256/" + std::string(42, '-') + "A="));
    EXPECT_FALSE(accepted("sha256/" + std::string(42, '=') + "A="));
}

// --- TLS of the proxy ---

TEST(TlsOfTheProxy, needs_a_certificate_and_its_key) {
    EXPECT_EQ(proxy(R"({"tls": {}})"),
              "f:1:9: tls.cert: is required\n"
              "f:1:9: tls.key: is required\n");
    EXPECT_EQ(proxy(R"({"tls": {"mode": "optional", "key": "k"}})"),
              "f:1:9: tls.cert: is required\n");
}

TEST(TlsOfTheProxy, that_is_off_needs_no_files) {
    EXPECT_EQ(proxy(R"({"tls": {"mode": "off"}})"), "");
    EXPECT_EQ(proxy(R"({"tls": {"mode": "off", "cert": "c", "key": "k"}})"), "");
}

TEST(TlsOfTheProxy, that_is_off_asks_for_no_client_certificates) {
    EXPECT_EQ(proxy(R"({"tls": {"mode": "off", "client_ca": "a"}})"),
              "f:1:38: tls.client_ca: needs another mode: in \"off\" no client shows a "
              "certificate\n");
}

TEST(TlsOfTheProxy, has_named_modes_and_versions) {
    EXPECT_EQ(proxy(R"({"tls": {"cert": "c", "key": "k", "mode": "on"}})"),
              "f:1:43: tls.mode: must be one of \"off\", \"optional\", \"required\", not \"on\"\n");
    EXPECT_EQ(proxy(R"({"tls": {"cert": "c", "key": "k", "min_version": 1.2}})"),
              "f:1:50: tls.min_version: must be one of \"1.2\", \"1.3\", not 1.2\n");
    EXPECT_NE(proxy(R"({"tls": {"cert": "c", "key": "k", "min_version": "1.1"}})"), "");
    EXPECT_NE(proxy(R"({"tls": false})"), "");
}

TEST(TlsTimeout, is_at_most_handshake_timeout) {
    EXPECT_EQ(proxy(R"({"tls_timeout": 3000, "handshake_timeout": 3000})"), "");
    EXPECT_EQ(proxy(R"({"tls_timeout": 3001, "handshake_timeout": 3000})"),
              "f:1:17: tls_timeout: must be at most handshake_timeout (3000), not 3001\n");
    EXPECT_EQ(proxy(R"({"tls_timeout": 10001})"),
              "f:1:17: tls_timeout: must be at most handshake_timeout (10000), not 10001\n");
}

// --- files and identity ---

TEST(FileNames, are_not_empty_and_hold_no_nul) {
    EXPECT_EQ(in_top(R"("tls": {"ca": ""})"), "f:2:15: tls.ca: must not be empty\n");
    EXPECT_EQ(in_top(R"("tls": {"ca": "a\u0000b"})"),
              "f:2:15: tls.ca: must not hold a NUL character\n");
    EXPECT_EQ(in_top(R"("tls": {"ca": "../our ca/数据.pem"})"), "");
    for (const std::string key : {"cert", "key", "client_ca"}) {
        EXPECT_EQ(proxy("{\"tls\": {\"mode\": \"off\", \"" + key + "\":\n\"\"}}"),
                  "f:2:1: tls." + key + ": must not be empty\n");
    }
    EXPECT_EQ(out_network(R"("e2e": {"key_file": "k", "also_accept": ""})"),
              "f:2:41: networks[0].e2e.also_accept: must not be empty\n");
}

TEST(Auth, of_clients_has_an_id_and_a_secret_file) {
    EXPECT_EQ(in_top(R"("auth": {"id": "office", "secret_file": "s"})"), "");
    EXPECT_EQ(in_top("\"auth\": {}"),
              "f:2:9: auth.id: is required\n"
              "f:2:9: auth.secret_file: is required\n");
    EXPECT_EQ(out_network(R"("auth": {"id": "i", "secret": "x"})"),
              "f:2:9: networks[0].auth.secret_file: is required\n"
              "f:2:21: networks[0].auth: unknown key \"secret\"; the keys here are \"id\", "
              "\"secret_file\"\n");
}

TEST(KeyIds, are_1_to_64_printable_bytes) {
    const auto with = [](const std::string& id) {
        return in_top("\"auth\": {\"id\": \"" + id + "\", \"secret_file\": \"s\"}");
    };
    EXPECT_EQ(with(std::string(64, 'x')), "");
    EXPECT_EQ(with(std::string(65, 'x')),
              "f:2:16: auth.id: must be at most 64 bytes long, not 65\n");
    EXPECT_EQ(with(""), "f:2:16: auth.id: must not be empty\n");
    EXPECT_EQ(with("a\\nb"), "f:2:16: auth.id: must be printable, which U+000A at byte 2 is not\n");
}

TEST(E2e, needs_a_key_file) {
    EXPECT_EQ(in_network("\"e2e\": {}"), "f:2:8: networks[0].e2e.key_file: is required\n");
    EXPECT_EQ(out_network(R"("e2e": {"also_accept": "old"})"),
              "f:2:8: networks[0].e2e.key_file: is required\n");
}

TEST(E2e, has_a_second_key_only_in_out) {
    EXPECT_EQ(out_network(R"("e2e": {"key_file": "k", "also_accept": "old"})"), "");
    EXPECT_EQ(in_network(R"("e2e": {"key_file": "k", "also_accept": "old"})"),
              "f:2:26: networks[0].e2e: unknown key \"also_accept\"; the keys here are "
              "\"key_file\", \"key_format\"\n");
}

TEST(E2e, belongs_to_a_network) {
    EXPECT_NE(in_top(R"("e2e": {"key_file": "k"})"), "");
    EXPECT_NE(proxy(R"({"e2e": {"key_file": "k"}})"), "");
}

TEST(Compression, is_off_or_zstd_in_a_network) {
    for (const auto& entry : {in_network, out_network}) {
        EXPECT_EQ(entry(R"("compression": "off")"), "");
        EXPECT_EQ(entry(R"("compression": "zstd")"), "");
        EXPECT_EQ(
            entry(R"("compression": "gzip")"),
            "f:2:16: networks[0].compression: must be one of \"off\", \"zstd\", not \"gzip\"\n");
    }
    EXPECT_NE(in_top(R"("compression": "zstd")"), "");
    EXPECT_NE(proxy(R"({"compression": "zstd"})"), "");
}

TEST(Auth, of_the_proxy_permits_somebody_something) {
    const std::string nobody =
        "f:1:10: auth: permits nobody anything; a key, a certificate or \"anonymous\" needs a "
        "topic in \"in\" or \"out\"\n";
    EXPECT_EQ(proxy(R"({"auth": {}})"), nobody);
    EXPECT_EQ(proxy(R"({"auth": {"keys": [], "certs": [], "anonymous": {"in": []}}})"), nobody);
    EXPECT_EQ(proxy(R"({"auth": {"keys": [{"id": "a", "secret_file": "s"}]}})"), nobody);
    EXPECT_EQ(proxy(R"({"auth": {"keys": [{"id": "a", "secret_file": "s", "out": ["t"]}]}})"), "");
    EXPECT_EQ(proxy(R"({"auth": {"anonymous": {"in": ["t"]}}})"), "");
    EXPECT_EQ(proxy_auth(R"("keys": [{"id": "revoked", "secret_file": "s"}])"), "");
}

TEST(Auth, of_the_proxy_has_one_entry_for_an_id_and_for_a_name) {
    EXPECT_EQ(proxy_auth("\"keys\": [{\"id\": \"a\", \"secret_file\": \"s\"},\n"
                         R"({"id": "a", "secret_file": "t"}])"),
              "f:3:8: auth.keys[1].id: \"a\" is that of auth.keys[0] already\n");
    EXPECT_EQ(proxy_auth("\"certs\": [{\"name\": \"a\"},\n{\"name\": \"a\"}]"),
              "f:3:10: auth.certs[1].name: \"a\" is that of auth.certs[0] already\n");
    EXPECT_EQ(proxy_auth(R"("keys": [{"id": "a", "secret_file": "s"}], "certs": [{"name": "a"}])"),
              "");
}

TEST(Auth, of_the_proxy_names_the_wrong_entry) {
    EXPECT_EQ(proxy_auth("\"keys\": [{}],\n\"certs\": [{\"name\": \"\"}, 5]"),
              "f:2:10: auth.keys[0].id: is required\n"
              "f:2:10: auth.keys[0].secret_file: is required\n"
              "f:3:20: auth.certs[0].name: must not be empty\n"
              "f:3:25: auth.certs[1]: must be an object, not 5\n");
}

TEST(Auth, of_the_proxy_is_not_judged_as_a_whole_if_a_part_is_wrong) {
    EXPECT_EQ(
        proxy(
            "{\"auth\": {\"keys\": [{\"id\": \"a\", \"secret_file\": \"s\", \"in\":\n[\"a*\"]}]}}"),
        "f:2:2: auth.keys[0].in[0]: may have '*' and '#' as whole words only, as in db.*\n");
    EXPECT_EQ(proxy("{\"auth\": {\"anonymous\":\n{\"in\": 1}}}"),
              "f:2:8: auth.anonymous.in: must be an array, not 1\n");
    EXPECT_EQ(proxy_auth("\"certs\": [{},\n{}]"),
              "f:2:11: auth.certs[0].name: is required\n"
              "f:3:1: auth.certs[1].name: is required\n");
}

TEST(Auth, by_certificates_needs_a_client_ca) {
    const std::string auth = R"("auth": {"certs": [{"name": "n", "in": ["t"]}]})";
    const std::string problem =
        "auth: \"certs\" need tls.client_ca, or no client shows a certificate\n";
    EXPECT_EQ(proxy("{" + auth + "}"), "f:1:10: " + problem);
    EXPECT_EQ(proxy("{" + auth + ",\n\"tls\": {\"cert\": \"c\", \"key\": \"k\"}}"),
              "f:1:10: " + problem);
    EXPECT_EQ(proxy("{" + auth + R"(, "tls": {"cert": "c", "key": "k", "client_ca": "a"}})"), "");
}

// --- lists ---

TEST(Patterns, are_checked_one_by_one) {
    EXPECT_EQ(proxy_auth("\"keys\": [{\"id\": \"a\", \"secret_file\": \"s\", \"in\":\n"
                         R"(["db.*", "", "#.#", 1, "a*"]}])"),
              "f:3:10: auth.keys[0].in[1]: must not be empty\n"
              "f:3:14: auth.keys[0].in[2]: may have one '#' only\n"
              "f:3:21: auth.keys[0].in[3]: must be a string, not 1\n"
              "f:3:24: auth.keys[0].in[4]: may have '*' and '#' as whole words only, as in db.*\n");
    EXPECT_EQ(proxy_auth("\"keys\": [{\"id\": \"a\", \"secret_file\": \"s\", \"out\":\n\"#\"}]"),
              "f:3:1: auth.keys[0].out: must be an array, not \"#\"\n");
}

TEST(AddressRanges, are_checked_one_by_one) {
    EXPECT_EQ(proxy("{\"deny\":\n[\"10.0.0.0/8\", \"10.0.0.1/8\", \"::1/129\", \"host\", null]}"),
              "f:2:16: deny[1]: has bits behind its prefix length; the range would be 10.0.0.0/8\n"
              "f:2:30: deny[2]: needs a prefix length from 0 to 128\n"
              "f:2:41: deny[3]: must be an IP address or a range of them, as in 10.0.0.0/8 or "
              "2001:db8::/32\n"
              "f:2:49: deny[4]: must be a string, not null\n");
    for (const std::string key : {"allow", "deny"}) {
        EXPECT_NE(in_top("\"" + key + "\": [\"x\"]"), "") << key;
        EXPECT_NE(in_network("\"" + key + "\": [\"x\"]"), "") << key;
        EXPECT_NE(out_top("\"" + key + "\": []"), "") << key;
    }
    EXPECT_NE(proxy("{\"trusted\": [\"x\"]}"), "");
    EXPECT_NE(in_top("\"trusted\": [\"x\"]"), "");
    EXPECT_EQ(in_top("\"trusted\": []"), "");
    EXPECT_NE(proxy("{\"trusted\": [], \"proxy_protocol\": true}"), "");
    EXPECT_EQ(proxy("{\"trusted\": [], \"proxy_protocol\": false}"), "");
}

TEST(Lists, are_bounded) {
    EXPECT_EQ(proxy("{\"allow\": " + many(10'000, "\"::1\"") + "}"), "");
    EXPECT_EQ(proxy("{\"allow\": " + many(10'001, "\"::1\"") + "}"),
              "f:1:11: allow: must have 0 to 10000 entries, not 10001\n");
    EXPECT_EQ(proxy("{\"auth\": {\"anonymous\": {\"in\": " + many(1'000, "\"a\"") + "}}}"), "");
    EXPECT_EQ(proxy("{\"auth\": {\"anonymous\": {\"in\": " + many(1'001, "\"a\"") + "}}}"),
              "f:1:31: auth.anonymous.in: must have 0 to 1000 entries, not 1001\n");
    EXPECT_EQ(proxy_auth("\"keys\": " + many(10'001, "{}")),
              "f:2:9: auth.keys: must have 0 to 10000 entries, not 10001\n");
    EXPECT_EQ(proxy_auth("\"certs\": " + many(10'001, "{}")),
              "f:2:10: auth.certs: must have 0 to 10000 entries, not 10001\n");
}

}  // namespace
}  // namespace inout::security_test
