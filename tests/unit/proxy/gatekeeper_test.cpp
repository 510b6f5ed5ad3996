// Who a first message comes from, and whether that one may.
#include "proxy/gatekeeper.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <set>

#include "../tls_pair.hpp"
#include "common/base/random.hpp"
#include "common/base/wall_clock.hpp"
#include "common/os/secret_file.hpp"

namespace inout::proxy::gatekeeper_test {
namespace {

const Secret kSecret("office's long secret");

class GatekeeperTest : public testing::Test {
  protected:
    GatekeeperTest() {
        file = testing::TempDir() + "secret" + random_hex(8);
        EXPECT_FALSE(write_new_secret_file(file, kSecret.bytes()));
        config.auth.emplace();
        config.auth->keys.push_back(
            {.id = "office",
             .secret_file = file,
             .permissions = {.in = {pattern("db.*")}, .out = {pattern("web")}}});
        config.auth->anonymous.in = {pattern("public")};
        gatekeeper.emplace(config);
        EXPECT_TRUE(gatekeeper->load().empty());
    }
    ~GatekeeperTest() override { std::filesystem::remove(file); }

    static TopicPattern pattern(const std::string& text) { return *TopicPattern::parse(text); }
    static InRequest to(const std::string& topic) {
        return {.magic = random_hex(kMagicDigits), .version = "0.0.1", .topic = topic, .ext = true};
    }
    static Message proven(Message message, std::int64_t time_ms = unix_time_ms(),
                          const ProofChannel& channel = {}, const Secret& secret = kSecret,
                          const std::string& id = "office") {
        prove(message, id, secret, time_ms, channel);
        return message;
    }
    /// As our last release proves itself.
    static Message proven_as_v1(Message message, const ProofChannel& channel = {}) {
        message = proven(std::move(message), unix_time_ms(), channel);
        const_cast<Proof&>(*proof_of(message)).mac.clear();
        return message;
    }
    Code code_of(const Message& message) { return code_of(message, plain); }
    Code code_of(const Message& message, const Connection& connection) {
        const auto admitted = gatekeeper->admit(message, connection);
        return admitted ? Code::none : admitted.error().code;
    }

