// Rates and quotas in a configuration.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"
#include "common/config/files.hpp"

namespace inout::allowance_test {
namespace {

using namespace config_problems;

std::string key(const std::string& more) {
    return R"({"auth": {"quota_file": "q", "keys": [{"id": "a", "secret_file": "s", "in": ["#"], )" +
           more + "}]}}";
}
std::string out_with(const std::string& rate) {
    return R"({"networks": [{"server_host": "a", "server_port": 1, "backend_host": "b",
        "backend_port": 2, "rate": )" +
           rate + "}]}";
}

TEST(Allowance, is_read_and_written_as_it_was) {
    const std::string text =
        key(R"("rate": {"up": "10Mbit", "down": "1.5MB"}, "quota": {"bytes": "100GB"})");
    const auto config = parse_proxy_config(text, "f");
    ASSERT_TRUE(config);
    const AllowanceOptions& allowance = config->auth->keys.front().allowance;
    EXPECT_EQ(allowance.rate->up->count(), 1'250'000U);
    EXPECT_EQ(allowance.rate->down->count(), 1'500'000U);
    EXPECT_EQ(allowance.quota->bytes->count(), 100'000'000'000U);
    EXPECT_EQ(allowance.quota->per, QuotaPer::total);
    const std::string printed = to_json(*config);
    EXPECT_NE(printed.find(R"("down": "1.5MB")"), std::string::npos) << printed;
    EXPECT_EQ(*parse_proxy_config(printed, "g"), *config);
}

TEST(Allowance, of_a_certificate_and_of_networks) {
    EXPECT_EQ(proxy(R"({"tls": {"cert": "c", "key": "k", "client_ca": "a"}, "auth":
        {"quota_file": "q", "certs": [{"name": "x", "in": ["#"], "rate": {"up": "1MB"},
         "quota": {"bytes": "1B", "per": "month"}}]}})"),
              "");
    EXPECT_EQ(out(out_with(R"({"down": "1Gbit"})")), "");
    EXPECT_EQ(in(R"({"networks": [{"server_host": "a", "server_port": 1, "port": 2,
        "rate": {"up": "8kbit"}}]})"),
              "");
}

TEST(Allowance, a_rate_limits_something) {
    EXPECT_EQ(out(out_with("{}")).substr(8),
              "networks[0].rate: limits nothing; it needs \"up\", \"down\" or both\n");
    EXPECT_NE(out(out_with("7")).find("networks[0].rate: must be an object, not 7"),
              std::string::npos);
}

TEST(Allowance, an_amount_has_a_unit) {
    for (const char* rate : {"10", "\"10\"", "\"10mbit\"", "\"1KB\"", "null", "\"101Gbit\""}) {
        EXPECT_NE(out(out_with(std::string(R"({"up": )") + rate + "}"))
                      .find("networks[0].rate.up: must be a rate per second with its unit, such as "
                            "\"10Mbit\" or \"1.5MB\" (kbit, Mbit, Gbit, kB, MB, GB), from "
                            "\"8kbit\" to \"100Gbit\", not " +
                            std::string(rate)),
                  std::string::npos)
            << rate;
    }
    EXPECT_NE(proxy(key(R"("quota": {"bytes": 5})"))
                  .find("auth.keys[0].quota.bytes: must be an amount of bytes with its unit"),
              std::string::npos);
    EXPECT_NE(proxy(key(R"("quota": {})")).find("quota.bytes: is required"), std::string::npos);
    EXPECT_NE(proxy(key(R"("quota": {"bytes": "1GB", "per": "day"})"))
                  .find("quota.per: must be one of \"total\", \"month\", not \"day\""),
              std::string::npos);
}

TEST(Allowance, a_quota_needs_its_file) {
    EXPECT_EQ(proxy(R"({"auth": {"keys": [{"id": "a", "secret_file": "s", "in": ["#"],
        "quota": {"bytes": "1GB"}}]}})"),
              "f:1:10: auth.quota_file: is required where there is a \"quota\": the file in which "
              "is kept what was used\n");
    EXPECT_NE(proxy(R"({"auth": {"quota_file": "", "anonymous": {"in": ["#"]}}})"), "");
}

TEST(Allowance, its_file_is_found_from_the_configuration_and_is_not_watched) {
    auto config = parse_proxy_config(key(R"("quota": {"bytes": "1GB"})"), "f").value();
    resolve_files(config, "/etc/inout/proxy.json");
    EXPECT_EQ(config.auth->quota_file, "/etc/inout/q");
    EXPECT_EQ(files_of(config), (std::vector<std::string>{"/etc/inout/s"}));
}

}  // namespace
}  // namespace inout::allowance_test
