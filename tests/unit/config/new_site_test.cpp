#include "common/config/new_site.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/config/types.hpp"

namespace inout::new_site_test {
namespace {

KeyEntry site(const std::string& id, const std::string& out) {
    KeyEntry entry{id, id + ".secret", {}};
    entry.permissions.out.push_back(TopicPattern::parse(out).value());
    return entry;
}

std::vector<std::string> ids_in(const std::string& text) {
    const auto config = parse_proxy_config(text, "proxy.json");
    std::vector<std::string> ids;
    if (!config) {
        ids.push_back(config.error().front());
    } else if (config->auth) {
        for (const KeyEntry& key : config->auth->keys) ids.push_back(key.id);
    }
    return ids;
}

using Ids = std::vector<std::string>;

TEST(NewSite, ARelayTakesNobodyElseAndOnlyTls) {
    const std::string text =
        config_text({443, "a.crt", "a.key", {site("a", "#"), site("b", "c.*")}});
    ConfigWarnings warnings;
    const auto config = parse_proxy_config(text, "proxy.json", &warnings);
    ASSERT_TRUE(config) << config.error().front();
    EXPECT_TRUE(warnings.empty()) << warnings.front();
    EXPECT_EQ(config->listen.port, 443);
    ASSERT_TRUE(config->tls && config->auth);
    EXPECT_EQ(config->tls->mode, TlsMode::required);
    EXPECT_EQ(config->auth->proof_1, OldProofs::refuse);
    EXPECT_EQ(config->auth->anonymous, Permissions());
    EXPECT_EQ(config->auth->keys, (std::vector{site("a", "#"), site("b", "c.*")}));
}

TEST(NewSite, ComesInFrontAndLeavesTheTextAsItIs) {
    const std::string before =
                          "\xef\xbb\xbf// mine\n{\"AUTH\": { \"proof_1\" : \"refuse\", \"keys\": [",
                      after = " /* none yet */ ]}, \"port\": 1,}";
    const auto one = with_site(before + after, site("a", "#"));
    ASSERT_TRUE(one) << one.error();
    EXPECT_TRUE(one->starts_with(before));
    EXPECT_TRUE(one->ends_with("," + after));
    EXPECT_EQ(ids_in(*one), Ids{"a"});
    const auto two = with_site(*one, site("b", "x.\"y\".*"));
    ASSERT_TRUE(two) << two.error();
    EXPECT_EQ(ids_in(*two), (Ids{"b", "a"}));
}

TEST(NewSite, NeedsAListToStandIn) {
    for (const char* text :
         {"{}", "{\"auth\": {}}", "{\"auth\": {\"keys\": 1}}", "{\"auth\": []}"}) {
        const auto result = with_site(text, site("a", "#"));
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().find("has no list \"keys\""), std::string::npos);
    }
    EXPECT_FALSE(with_site("{", site("a", "#")));
}

TEST(NewSite, ItsNameIsThatOfFiles) {
    for (const char* good : {"a", "site-3", "DB_1.eu"}) EXPECT_FALSE(check_site_name(good)) << good;
    for (const char* bad : {"", ".", "..", "a/b", ".a", "-a", "a b", "\xc3\xa4", "a\n"}) {
        EXPECT_TRUE(check_site_name(bad)) << bad;
    }
    EXPECT_FALSE(check_site_name(std::string(64, 'a')));
    EXPECT_TRUE(check_site_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace inout::new_site_test