    ProxyConfig config;
    std::string file;
    std::optional<Gatekeeper> gatekeeper;
    asio::io_context context;
    TcpPair wire;
    Connection plain = adopt(context, std::move(wire.a));
};

TEST_F(GatekeeperTest, a_key_may_what_it_lists_and_nothing_else) {
    const auto admitted = gatekeeper->admit(proven(to("db.orders")), plain);
    ASSERT_TRUE(admitted);
    EXPECT_EQ((*admitted)->identity, (Identity{Identity::Kind::key, "office"}));
    EXPECT_EQ(code_of(proven(to("web"))), Code::denied) << "that is under out";
    OutRequest out{.magic = "1f", .version = "0.0.1", .topic = "web", .ext = true};
    EXPECT_EQ(code_of(proven(out)), Code::none);
    out.topic = "db.orders";
    EXPECT_EQ(code_of(proven(out)), Code::denied);
    EXPECT_EQ(code_of(proven(InWarmRequest{.magic = "1f", .version = "0.0.1"})), Code::none);
}

TEST_F(GatekeeperTest, who_proves_nothing_is_anonymous) {
    const auto admitted = gatekeeper->admit(to("public"), plain);
    ASSERT_TRUE(admitted);
    EXPECT_EQ((*admitted)->identity, Identity{});
    const auto denied = gatekeeper->admit(to("db.orders"), plain);
    ASSERT_FALSE(denied);
    EXPECT_TRUE(denied.error().by_stranger);
}

TEST_F(GatekeeperTest, who_has_no_secret_is_told_the_same_whatever_is_wrong) {
    const Message wrong = proven(to("db.orders"), unix_time_ms(), {}, Secret("another secret..."));
    const Message unknown = proven(to("db.orders"), unix_time_ms(), {}, kSecret, "nobody");
    const Message used = proven(to("db.orders"));
    ASSERT_EQ(code_of(used), Code::none);
    std::set<std::string> reasons, messages, references;
    for (const Message& message : {wrong, unknown, used}) {
        const auto denied = gatekeeper->admit(message, plain);
        ASSERT_FALSE(denied);
        EXPECT_EQ(denied.error().code, Code::denied);
        EXPECT_TRUE(denied.error().by_stranger);
        EXPECT_FALSE(denied.error().time_ms);
        const std::string reference = denied.error().reference;
        EXPECT_EQ(reference.size(), kReferenceDigits);
        std::string told = denied.error().message;
        const auto at = told.find(reference);
        ASSERT_NE(at, std::string::npos) << told;
        messages.insert(told.replace(at, reference.size(), "*"));
        references.insert(reference);
        reasons.insert(denied.error().reason);
    }
    EXPECT_EQ(messages.size(), 1U);
    EXPECT_EQ(references.size(), 3U);
    EXPECT_EQ(reasons.size(), 3U) << "our log tells them apart";
}

TEST_F(GatekeeperTest, who_is_known_is_told_which_right_is_missing) {
    const auto in = gatekeeper->admit(proven(to("web")), plain);
    ASSERT_FALSE(in);
    EXPECT_FALSE(in.error().by_stranger);
    EXPECT_EQ(in.error().message, "not permitted: key office may not open (\"in\") topic web");
    OutRequest request{.magic = "1f", .version = "0.0.1", .topic = "db.x", .ext = true};
    const auto out = gatekeeper->admit(proven(request), plain);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().message,
              "not permitted: key office may not register (\"out\") topic db.x");
}

TEST_F(GatekeeperTest, who_is_nobody_learns_nothing_about_topics_and_rules) {
    for (const char* topic : {"web", "db.orders", "none"}) {
        const auto denied = gatekeeper->admit(to(topic), plain);
        ASSERT_FALSE(denied);
        EXPECT_EQ(denied.error().message, "not permitted: no key or certificate was shown");
        EXPECT_TRUE(denied.error().reference.empty());
    }
}

TEST_F(GatekeeperTest, a_wrong_proof_does_not_fall_back_to_being_anonymous) {
    EXPECT_EQ(code_of(proven(to("public"), unix_time_ms(), {}, Secret("another secret..."))),
              Code::denied);
}

TEST_F(GatekeeperTest, a_proof_is_good_once) {
    const Message message = proven(to("db.orders"));
    EXPECT_EQ(code_of(message), Code::none);
    const auto again = gatekeeper->admit(message, plain);
    ASSERT_FALSE(again);
    EXPECT_TRUE(again.error().reason.starts_with("replayed"));
    EXPECT_EQ(code_of(proven(to("db.orders"))), Code::none);
}

TEST_F(GatekeeperTest, a_proof_is_good_at_one_process_of_the_proxy_only) {
    const Message before = proven(to("db.orders"));
    EXPECT_EQ(code_of(before), Code::none);
    Gatekeeper next(config);
    EXPECT_TRUE(next.load().empty());
    for (const auto& [owner, tags] : gatekeeper->give_proofs()) {
        for (const auto& tag : tags) next.take_proof(owner, tag);
        if (!tags.empty()) next.take_proof({Identity::Kind::key, "nobody"}, tags.front());
    }
    const auto again = next.admit(before, plain);
    ASSERT_FALSE(again);
    EXPECT_TRUE(again.error().reason.starts_with("replayed"));
    // And the other way round, unless nothing came of it.
    const Message after = proven(to("db.orders"));
    EXPECT_TRUE(next.admit(after, plain));
    EXPECT_EQ(code_of(after), Code::draining);
    gatekeeper->keep_proofs();
    EXPECT_EQ(code_of(proven(to("db.orders"))), Code::none);
}

TEST_F(GatekeeperTest, only_who_has_the_secret_learns_about_our_clock) {
    const std::int64_t now = unix_time_ms();
    for (const std::int64_t off : {-3'600'000, 3'600'000}) {
        const auto denied = gatekeeper->admit(proven(to("db.orders"), now + off), plain);
        ASSERT_FALSE(denied);
        EXPECT_EQ(denied.error().code, Code::clock);
        EXPECT_FALSE(denied.error().by_stranger);
        ASSERT_TRUE(denied.error().time_ms);
        EXPECT_GE(*denied.error().time_ms, now);
        EXPECT_EQ(code_of(proven(to("db.orders"), now + off, {}, Secret("another secret..."))),
                  Code::denied);
    }
}

TEST_F(GatekeeperTest, over_tls_a_proof_is_good_on_its_own_connection_only) {
    TlsPair pair, another;
    ASSERT_TRUE(pair.shake() && another.shake());
    const ProofChannel channel{true, pair.client->exporter()};
    const ProofChannel other{true, another.client->exporter()};
    Connection server = adopt(context, std::move(pair.wire.b));
    server.secure(std::move(pair.server));
    const std::int64_t now = unix_time_ms();
    EXPECT_EQ(code_of(proven(to("db.a"), now, other), server), Code::denied);
    EXPECT_EQ(code_of(proven(to("db.a"), now), server), Code::denied) << "one for plain mode";
    EXPECT_EQ(code_of(proven(to("db.a"), now, channel)), Code::denied) << "nor there";
    EXPECT_EQ(code_of(proven(to("db.a"), now, channel), server), Code::none);
}

TEST_F(GatekeeperTest, a_data_connection_of_a_key_shows_that_key_on_its_own_connection) {
    TlsPair pair, another;
    ASSERT_TRUE(pair.shake() && another.shake());
    const ProofChannel channel{true, pair.client->exporter()};
    const ProofChannel other{true, another.client->exporter()};
    Connection server = adopt(context, std::move(pair.wire.b));
    server.secure(std::move(pair.server));
    const Identity office{Identity::Kind::key, "office"};
    const auto parks = [](const ProofChannel& on, const Secret& secret = kSecret) {
        return std::get<OutDataRequest>(
            proven(OutDataRequest{.ext = true, .ticket = "0123"}, 0, on, secret));
    };
    EXPECT_TRUE(gatekeeper->has_key_of(office, parks(channel), server));
    EXPECT_FALSE(gatekeeper->has_key_of(office, parks(other), server));
    EXPECT_FALSE(gatekeeper->has_key_of(office, parks(channel), plain));
    EXPECT_FALSE(gatekeeper->has_key_of(office, OutDataRequest{.ticket = "0123"}, server));
    EXPECT_FALSE(gatekeeper->has_key_of(office, parks(channel, Secret("guessed")), server));
    EXPECT_FALSE(gatekeeper->has_key_of({Identity::Kind::key, "lab"}, parks(channel), server));
}

TEST_F(GatekeeperTest, proofs_of_version_1_are_taken_until_they_are_refused) {
    EXPECT_EQ(code_of(proven_as_v1(to("db.a"))), Code::none);
    config.auth->proof_1 = OldProofs::refuse;
    gatekeeper.emplace(config);
    EXPECT_TRUE(gatekeeper->load().empty());
    const auto denied = gatekeeper->admit(proven_as_v1(to("db.a")), plain);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().code, Code::denied);
    EXPECT_FALSE(denied.error().by_stranger) << "the proof is right";
    EXPECT_EQ(code_of(proven(to("db.a"))), Code::none);
}

