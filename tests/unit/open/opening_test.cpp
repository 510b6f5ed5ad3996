#include "common/open/opening.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "../loopback.hpp"

namespace inout::opening_test {
namespace {

class OpeningTest : public testing::Test {
  protected:
    void begin(std::string id = "1f") {
        opening.emplace(relays, client, std::move(id), "web", "192.0.2.1:5");
    }

    asio::io_context context;
    RelaySet relays{context, {}};
    TcpPair pair;
    Connection client = adopt(context, std::move(pair.a));
    std::optional<Opening> opening;
};

TEST_F(OpeningTest, it_is_in_its_workers_table_for_as_long_as_it_lives) {
    begin();
    const auto all = relays.streams().all();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all.front()->id, "1f");
    EXPECT_EQ(all.front()->topic, "web");
    EXPECT_EQ(all.front()->client, "192.0.2.1:5");
    EXPECT_EQ(to_string(all.front()->client_peer()), client.peer());
    EXPECT_EQ(all.front()->state(), StreamState::opening);
    opening.reset();
    EXPECT_TRUE(relays.streams().all().empty());
}

TEST_F(OpeningTest, without_an_id_of_a_peer_it_has_one_of_its_own) {
    begin("");
    const std::string first = opening->id();
    EXPECT_EQ(first.size(), kStreamIdDigits);
    begin("");
    EXPECT_NE(opening->id(), first);
}

TEST_F(OpeningTest, an_open_stream_goes_on_with_the_same_record) {
    begin();
    const auto record = relays.streams().all().front();
    const std::optional<StreamEntry> entry = opening->finish("in", "out");
    opening.reset();
    ASSERT_EQ(relays.streams().all().size(), 1U);
    EXPECT_EQ(relays.streams().all().front(), record);
    EXPECT_EQ(&**entry, record.get());
}

}  // namespace
}  // namespace inout::opening_test
