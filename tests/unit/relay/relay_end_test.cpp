// What a relay gives back at the end of its stream, and when.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "../logged.hpp"
#include "../peer.hpp"
#include "common/relay/relay.hpp"

namespace inout::relay_end_test {
namespace {

/// A '.' is the end of a stream, and not that of its connection.
class DottedLayer final : public ByteLayer {
  public:
    explicit DottedLayer(ByteLayer& below) : below_(below) {}

    ssize_t read(std::span<char> into) override {
        if (in_ended_) return 0;
        const ssize_t n = below_.read(into.first(1));
        in_ended_ = n == 1 && into.front() == '.';
        return in_ended_ ? 0 : n;
    }
    ssize_t write(std::string_view data) override { return below_.write(data); }
    int shut_send() override {
        out_ended_ = below_.write(".") == 1;
        return out_ended_ ? 0 : -1;
    }
    bool outlives_stream() const override { return in_ended_ && out_ended_; }
    bool is_drained() const override { return !in_ended_ && below_.is_drained(); }
    bool is_quiet() override { return !in_ended_ && below_.is_quiet(); }

    void begin_next() { in_ended_ = out_ended_ = false; }

  private:
    ByteLayer& below_;
    bool in_ended_ = false, out_ended_ = false;
};

class RelayEndTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { log::start("tests", log::Level::error, log::Format::text); }

    ConnectionPtr plain(UniqueFd& fd) { return adopt_owned(context, std::move(fd)); }
    ConnectionPtr dotted(UniqueFd& fd) {
        ConnectionPtr connection = plain(fd);
        connection->push(std::make_unique<DottedLayer>(connection->wire()));
        return connection;
    }
    /// Its end is put into `ended`; it holds `place` until then.
    void start(ConnectionPtr client_side, ConnectionPtr service_side) {
        relays->start(
            {.client_side = std::move(client_side),
             .service_side = std::move(service_side),
             .entry = {relays->streams(), "1f", "web", "192.0.2.1:5", {}},
             .on_end = [this, held = place, table = &relays->streams()](EndedStream stream) {
                 EXPECT_TRUE(table->all().empty());
                 log::info("given back");
                 ended.push_back(std::move(stream));
             }});
        EXPECT_EQ(place.use_count(), 2);
    }
    bool run_to_the_end() {
        return run_until(context, [&] { return !ended.empty(); });
    }
    void expect_spent() const {
        ASSERT_EQ(ended.size(), 1U);
        for (const EndedLeg* leg : {&ended.front().client, &ended.front().service}) {
            EXPECT_EQ(leg->verdict, LegVerdict::spent);
            EXPECT_FALSE(leg->connection->is_open());
        }
        EXPECT_EQ(place.use_count(), 1);
    }
    void TearDown() override {
        ended.clear();
        relays.reset();
        EXPECT_EQ(counters().streams, 0U);
        EXPECT_EQ(counters().sockets, 0U);
        EXPECT_EQ(place.use_count(), 1);
    }

    asio::io_context context;
    std::optional<RelaySet> relays{std::in_place, context, RelayOptions()};
    TcpPair left, right;  // `a` are the client and the service
    Peer client{context, std::move(left.a)}, service{context, std::move(right.a)};
    const std::shared_ptr<int> place = std::make_shared<int>();
    std::vector<EndedStream> ended;
};

TEST_F(RelayEndTest, both_are_closed_and_the_place_is_free_after_the_line_in_the_log) {
    const std::string lines = logged([&] {
        start(plain(left.b), plain(right.b));
        ::shutdown(client.fd().get(), SHUT_WR);
        ::shutdown(service.fd().get(), SHUT_WR);
        EXPECT_TRUE(run_to_the_end());
    });
    expect_spent();
    EXPECT_EQ(client.end(), End::fin);
    EXPECT_EQ(service.end(), End::fin);
    const std::size_t line = lines.find(" id=1f "), given_back = lines.find("given back");
    ASSERT_NE(line, std::string::npos) << lines;
    ASSERT_NE(given_back, std::string::npos) << lines;
    EXPECT_LT(line, given_back);
}

TEST_F(RelayEndTest, a_connection_that_outlives_its_stream_comes_back_open_and_carries_another) {
    start(plain(left.b), dotted(right.b));
    client.say_bytes("a");
    EXPECT_EQ(service.hear_bytes(1), "a");
    ::shutdown(client.fd().get(), SHUT_WR);
    EXPECT_EQ(service.hear_bytes(1), ".");
    service.say_bytes("b.");
    ASSERT_TRUE(run_to_the_end());
    EXPECT_EQ(client.hear_bytes(2), "b");
    EXPECT_EQ(client.end(), End::fin);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended.front().client.verdict, LegVerdict::spent);
    ASSERT_EQ(ended.front().service.verdict, LegVerdict::reusable);

