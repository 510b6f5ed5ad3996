#include "proxy/roll.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace inout::proxy::roll_test {
namespace {

using namespace std::chrono_literals;
using cluster::RollCall;

const std::vector<std::string> kServers{"nats://a:4222", "nats://b:4222"};

ClusterOptions options() {
    ClusterOptions made;
    made.address = {"10.0.0.5", 40'001};
    return made;
}

RollCall answered(const std::vector<std::string>& addresses) {
    RollCall call{.round_trip = 300us};
    for (const std::string& address : addresses) {
        call.proxies.push_back({.proxy = "x", .address = address});
    }
    return call;
}

/// How many are in this state.
auto count(const Roll& roll, Finding::State state) {
    return std::ranges::count(roll.findings, state, &Finding::state);
}

TEST(Roll, all_are_seen_everywhere) {
    const auto call = answered({"10.0.0.5:40001", "10.0.0.6:40001", "[fe80::1]:40001"});
    const Roll roll = judge_roll(options(), kServers, {call, call});
    EXPECT_TRUE(is_well(roll.findings));
    EXPECT_EQ(count(roll, Finding::State::ok), 5);
    ASSERT_EQ(roll.others.size(), 2U);
    EXPECT_EQ(to_string(roll.others[0]), "10.0.0.6:40001");
    EXPECT_EQ(to_string(roll.others[1]), "[fe80::1]:40001");
}

TEST(Roll, servers_that_do_not_form_one_cluster_are_wrong) {
    const Roll roll = judge_roll(options(), kServers,
                                 {answered({"10.0.0.5:40001"}), answered({"10.0.0.6:40001"})});
    EXPECT_EQ(count(roll, Finding::State::wrong), 2);
    EXPECT_NE(table_of(roll.findings).find("only through nats://b:4222"), std::string::npos);
}

TEST(Roll, a_server_that_can_not_be_asked_proves_nothing_of_the_others) {
    const Roll roll = judge_roll(options(), kServers,
                                 {RollCall{.problem = "No server available"},
                                  answered({"10.0.0.5:40001", "10.0.0.6:40001"})});
    EXPECT_EQ(count(roll, Finding::State::wrong), 1);
    EXPECT_EQ(count(roll, Finding::State::warning), 0);
    EXPECT_EQ(roll.others.size(), 1U);
}

TEST(Roll, without_any_answer_nothing_is_said_of_proxies) {
    const RollCall none{.problem = "no answer in time"};
    const Roll roll = judge_roll(options(), kServers, {none, none});
    EXPECT_EQ(roll.findings.size(), 2U);
    EXPECT_TRUE(roll.others.empty());
}

TEST(Roll, who_does_not_answer_is_a_warning_and_peers_are_looked_at_all_the_same) {
    ClusterOptions with_peers = options();
    with_peers.peers.push_back({.id = "b", .address = {"10.0.0.6", 40'001}});
    const Roll roll = judge_roll(with_peers, kServers, {answered({}), answered({})});
    EXPECT_EQ(count(roll, Finding::State::warning), 2);
    EXPECT_TRUE(is_well(roll.findings));
    ASSERT_EQ(roll.others.size(), 1U);
}

TEST(Roll, an_address_that_is_none_is_wrong) {
    const auto call = answered({"10.0.0.5:40001", "nonsense"});
    const Roll roll = judge_roll(options(), kServers, {call, call});
    EXPECT_EQ(count(roll, Finding::State::wrong), 1);
    EXPECT_TRUE(roll.others.empty());
}

}  // namespace
}  // namespace inout::proxy::roll_test
