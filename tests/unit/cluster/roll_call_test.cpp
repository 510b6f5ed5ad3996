// Who is in a cluster, asked at a real server of NATS.
#include "common/cluster/roll_call.hpp"

#include "engine_with_nats.hpp"

namespace inout::cluster::roll_call_test {
namespace {

using test::NatsProcess;
using test::Proxy;
using RollCallWithNats = test::EngineFixture;

TEST_F(RollCallWithNats, each_proxy_answers_once) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b));
    const NatsOptions options{.servers = {nats.url()}};
    const RollCall call = call_roll(options, nats.url(), "test");
    EXPECT_EQ(call.problem, "");
    EXPECT_GT(call.round_trip.count(), 0);
    ASSERT_EQ(call.proxies.size(), 2U);
    EXPECT_EQ(call.proxies[0].address, a.address);
    EXPECT_EQ(call.proxies[1].proxy, "b");
    EXPECT_TRUE(call_roll(options, nats.url(), "another").proxies.empty());
}

TEST_F(RollCallWithNats, nobody_there_is_a_problem_and_said) {
    const std::string nowhere = "nats://127.0.0.1:1";
    EXPECT_NE(call_roll({.servers = {nowhere}}, nowhere, "test").problem, "");
}

}  // namespace
}  // namespace inout::cluster::roll_call_test