TEST_F(GatekeeperTest, a_proof_of_both_versions_is_good_once_whichever_is_left_of_it) {
    const Message both = proven(to("db.orders"));
    auto first = std::get<InRequest>(both), second = first;
    first.proof->mac.clear();
    second.proof->mac_1.clear();
    EXPECT_EQ(code_of(both), Code::none);
    EXPECT_EQ(code_of(first), Code::denied);
    EXPECT_EQ(code_of(second), Code::denied);
}

TEST_F(GatekeeperTest,
       a_counted_proof_is_good_with_its_connections_nonce_and_remembered_by_nobody) {
    const std::string nonce = random_hex(kNonceDigits);
    const auto counted = [&](unsigned use, const std::string& with) {
        InRequest request = to("db.orders");
        request.use = use;
        return proven(request, unix_time_ms(), ProofChannel{.nonce = with});
    };
    const auto code = [&](const Message& message, const std::string& with) {
        const auto admitted = gatekeeper->admit(message, plain, with);
        return admitted ? Code::none : admitted.error().code;
    };
    const Message second = counted(2, nonce);
    EXPECT_EQ(code(second, nonce), Code::none);
    EXPECT_EQ(code(second, nonce), Code::none) << "its number is what the caller looks at";
    EXPECT_EQ(code(counted(3, nonce), nonce), Code::none);
    EXPECT_EQ(code(second, random_hex(kNonceDigits)), Code::denied) << "another connection";
    EXPECT_EQ(code(second, ""), Code::denied);
    EXPECT_EQ(code(counted(2, ""), ""), Code::denied) << "where none was given";

    const Message first = proven(to("db.orders"));
    EXPECT_EQ(code(first, nonce), Code::none);
    EXPECT_EQ(code(first, nonce), Code::denied) << "one that is not counted is good once";
}

