#include "common/admin/gate.hpp"

#include <gtest/gtest.h>

namespace inout::admin::gate_test {
namespace {

constexpr std::string_view kToken = "0123456789abcdef";

Request request_of(std::vector<Field> fields, bool is_1_0 = false) {
    return {
        .method = "GET", .target = "/api/status", .is_1_0 = is_1_0, .fields = std::move(fields)};
}

unsigned status_of(const Gate& gate, std::vector<Field> fields, bool is_1_0 = false) {
    const auto refused = gate.refuse(request_of(std::move(fields), is_1_0), Purpose::reading);
    return refused ? refused->status : 200;
}

unsigned for_host(const Gate& gate, std::string host) {
    return status_of(gate, {{"host", std::move(host)}});
}

TEST(Gate, KnowsItsOwnNamesAndNoOthers) {
    const Gate gate{.hosts = {"ops.example", "*.in.example", "192.0.2.7"}};
    for (const char* host :
         {"localhost", "LOCALHOST", "localhost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]",
          "[::1]:80", "[0:0::1]:80", "ops.example:443", "a.in.example", "192.0.2.7:9100"}) {
        EXPECT_EQ(for_host(gate, host), 200U) << host;
    }
    for (const char* host : {"",
                             "evil.example",
                             "localhost.evil.example",
                             "127.0.0.1.evil.example",
                             "127.0.0.2",
                             "127.1",
                             "2130706433",
                             "::1",
                             "[127.0.0.1]",
                             "[::1",
                             "[::1]x",
                             "localhost:",
                             "localhost:x",
                             "localhost:1:2",
                             "localhost:123456",
                             "localhost@evil",
                             "localhost, evil",
                             "in.example",
                             "a.b.in.example",
                             ".in.example",
                             "192.0.2.8",
                             "xops.example"}) {
        const unsigned status = for_host(gate, host);
        EXPECT_EQ(status, host == std::string_view("localhost:") ? 200U : 421U) << host;
    }
}

TEST(Gate, TakesAnyAddressWhereItListensOnAll) {
    const Gate gate{.any_address = true};
    EXPECT_EQ(for_host(gate, "192.0.2.7:1"), 200U);
    EXPECT_EQ(for_host(gate, "[2001:db8::1]"), 200U);
    EXPECT_EQ(for_host(gate, "evil.example"), 421U);
}

TEST(Gate, NeedsOneHost) {
    const Gate gate;
    EXPECT_EQ(status_of(gate, {}), 400U);
    EXPECT_EQ(status_of(gate, {{"host", "localhost"}, {"host", "localhost"}}), 400U);
    EXPECT_EQ(status_of(gate, {}, true), 200U);
    EXPECT_EQ(status_of(gate, {{"host", "evil.example"}}, true), 421U);
}

TEST(Gate, AnswersNoPageOfAnotherPlace) {
    const Gate plain, secured{.over_tls = true};
    const auto from = [](const Gate& gate, std::string origin, std::string host = "localhost:91") {
        return status_of(gate, {{"host", std::move(host)}, {"origin", std::move(origin)}});
    };
    for (const char* origin :
         {"", "null", "http://localhost", "http://localhost:92", "http://evil.example",
          "http://localhost:91/", "http://localhost:91 ", "HTTP://localhost:91",
          "http://localhost:91, http://localhost:91", "localhost:91", "http://127.0.0.1:91"}) {
        EXPECT_EQ(from(plain, origin), 403U) << origin;
        EXPECT_EQ(from(secured, origin), 403U) << origin;
    }
    EXPECT_EQ(from(plain, "http://localhost:91"), 200U);
    EXPECT_EQ(from(plain, "https://localhost:91"), 403U);
    EXPECT_EQ(from(secured, "https://localhost:91"), 200U);
    EXPECT_EQ(from(secured, "http://localhost:91"), 403U);
    EXPECT_EQ(from(plain, "http://localhost:91", "LocalHost:91"), 200U);
    EXPECT_EQ(from(plain, "http://LocalHost:91", "LocalHost:91"), 403U) << "no browser says that";
    EXPECT_EQ(from(plain, "http://[::1]:91", "[::1]:91"), 200U);
    EXPECT_EQ(from(plain, "http://evil.example", "evil.example"), 421U);
    EXPECT_EQ(status_of(plain, {{"host", "localhost"},
                                {"origin", "http://localhost"},
                                {"origin", "http://localhost"}}),
              403U);
    EXPECT_EQ(status_of(plain, {{"origin", "http://"}}, true), 403U);
}

TEST(Gate, NobodyActsWithoutTheToken) {
    const std::string token(kToken);
    const Gate gate{.token = Secret(kToken)};
    const auto acts = [](const Gate& at, std::vector<Field> fields, bool is_1_0 = false) {
        const auto refused = at.refuse(request_of(std::move(fields), is_1_0), Purpose::acting);
        return refused ? refused->status : 200;
    };
    const Field host{"host", "localhost"}, shown{"authorization", "Bearer " + token};
    EXPECT_EQ(acts(gate, {host, shown}), 200U);
    EXPECT_EQ(acts(gate, {host}), 401U);
    EXPECT_EQ(acts(gate, {host, {"authorization", "Bearer " + token + "x"}}), 401U);
    EXPECT_EQ(acts(gate, {host, shown, shown}), 401U);
    EXPECT_EQ(acts({}, {host, shown}), 403U) << "there is none";
    EXPECT_EQ(acts({}, {host, {"authorization", "Bearer "}}), 403U);
    EXPECT_EQ(acts(gate, {shown}, true), 400U);
    EXPECT_EQ(acts(gate, {{"host", "evil.example"}, shown}), 421U);
    EXPECT_EQ(acts(gate, {host, shown, {"origin", "http://localhost"}}), 200U);
    EXPECT_EQ(acts(gate, {host, shown, {"origin", "http://evil.example"}}), 403U);
    const auto fetched = [&](std::string site) {
        return acts(gate, {host, shown, {"sec-fetch-site", std::move(site)}});
    };
    EXPECT_EQ(fetched("same-origin"), 200U);
    EXPECT_EQ(fetched("none"), 200U);
    for (const char* site : {"cross-site", "same-site", "", "None", "none, none"}) {
        EXPECT_EQ(fetched(site), 403U) << site;
    }
    EXPECT_EQ(acts(gate, {host, shown, {"sec-fetch-site", "none"}, {"sec-fetch-site", "none"}}),
              403U);
}

TEST(Gate, NeedsTheTokenWhereItIsDemanded) {
    const Gate gate{.needs_token = true, .token = Secret(kToken)};
    const auto with = [&gate](std::string value) {
        return status_of(gate, {{"host", "localhost"}, {"authorization", std::move(value)}});
    };
    const std::string token(kToken);
    EXPECT_EQ(with("Bearer " + token), 200U);
    EXPECT_EQ(with("bEARER   " + token), 200U);
    EXPECT_EQ(status_of(gate, {{"host", "localhost"}}), 401U);
    for (const std::string& wrong :
         {std::string(), std::string("Bearer"), std::string("Bearer "), token, "Basic " + token,
          "Bearer " + token + "x", "Bearer " + token.substr(1), "Bearer\t" + token}) {
        EXPECT_EQ(with(wrong), 401U) << wrong;
    }
    EXPECT_EQ(status_of(gate, {{"host", "localhost"},
                               {"authorization", "Bearer " + token},
                               {"authorization", "Bearer " + token}}),
              401U);
    EXPECT_EQ(status_of({.token = Secret(kToken)}, {{"host", "localhost"}}), 200U);
    EXPECT_FALSE(gate.refuse({.method = "GET", .target = "/?x", .fields = {{"host", "localhost"}}},
                             Purpose::reading));
    EXPECT_EQ(gate.refuse({.method = "GET", .target = "/", .fields = {{"host", "evil.example"}}},
                          Purpose::reading)
                  ->status,
              421U);
    const auto refused = gate.refuse(request_of({{"host", "localhost"}}), Purpose::reading);
    EXPECT_EQ(refused->body.find(token), std::string::npos);
}

}  // namespace
}  // namespace inout::admin::gate_test
