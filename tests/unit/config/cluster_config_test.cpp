// The "cluster" of a proxy: what is accepted, and what is called a mistake.
#include <gtest/gtest.h>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"
#include "common/config/difference.hpp"
#include "common/config/files.hpp"
#include "common/config/types.hpp"

namespace inout::cluster_config_test {
namespace {

using config_problems::problems;

constexpr const char* kLeast =
    R"("nats": ["nats://n"], "name": "prod", "address": "127.0.0.1:40001")";
constexpr const char* kPeer =
    R"({"id": "b", "address": "127.0.0.1:2", "key_file": "b", "ask": ["#"], "answer": ["db.*"]})";

std::string cluster(const std::string& members) { return R"({"cluster": {)" + members + "}}"; }
std::string with(const std::string& members) {
    return cluster(std::string(kLeast) + ", " + members);
}
std::string mistakes(const std::string& text) { return problems(parse_proxy_config(text, "f")); }

class ClusterConfig : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_built_with_nats()) GTEST_SKIP() << "built without NATS";
    }
    static void expect(const std::string& text, const std::string& mistake) {
        EXPECT_NE(mistakes(text).find(mistake), std::string::npos)
            << text << "\n"
            << mistakes(text) << "\nnot: " << mistake;
    }
    static void expect_fine(const std::string& text) { EXPECT_EQ(mistakes(text), "") << text; }
};

TEST(ClusterConfigWithoutNats, is_a_mistake) {
    if (is_built_with_nats()) GTEST_SKIP() << "built with NATS";
    EXPECT_NE(mistakes(with(R"("key_file": "k")")).find("was built without"), std::string::npos);
}

TEST_F(ClusterConfig, is_written_as_it_is_read) {
    const auto config = parse_proxy_config(
        with(
            R"("key_file": "k", "id": "a", "nats_credentials": "c", "tls": {"ca": "x"}, "peers": [)" +
            std::string(kPeer) + "]"),
        "f");
    ASSERT_TRUE(config);
    const ClusterOptions& options = *config->cluster;
    EXPECT_EQ(options.nats[0].text(), "nats://n:4222");
    EXPECT_EQ(options.name, "prod");
    EXPECT_EQ(to_string(options.address), "127.0.0.1:40001");
    ASSERT_EQ(options.peers.size(), 1U);
    EXPECT_EQ(options.peers[0].answer[0].text(), "db.*");
    const auto again = parse_proxy_config(to_json(*config), "f");
    ASSERT_TRUE(again) << problems(again);
    EXPECT_EQ(*again->cluster, options);
}

