// What another proxy of the cluster may ask for, and for whom.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "../loopback.hpp"
#include "common/base/random.hpp"
#include "common/base/wall_clock.hpp"
#include "common/os/secret_file.hpp"
#include "proxy/gatekeeper.hpp"
#include "proxy/ticket.hpp"

namespace inout::proxy::gatekeeper_hop_test {
namespace {

const Secret kOfCluster("the long secret of all proxies"), kOfOffice("office's long secret");

class GatekeeperHop : public testing::Test {
  protected:
    GatekeeperHop() {
        config.cluster.emplace();
        config.cluster->name = "prod";
        config.cluster->key_file = file(kOfCluster);
        config.auth.emplace();
        config.auth->keys.push_back({.id = "office",
                                     .secret_file = file(kOfOffice),
                                     .permissions = {.in = {pattern("db.*")}}});
    }
    ~GatekeeperHop() override {
        for (const auto& name : files) std::filesystem::remove(name);
    }
    std::string file(const Secret& secret) {
        files.push_back(testing::TempDir() + "secret" + random_hex(8));
        EXPECT_FALSE(write_new_secret_file(files.back(), secret.bytes()));
        return files.back();
    }
    static TopicPattern pattern(const std::string& text) { return *TopicPattern::parse(text); }
    /// The cluster's proxies, with a key each.
    void use_peers() {
        config.cluster->id = "a";
        config.cluster->peers.push_back({.id = "b",
                                         .address = {"10.0.0.6", 1},
                                         .key_file = file(kOfCluster),
                                         .ask = {pattern("db.#")},
                                         .answer = {pattern("#")}});
    }
    static Message hop(const std::string& topic, const std::string& origin,
                       const std::string& id = "prod", const Secret& secret = kOfCluster) {
        Message message = InRequest{.magic = random_hex(kMagicDigits),
                                    .version = "0.0.1",
                                    .topic = topic,
                                    .ext = true,
                                    .id = "3f",
                                    .hop = true,
                                    .origin = origin};
        prove(message, id, secret, unix_time_ms(), {});
        return message;
    }
    const Gatekeeper& keeper() {
        if (!gatekeeper) {
            gatekeeper.emplace(config);
            EXPECT_TRUE(gatekeeper->load().empty());
        }
        return *gatekeeper;
    }
    Code code_of(const Message& message) {
        const auto admitted = keeper().admit(message, plain);
        return admitted ? Code::none : admitted.error().code;
    }