    ConnectionPtr reused = std::move(ended.front().service.connection);
    ended.clear();
    EXPECT_TRUE(reused->is_open());
    EXPECT_EQ(place.use_count(), 1);
    dynamic_cast<DottedLayer&>(reused->bytes()).begin_next();
    run_ready(context);
    EXPECT_TRUE(service.is_quiet());
    TcpPair next;
    const Peer next_client{context, std::move(next.a)};
    start(plain(next.b), std::move(reused));
    next_client.say_bytes("c");
    EXPECT_EQ(service.hear_bytes(1), "c");
    service.say_bytes("d");
    EXPECT_EQ(next_client.hear_bytes(1), "d");
    relays->reset_all("test over");
    expect_spent();
    EXPECT_EQ(service.end(), End::rst);
}

TEST_F(RelayEndTest, another_stream_may_begin_where_the_first_has_ended) {
    TcpPair next;
    Peer next_client{context, std::move(next.a)};
    std::size_t ends = 0;
    ConnectionPtr next_side = plain(next.b);
    relays->start({.client_side = plain(left.b),
                   .service_side = dotted(right.b),
                   .entry = {relays->streams(), "2f", "web", "192.0.2.1:5", {}},
                   .on_end = [&](EndedStream stream) {
                       ++ends;
                       ConnectionPtr reused = std::move(stream.service.connection);
                       dynamic_cast<DottedLayer&>(reused->bytes()).begin_next();
                       start(std::move(next_side), std::move(reused));
                   }});
    ::shutdown(client.fd().get(), SHUT_WR);
    service.say_bytes(".");
    EXPECT_EQ(service.hear_bytes(1), ".");
    next_client.say_bytes("c");
    EXPECT_EQ(service.hear_bytes(1), "c");
    EXPECT_EQ(ends, 1U);
    ::shutdown(next_client.fd().get(), SHUT_WR);
    service.say_bytes("d.");
    ASSERT_TRUE(run_to_the_end());
    EXPECT_EQ(next_client.hear_bytes(2), "d");
    EXPECT_EQ(ended.front().service.verdict, LegVerdict::reusable);
}

TEST_F(RelayEndTest, no_connection_outlives_a_stream_that_is_reset) {
    start(dotted(left.b), dotted(right.b));
    client.say_bytes("a.");
    EXPECT_EQ(service.hear_bytes(2), "a.");
    reset(service.fd());
    ASSERT_TRUE(run_to_the_end());
    expect_spent();
    EXPECT_EQ(client.end(), End::rst);
}

TEST_F(RelayEndTest, who_is_told_at_the_end_is_told_once_when_all_are_reset) {
    start(dotted(left.b), dotted(right.b));
    relays->reset_all("for a test");
    expect_spent();
    relays->reset_all("for a test");
    run_ready(context);
    expect_spent();
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_EQ(service.end(), End::rst);
}

TEST_F(RelayEndTest, a_set_that_goes_ends_its_streams) {
    start(plain(left.b), dotted(right.b));
    run_ready(context);
    const auto record = relays->streams().all().front();
    relays.reset();  // the event loop does not run again: nothing of the relay may be left behind
    expect_spent();
    EXPECT_EQ(record->relay, nullptr);
}

}  // namespace
}  // namespace inout::relay_end_test