TEST_F(ClusterConfig, needs_a_key_a_name_an_address_and_a_server) {
    expect_fine(with(R"("key_file": "k")"));
    expect(with(""), "key_file: is required");
    expect(cluster(R"("key_file": "k")"), "cluster.nats: is required");
    expect(cluster(R"("key_file": "k")"), "cluster.name: is required");
    expect(cluster(R"("key_file": "k")"), "cluster.address: is required");
    expect(cluster(R"("nats": ["nats://n"], "name": "a.b", "address": "h:1", "key_file": "k")"),
           "letters, digits, hyphens and underscores");
    expect(with(R"("key_file": "k", "id": "a")"), "has no meaning without \"peers\"");
    expect(with(R"("key_file": "k", "secret": "x")"), "unknown key");
}

TEST_F(ClusterConfig, has_servers_of_NATS_without_secrets) {
    const auto nats = [](const std::string& list) {
        return cluster(R"("name": "p", "address": "127.0.0.1:1", "key_file": "k", "nats": )" +
                       list);
    };
    expect_fine(
        nats(R"(["nats://h", "nats://h:1", "nats://[::1]", "nats://[::1]:5", "nats://h/"])"));
    expect_fine(nats(R"(["tls://h"])"));
    expect(nats(R"(["h:4222"])"), "must begin with nats:// or tls://");
    expect(nats(R"(["ws://h"])"), "must begin with nats:// or tls://");
    const std::string secret = mistakes(nats(R"(["nats://me:hunter2@h"])"));
    EXPECT_NE(secret.find("nats_credentials"), std::string::npos) << secret;
    EXPECT_EQ(secret.find("hunter2"), std::string::npos) << "a secret is not shown";
    expect(nats(R"(["nats://h", "tls://h"])"), "all tls:// or all nats://");
    expect(nats("[]"), "must have 1 to 16 entries");
    expect(nats(R"(["nats://h:0"])"), "cluster.nats[0]");
    expect(nats(R"(["nats://h"], "nats_tls": {})"), "needs servers at tls://");
    expect(nats(R"(["tls://h"], "nats_tls": {"cert": "c"})"), "needs the other one");
}

TEST_F(ClusterConfig, needs_TLS_beyond_this_machine) {
    const std::string far = R"("nats": ["nats://n"], "name": "p", "address": "10.0.0.1:1",)";
    expect(cluster(far + R"("key_file": "k")"), "10.0.0.1:1 is not loopback: that needs \"tls\"");
    expect_fine(cluster(far + R"("key_file": "k", "tls": {})"));
    expect(with(R"("id": "a", "key_file": "k", "peers": [{"id": "b", "address": "far:1",
        "key_file": "b", "ask": ["#"]}])"),
           "far:1 is not loopback: that needs \"tls\"");
}

TEST_F(ClusterConfig, has_peers_that_can_be_told_apart) {
    const auto peers = [](const std::string& list) {
        return with(R"("id": "a", "key_file": "k", "peers": )" + list);
    };
    const std::string peer = kPeer;
    expect_fine(peers("[" + peer + "]"));
    expect(with(R"("key_file": "k", "peers": [)" + peer + "]"), "id: is required beside");
    expect(with(R"("id": "a", "peers": [)" + peer + "]"), "is required, or \"cert\"");
    expect_fine(with(R"("id": "a", "tls": {"cert": "c", "key": "k"}, "peers": [)" + peer + "]"));
    expect(peers("[" + peer + "," + peer + "]"), "twice");
    expect(peers(R"([{"id": "a", "address": "127.0.0.1:2", "key_file": "b", "ask": ["#"]}])"),
           "or this proxy itself");
    expect(peers(R"([{"id": "b", "address": "127.0.0.1:2", "key_file": "b"}])"),
           "is good for nothing");
    expect(peers(R"([{"id": "b", "address": "127.0.0.1:2", "ask": ["#"]}])"),
           "either \"key_file\" or \"certificate\"");
    expect(peers(R"([{"id": "b", "address": "127.0.0.1:2", "key_file": "x", "certificate": "y",
        "ask": ["#"]}])"),
           "either \"key_file\" or \"certificate\"");
    expect(peers(R"([{"id": "b", "address": "h", "key_file": "x", "ask": ["#"]}])"),
           "cluster.peers[0].address");
}

TEST_F(ClusterConfig, has_files_beside_its_own) {
    auto config = parse_proxy_config(
                      with(R"("id": "a", "key_file": "k", "nats_credentials": "c", "peers": [)" +
                           std::string(kPeer) + "]"),
                      "f")
                      .value();
    resolve_files(config, "/etc/inout/proxy.json");
    EXPECT_EQ(files_of(config),
              (std::vector<std::string>{"/etc/inout/c", "/etc/inout/k", "/etc/inout/b"}));
}

TEST_F(ClusterConfig, needs_a_restart_for_what_is_told_to_NATS) {
    const auto text = [](const std::string& members) {
        return to_json(parse_proxy_config(members, "f").value());
    };
    const auto restart = [](const std::string& before, const std::string& after) {
        return keys_for_restart(changed_keys(before, after));
    };
    const std::string one = text(with(R"("key_file": "k")"));
    EXPECT_EQ(restart(one, text(with(R"("key_file": "l")"))), std::vector<std::string>{});
    EXPECT_EQ(restart(one, text(with(R"("key_file": "k", "nats_credentials": "c")"))),
              std::vector<std::string>{"cluster.nats_credentials"});
    EXPECT_EQ(restart(one, text("{}")), std::vector<std::string>{"cluster"});
}

TEST_F(ClusterConfig, is_explained) {
    const auto shown = [](const std::string& text) {
        return access_summary(parse_proxy_config(text, "f").value());
    };
    const std::string alike = shown(with(R"("key_file": "k")"));
    EXPECT_NE(alike.find("cluster \"prod\", reached at 127.0.0.1:40001"), std::string::npos)
        << alike;
    EXPECT_NE(alike.find("nats://n:4222"), std::string::npos);
    EXPECT_NE(alike.find("whoever has the key: everything"), std::string::npos);
    const std::string apart =
        shown(with(R"("id": "a", "key_file": "k", "peers": [)" + std::string(kPeer) + "]"));
    EXPECT_NE(apart.find("proxy \"b\" at 127.0.0.1:2: asks for: every topic; is believed to have: "
                         "db.*"),
              std::string::npos)
        << apart;
}

}  // namespace
}  // namespace inout::cluster_config_test