    ProxyConfig config;
    std::vector<std::string> files;
    std::optional<Gatekeeper> gatekeeper;
    asio::io_context context;
    TcpPair wire;
    Connection plain = adopt(context, std::move(wire.a));
};

TEST_F(GatekeeperHop, who_has_the_clusters_key_asks_for_somebody_else) {
    const auto admitted = keeper().admit(hop("db.x", "key office"), plain);
    ASSERT_TRUE(admitted);
    EXPECT_EQ(to_string((*admitted)->identity), "proxy prod");
    EXPECT_EQ(to_string((*admitted)->asker()), "key office");
    EXPECT_TRUE(keeper().holds(**admitted));
    EXPECT_TRUE(keeper().may_park_spare(**admitted));
}

TEST_F(GatekeeperHop, whom_the_lists_here_name_may_not_do_more_over_another_proxy) {
    EXPECT_EQ(code_of(hop("web", "key office")), Code::denied);
    const auto denied = keeper().admit(hop("web", "key office"), plain);
    EXPECT_FALSE(denied.error().by_stranger);
    EXPECT_EQ(denied.error().identity, "key office");
    EXPECT_EQ(code_of(hop("web", "key other")), Code::none) << "the other proxy has judged it";
    EXPECT_EQ(code_of(hop("web", "certificate office")), Code::none);
    EXPECT_EQ(code_of(hop("web", "anonymous")), Code::none);
}

TEST_F(GatekeeperHop, a_proof_of_a_proxy_is_good_at_one_process_only) {
    const Message used = hop("db.x", "key office");
    EXPECT_EQ(code_of(used), Code::none);
    Gatekeeper next(config);
    EXPECT_TRUE(next.load().empty());
    for (const auto& [owner, tags] : keeper().give_proofs()) {
        for (const auto& tag : tags) next.take_proof(owner, tag);
    }
    const auto again = next.admit(used, plain);
    ASSERT_FALSE(again);
    EXPECT_TRUE(again.error().reason.starts_with("replayed"));
    EXPECT_EQ(code_of(hop("db.x", "key office")), Code::draining);
    keeper().keep_proofs();
    EXPECT_EQ(code_of(hop("db.x", "key office")), Code::none);
}

TEST_F(GatekeeperHop, who_does_not_know_the_key_is_a_stranger) {
    for (const Message& message : {hop("db.x", "key office", "prod", kOfOffice),
                                   hop("db.x", "key office", "office", kOfOffice)}) {
        const auto denied = keeper().admit(message, plain);
        ASSERT_FALSE(denied);
        EXPECT_TRUE(denied.error().by_stranger);
    }
    Message bare = hop("db.x", "key office");
    std::get<InRequest>(bare).proof.reset();
    EXPECT_EQ(code_of(bare), Code::denied);
    const Message used = hop("db.x", "key office");
    EXPECT_EQ(code_of(used), Code::none);
    EXPECT_EQ(code_of(used), Code::denied) << "once more";
}

TEST_F(GatekeeperHop, without_a_cluster_nobody_is_a_proxy_of_it) {
    config.cluster.reset();
    EXPECT_EQ(code_of(hop("db.x", "key office")), Code::denied);
}

TEST_F(GatekeeperHop, the_clusters_key_opens_nothing_in_its_own_name) {
    Message message = hop("db.x", "");
    std::get<InRequest>(message).hop = false;
    prove(message, "prod", kOfCluster, unix_time_ms(), {});
    EXPECT_EQ(code_of(message), Code::denied);
}

TEST_F(GatekeeperHop, a_listed_proxy_asks_for_its_own_topics_only) {
    use_peers();
    EXPECT_EQ(code_of(hop("db.x", "key other", "b")), Code::none);
    const auto denied = keeper().admit(hop("web", "key other", "b"), plain);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().identity, "proxy b");
    EXPECT_FALSE(denied.error().by_stranger);
    EXPECT_EQ(code_of(hop("db.x", "key other", "prod")), Code::denied)
        << "where proxies are listed, no other has a key";
}

TEST_F(GatekeeperHop, what_was_proven_holds_while_key_and_permission_stay) {
    use_peers();
    const auto standing = *keeper().admit(hop("db.x", "key office", "b"), plain);
    Gatekeeper same(config);
    EXPECT_TRUE(same.load(&keeper()).empty());
    EXPECT_TRUE(same.allows(*standing, Right::in, "db.x"));
    config.cluster->peers[0].ask = {pattern("web")};
    Gatekeeper less(config);
    EXPECT_TRUE(less.load(&keeper()).empty());
    EXPECT_TRUE(less.holds(*standing));
    EXPECT_FALSE(less.allows(*standing, Right::in, "db.x"));
    config.cluster->peers[0].key_file = file(kOfOffice);
    Gatekeeper other(config);
    EXPECT_TRUE(other.load(&keeper()).empty());
    EXPECT_FALSE(other.holds(*standing));
}

constexpr std::string_view kProxy = "0123456789abcdef";

TEST_F(GatekeeperHop, makes_tickets_that_the_others_know) {
    const std::string ticket = keeper().new_ticket(kProxy);
    EXPECT_EQ(owner_of(ticket)->proxy, kProxy);
    EXPECT_TRUE(keeper().may_be_of_cluster(ticket));
    EXPECT_FALSE(keeper().may_be_of_cluster(make_ticket(kProxy, &kOfOffice)));
    EXPECT_FALSE(keeper().may_be_of_cluster(make_ticket(kProxy, nullptr))) << "each has a key";
    config.cluster.reset();
    Gatekeeper alone(config);
    EXPECT_TRUE(alone.load().empty());
    EXPECT_EQ(alone.new_ticket(kProxy).size(), kTicketDigits);
    EXPECT_FALSE(alone.may_be_of_cluster(ticket));
}

TEST_F(GatekeeperHop, knows_the_tickets_of_each_peer_and_of_those_that_have_no_key) {
    use_peers();
    config.cluster->peers.push_back({.id = "c", .certificate = "c"});
    config.cluster->key_file = file(kOfOffice);
    EXPECT_TRUE(keeper().may_be_of_cluster(make_ticket(kProxy, &kOfCluster)));
    EXPECT_TRUE(keeper().may_be_of_cluster(make_ticket(kProxy, nullptr)));
    EXPECT_FALSE(keeper().may_be_of_cluster(make_ticket(kProxy, &kOfOffice))) << "our own key";
    EXPECT_TRUE(is_made_with(keeper().new_ticket(kProxy), kOfOffice));
}

TEST_F(GatekeeperHop, tickets_from_before_a_change_of_the_key_are_known_still) {
    const std::string ticket = keeper().new_ticket(kProxy);
    config.cluster->key_file = file(Secret("the next long secret of all proxies"));
    Gatekeeper next(config);
    EXPECT_TRUE(next.load(&keeper()).empty());
    EXPECT_TRUE(next.may_be_of_cluster(ticket));
    EXPECT_NE(owner_of(next.new_ticket(kProxy)), std::nullopt);
    Gatekeeper fresh(config);
    EXPECT_TRUE(fresh.load().empty());
    EXPECT_FALSE(fresh.may_be_of_cluster(ticket));
}

TEST_F(GatekeeperHop, a_data_connection_that_was_passed_on_is_judged_by_how_it_came_there) {
    OutDataRequest request{.magic = "a2",
                           .version = "0.0.1",
                           .topic = "db.x",
                           .ext = true,
                           .ticket = "2f",
                           .hop = true,
                           .bind = std::string(64, 'e'),
                           .origin = "certificate site-c"};
    const ProofChannel there{true, *from_hex(request.bind)};
    request.mac = to_hex(bytes_of(data_mac(kOfOffice, "office", request.ticket, there)));
    Message message = request;
    prove(message, "prod", kOfCluster, unix_time_ms(), {});
    EXPECT_EQ(code_of(message), Code::none);
    const auto& passed = std::get<OutDataRequest>(message);
    const Identity office{Identity::Kind::key, "office"};
    EXPECT_TRUE(keeper().has_key_of(office, passed, plain));
    EXPECT_EQ(keeper().certificate_of(passed, plain)->name, "site-c");
    request.bind.clear();
    EXPECT_FALSE(keeper().has_key_of(office, request, plain));
    request.origin = "anonymous";
    EXPECT_EQ(keeper().certificate_of(request, plain), std::nullopt);
    EXPECT_EQ(code_of(request), Code::denied) << "nobody has proven to be a proxy";
}

}  // namespace
}  // namespace inout::proxy::gatekeeper_hop_test
