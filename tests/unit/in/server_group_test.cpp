// Which server of a network a stream goes to. Nothing is dialled.
#include "in/server_group.hpp"

#include <gtest/gtest.h>

#include <map>

#include "../peer.hpp"
#include "in/tries.hpp"

namespace inout::in::server_group_test {
namespace {

class ServerGroupTest : public testing::Test {
  protected:
    ~ServerGroupTest() override {
        for (const auto& server : servers) server->close();
        servers.clear();
        run_ready(workers.main().context());
    }

    std::shared_ptr<Server> server(std::uint16_t port) {
        TrustStores trusts;
        auto made = ProxyLink::make({"127.0.0.1", port}, std::nullopt, std::nullopt, trusts);
        EXPECT_TRUE(made);
        // Of a rest whose end no test reaches.
        const Dialling dialling{.connect_timeout = Milliseconds{3'000},
                                .open_timeout = Milliseconds{3'000},
                                .fail_timeout = Milliseconds{300'000}};
        servers.push_back(std::make_shared<Server>(workers, std::move(*made), dialling, budget));
        return servers.back();
    }
    ServerGroup group(Select select, std::size_t count) {
        std::vector<ServerGroup::Entry> all;
        for (std::size_t i = 0; i < count; ++i) {
            all.push_back({server(static_cast<std::uint16_t>(i + 1))});
        }
        return {select, std::move(all)};
    }
    /// What comes of a hundred streams, by the servers' numbers.
    std::map<std::size_t, int> choose_often(const ServerGroup& group) {
        std::map<std::size_t, int> chosen;
        for (int i = 0; i < 100; ++i) ++chosen[index(group.choose())];
        return chosen;
    }
    std::size_t index(const std::shared_ptr<Server>& server) const {
        const auto found = std::find(servers.begin(), servers.end(), server);
        return static_cast<std::size_t>(found - servers.begin());
    }

    Workers workers{1, RelayOptions{}};
    Budget budget{100, 0};
    std::vector<std::shared_ptr<Server>> servers;
};

using Counts = std::map<std::size_t, int>;

TEST_F(ServerGroupTest, of_one_is_always_that_one_even_if_it_is_lost) {
    const ServerGroup one = group(Select::first, 1);
    EXPECT_FALSE(one.has_several());
    servers[0]->lost();
    EXPECT_EQ(one.choose(), servers[0]);
    const Server* const tried[] = {servers[0].get()};
    EXPECT_EQ(one.choose(tried), nullptr);
    EXPECT_TRUE(one.is_lost());
}

TEST_F(ServerGroupTest, first_is_the_first_that_is_not_lost) {
    const ServerGroup three = group(Select::first, 3);
    EXPECT_EQ(choose_often(three), (Counts{{0, 100}}));
    servers[0]->lost();
    EXPECT_EQ(choose_often(three), (Counts{{1, 100}}));
    servers[1]->lost();
    EXPECT_EQ(choose_often(three), (Counts{{2, 100}}));
    EXPECT_EQ(three.lost_ones(), "127.0.0.1:1, 127.0.0.1:2");
    EXPECT_FALSE(three.is_lost());
    servers[0]->reached();
    EXPECT_EQ(choose_often(three), (Counts{{0, 100}}));
}

TEST_F(ServerGroupTest, tries_each_once_those_that_are_lost_at_last) {
    const ServerGroup three = group(Select::first, 3);
    servers[0]->lost();
    servers[1]->lost();
    std::vector<const Server*> tried;
    std::vector<std::size_t> order;
    while (const auto chosen = three.choose(tried)) {
        tried.push_back(chosen.get());
        order.push_back(index(chosen));
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{2, 0, 1})) << "whose rest ends first comes first";
}

TEST_F(ServerGroupTest, round_robin_takes_turns_among_those_that_are_there) {
    const ServerGroup four = group(Select::round_robin, 4);
    EXPECT_EQ(choose_often(four), (Counts{{0, 25}, {1, 25}, {2, 25}, {3, 25}}));
    servers[1]->lost();
    servers[2]->lost();
    EXPECT_EQ(choose_often(four), (Counts{{0, 50}, {3, 50}}));
}

TEST_F(ServerGroupTest, least_time_prefers_who_opens_faster) {
    const ServerGroup two = group(Select::least_time, 2);
    servers[0]->opened_in(Milliseconds{50});
    servers[1]->opened_in(Milliseconds{5});
    EXPECT_EQ(choose_often(two), (Counts{{1, 100}}));
}

TEST_F(ServerGroupTest, two_networks_know_the_same_of_a_server) {
    const ServerGroup two = group(Select::first, 2);
    const ServerGroup other(Select::first, {{servers[1]}, {servers[0]}});
    servers[1]->lost();
    EXPECT_EQ(two.choose(), servers[0]);
    EXPECT_EQ(other.choose(), servers[0]);
}

TEST_F(ServerGroupTest, has_servers_that_are_proven_by_an_answer_only) {
    const ServerGroup two = group(Select::first, 2);
    EXPECT_FALSE(servers[0]->is_proven());
    servers[0]->reached();
    EXPECT_TRUE(servers[0]->is_proven());
    servers[0]->lost();
    EXPECT_FALSE(servers[0]->is_proven());
}

TEST_F(ServerGroupTest, one_that_ends_introductions_may_be_older_unless_it_has_known_better) {
    const ServerGroup two = group(Select::first, 2);
    servers[0]->lost();
    EXPECT_TRUE(servers[0]->ended_introduction());
    EXPECT_FALSE(servers[0]->is_lost()) << "a stream has to find out";
    EXPECT_FALSE(servers[0]->is_proven() || servers[0]->takes_introductions());
    servers[1]->took_introduction();
    servers[1]->lost();
    EXPECT_FALSE(servers[1]->ended_introduction());
    EXPECT_TRUE(servers[1]->is_lost());
}

class TriesTest : public ServerGroupTest {
  protected:
    void make(std::size_t count) {
        auto config = std::make_shared<InConfig>(default_in_config());
        config->connect_timeout = Milliseconds{6'000};
        network = std::make_unique<Network>(
            Network{config, config->networks.front(), nobody, nobody, nullptr,
                    std::make_shared<ServerGroup>(group(Select::first, count))});
        auto first = network->servers->choose();
        auto descriptors = first->client_places();
        places = {std::move(first), std::move(descriptors), nullptr};
    }
    static Reason reason(std::string words) { return {Code::proxy_unreachable, std::move(words)}; }

    const std::vector<AddressRange> nobody{};
    std::unique_ptr<Network> network;
    ClientPlaces places;
};

TEST_F(TriesTest, of_one_server_are_one_and_it_has_all_the_time) {
    make(1);
    ServerTries tries(*network, places);
    EXPECT_EQ(tries.dial_timeout(), Milliseconds{6'000});
    EXPECT_FALSE(tries.next(reason("refused")));
    EXPECT_EQ(tries.count(), 1U);
    EXPECT_EQ(tries.why(reason("refused")).detail, "refused");
    EXPECT_EQ(&tries.where(), servers[0].get());
}

TEST_F(TriesTest, go_on_until_none_is_left_and_end_with_what_the_first_has_said) {
    make(2);
    ServerTries tries(*network, places);
    EXPECT_EQ(tries.dial_timeout(), Milliseconds{3'000});
    EXPECT_TRUE(tries.next(reason("first")));
    EXPECT_EQ(places.server, servers[1]);
    EXPECT_EQ(tries.dial_timeout(), Milliseconds{6'000});
    EXPECT_FALSE(tries.next(reason("second")));
    EXPECT_EQ(tries.why(reason("second")).detail, "first");
    EXPECT_EQ(&tries.where(), servers[0].get());
    EXPECT_EQ(tries.count(), 2U);
}

TEST_F(TriesTest, are_bounded_and_hold_the_descriptors_of_one_server_at_a_time) {
    make(8);
    ServerTries tries(*network, places);
    EXPECT_EQ(tries.dial_timeout(), Milliseconds{2'000});
    unsigned count = 1;
    while (tries.next(reason("refused"))) ++count;
    EXPECT_EQ(count, kTriesMax);
    EXPECT_EQ(tries.count(), kTriesMax);
    std::size_t used = 0;
    for (std::size_t owner = 0; owner < 8; ++owner) used += budget.used(owner);
    EXPECT_EQ(used, kStreamDescriptors);
}

TEST_F(TriesTest, at_other_outs_of_one_server_count_and_name_those_that_refused) {
    make(1);
    ServerTries tries(*network, places);
    const std::string a(kOutNameDigits, 'a'), b(kOutNameDigits, 'b');
    EXPECT_TRUE(tries.again({Code::backend_refused, "first"}, a));
    EXPECT_TRUE(tries.again({Code::backend_refused, "second"}, b));
    EXPECT_EQ(tries.refusing(), a + "," + b);
    EXPECT_TRUE(tries.again({Code::backend_refused, "third"}, a));
    EXPECT_TRUE(tries.again({Code::backend_refused, "fourth"}, a));
    EXPECT_FALSE(tries.again({Code::backend_refused, "fifth"}, a));
    EXPECT_EQ(tries.count(), kTriesMax);
    EXPECT_EQ(tries.why({Code::no_topic, "no other out"}).detail, "first");
}

}  // namespace
}  // namespace inout::in::server_group_test