TEST_F(GatekeeperTest, without_keys_a_proof_says_nothing) {
    config.auth->keys.clear();
    gatekeeper.emplace(config);
    EXPECT_EQ(code_of(proven(to("public"))), Code::none);
    config.auth.reset();
    gatekeeper.emplace(config);
    EXPECT_EQ(code_of(proven(to("anything"))), Code::none);
    EXPECT_FALSE(gatekeeper->protects());
}

/// What has been proven before a reload is judged after it.
class ReloadedGatekeeperTest : public GatekeeperTest {
  protected:
    StandingPtr standing_of(const Message& message) {
        auto admitted = gatekeeper->admit(message, plain);
        EXPECT_TRUE(admitted);
        return admitted ? *admitted : nullptr;
    }
    /// With `config` as it is now.
    Gatekeeper reloaded(bool same_clients = true) {
        Gatekeeper next(config);
        EXPECT_TRUE(next.load(&*gatekeeper, same_clients).empty());
        return next;
    }
    void write_secret(std::string_view text) const {
        std::filesystem::remove(file);
        EXPECT_FALSE(write_new_secret_file(file, text));
    }
};

TEST_F(ReloadedGatekeeperTest, what_was_proven_holds_with_the_same_key) {
    const StandingPtr office = standing_of(proven(to("db.orders")));
    const Gatekeeper next = reloaded();
    EXPECT_TRUE(next.holds(*office));
    EXPECT_TRUE(next.allows(*office, Right::in, "db.orders"));
    EXPECT_FALSE(next.allows(*office, Right::in, "web"));
}

TEST_F(ReloadedGatekeeperTest, a_proof_that_was_used_is_used_up_still) {
    const Message message = proven(to("db.orders"));
    EXPECT_EQ(code_of(message), Code::none);
    const Gatekeeper next = reloaded();
    EXPECT_FALSE(next.admit(message, plain));
    EXPECT_TRUE(next.admit(proven(to("db.orders")), plain));
}

TEST_F(ReloadedGatekeeperTest, a_permission_that_is_taken_away_is_gone) {
    const StandingPtr office = standing_of(proven(to("db.orders")));
    config.auth->keys.front().permissions.in.clear();
    const Gatekeeper next = reloaded();
    EXPECT_TRUE(next.holds(*office));
    EXPECT_FALSE(next.allows(*office, Right::in, "db.orders"));
    EXPECT_FALSE(next.may_park_spare(*office));
    EXPECT_TRUE(next.allows(*office, Right::out, "web"));
}

TEST_F(ReloadedGatekeeperTest, a_key_that_is_taken_away_has_proven_nothing) {
    const StandingPtr office = standing_of(proven(to("db.orders")));
    config.auth->keys.clear();
    const Gatekeeper next = reloaded();
    EXPECT_FALSE(next.holds(*office));
    EXPECT_FALSE(next.allows(*office, Right::out, "web"));
}

TEST_F(ReloadedGatekeeperTest, another_secret_is_another_key_also_when_the_first_comes_back) {
    const StandingPtr office = standing_of(proven(to("db.orders")));
    write_secret("another secret, as long");
    gatekeeper.emplace(reloaded());
    EXPECT_FALSE(gatekeeper->holds(*office));
    write_secret(kSecret.bytes());
    EXPECT_FALSE(reloaded().holds(*office));
}

TEST_F(ReloadedGatekeeperTest, a_certificate_holds_for_as_long_as_the_same_ones_are_trusted) {
    config.tls.emplace();
    config.tls->client_ca = "a file";
    gatekeeper.emplace(reloaded());
    const Standing site{{Identity::Kind::certificate, "site"}, nullptr};
    EXPECT_FALSE(gatekeeper->holds(site)) << "of nobody's";
    EXPECT_TRUE(gatekeeper->holds({{}, nullptr})) << "anonymous is everybody";
}

TEST_F(GatekeeperTest, a_secret_that_can_not_be_read_is_a_problem_at_start) {
    config.auth->keys.front().secret_file = file + ".not";
    Gatekeeper other(config);
    const auto problems = other.load();
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems.front().find("office"), std::string::npos);
    EXPECT_EQ(problems.front().find(kSecret.bytes()), std::string::npos);
}

}  // namespace
}  // namespace inout::proxy::gatekeeper_test
