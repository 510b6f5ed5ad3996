// Which other proxies a proxy goes to, and for which topics.
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/random.hpp"
#include "common/os/secret_file.hpp"
#include "proxy/cluster.hpp"

namespace inout::proxy::cluster_links_test {
namespace {

class ClusterLinks : public testing::Test {
  protected:
    ClusterLinks() : file(testing::TempDir() + "secret" + random_hex(8)) {
        EXPECT_FALSE(write_new_secret_file(file, "the long secret of all proxies"));
        config.cluster.emplace();
        config.cluster->name = "prod";
        config.cluster->key_file = file;
    }
    ~ClusterLinks() override { std::filesystem::remove(file); }

    void take() { all.take(std::make_shared<const ProxyConfig>(config)); }
    /// Why nothing goes there; empty: it does.
    std::string why_not(const std::string& address) {
        const auto link = all.link_to(address);
        return link ? std::string() : link.error();
    }

    const std::string file;
    ProxyConfig config = default_proxy_config();
    Workers workers{1, RelayOptions{}};
    Cluster all{workers, nullptr, 10};
};

TEST_F(ClusterLinks, to_one_proxy_all_streams_share_one) {
    take();
    const auto link = all.link_to("127.0.0.1:7");
    ASSERT_TRUE(link);
    EXPECT_EQ(*(*link)->name(), "127.0.0.1:7");
    EXPECT_TRUE((*link)->proxy_link().is_for_hops());
    EXPECT_TRUE((*link)->proxy_link().has_key());
    EXPECT_EQ(*all.link_to("127.0.0.1:7"), *link);
    EXPECT_NE(*all.link_to("127.0.0.1:8"), *link);
    take();
    EXPECT_NE(*all.link_to("127.0.0.1:7"), *link) << "other files may count now";
}

TEST_F(ClusterLinks, without_tls_only_loopback_is_reached) {
    take();
    EXPECT_EQ(why_not("[::1]:7"), "");
    EXPECT_EQ(why_not("localhost:7"), "");
    EXPECT_EQ(why_not("192.0.2.1:7"),
              "192.0.2.1:7 is not loopback: that needs \"tls\" in \"cluster\"");
    EXPECT_NE(why_not("relay.example.com:7"), "");
    EXPECT_NE(why_not("no address"), "");
    config.cluster->tls.emplace();
    take();
    EXPECT_EQ(why_not("192.0.2.1:7"), "");
}

TEST_F(ClusterLinks, where_peers_are_listed_no_other_is_reached_or_believed) {
    config.cluster->id = "a";
    config.cluster->peers.push_back({.id = "b",
                                     .address = {"127.0.0.1", 7},
                                     .key_file = file,
                                     .ask = {},
                                     .answer = {*TopicPattern::parse("db.*")}});
    take();
    EXPECT_EQ(why_not("127.0.0.1:7"), "");
    EXPECT_EQ(why_not("127.0.0.1:8"), "127.0.0.1:8 is none of \"peers\"");
    EXPECT_EQ(all.objection_to("127.0.0.1:7", "db.x"), "");
    EXPECT_NE(all.objection_to("127.0.0.1:7", "web"), "");
    EXPECT_NE(all.objection_to("127.0.0.1:8", "db.x"), "");
}

TEST_F(ClusterLinks, there_are_not_more_than_so_many) {
    take();
    const auto first = all.link_to("127.0.0.1:1"), second = all.link_to("127.0.0.1:2");
    for (std::size_t port = 3; port <= kLinksMax; ++port) {
        ASSERT_TRUE(all.link_to("127.0.0.1:" + std::to_string(port)));
    }
    EXPECT_EQ(*all.link_to("127.0.0.1:1"), *first) << "used again";
    ASSERT_TRUE(all.link_to("127.0.0.1:60000"));
    EXPECT_EQ(*all.link_to("127.0.0.1:1"), *first);
    EXPECT_NE(*all.link_to("127.0.0.1:2"), *second) << "the one that was used longest ago";
}

TEST_F(ClusterLinks, a_file_that_can_not_be_used_is_found_at_once) {
    EXPECT_FALSE(Cluster::check(*config.cluster));
    config.cluster->key_file = "/nowhere";
    EXPECT_TRUE(Cluster::check(*config.cluster));
}

TEST_F(ClusterLinks, a_topic_that_has_gone_is_remembered_for_a_while) {
    EXPECT_FALSE(all.was_there("t"));
    all.has_gone("t");
    EXPECT_TRUE(all.was_there("t"));
}

}  // namespace
}  // namespace inout::proxy::cluster_links_test
