// How many data connections are carried to other proxies, and what a drain does to them.
#include "proxy/passed_on.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::proxy::passed_on_test {
namespace {

Endpoint nowhere() { return {asio::ip::address_v4::loopback(), 1}; }

class PassedOnTest : public testing::Test {
  protected:
    /// One whose bytes move, between two pairs of sockets.
    void begin() {
        auto place = passed_on.take();
        ASSERT_NE(place, nullptr);
        StreamEntry entry("t", "out", nowhere());
        ASSERT_TRUE(place->begin(relays, entry.record()));
        record = entry.record();
        relays.start({.client_side = adopt_owned(context, std::move(out.a)),
                      .service_side = adopt_owned(context, std::move(proxy.a)),
                      .entry = std::move(entry),
                      .on_end = [place = std::move(place)](const EndedStream&) {}});
    }
    bool ends() {
        return run_until(context, [this] { return passed_on.size() == 0; });
    }

    asio::io_context context;
    RelaySet relays{context, RelayOptions{}};
    PassedOn passed_on{2};
    TcpPair out, proxy;
    std::shared_ptr<StreamRecord> record;
};

TEST_F(PassedOnTest, there_are_at_most_so_many) {
    auto first = passed_on.take(), second = passed_on.take();
    EXPECT_NE(second, nullptr);
    EXPECT_EQ(passed_on.take(), nullptr);
    first.reset();
    first = passed_on.take();
    EXPECT_NE(first, nullptr);
    passed_on.set_limit(3);
    EXPECT_NE(passed_on.take(), nullptr);
}

TEST_F(PassedOnTest, is_no_stream_and_ends_with_either_side) {
    const std::size_t before = counters().streams, total = counters().streams_total;
    begin();
    EXPECT_EQ(counters().streams, before);
    EXPECT_EQ(counters().streams_total, total);
    EXPECT_TRUE(relays.streams().all().empty());
    EXPECT_EQ(passed_on.size(), 1U);
    out.b.reset();
    proxy.b.reset();
    EXPECT_TRUE(ends());
    EXPECT_EQ(counters().streams, before);
}

TEST_F(PassedOnTest, a_drain_ends_what_waits_for_a_stream_and_takes_no_more) {
    begin();
    auto other = passed_on.take();
    passed_on.drain();
    EXPECT_FALSE(other->begin(relays, record));
    other.reset();
    EXPECT_TRUE(ends());
    EXPECT_EQ(passed_on.take(), nullptr);
}

TEST_F(PassedOnTest, a_drain_waits_for_what_may_carry_a_stream) {
    const std::size_t before = counters().streams;
    begin();
    ASSERT_EQ(::send(proxy.b.get(), "x", 1, 0), 1);
    ASSERT_TRUE(run_until(context, [this] { return record->bytes_from(StreamLeg::service) == 1; }));
    passed_on.drain();
    EXPECT_EQ(counters().streams, before + 1);
    char byte = 0;
    EXPECT_TRUE(
        run_until(context, [&] { return ::recv(out.b.get(), &byte, 1, MSG_DONTWAIT) == 1; }));
    EXPECT_EQ(passed_on.size(), 1U);
    out.b.reset();
    proxy.b.reset();
    EXPECT_TRUE(ends());
    EXPECT_EQ(counters().streams, before);
}

}  // namespace
}  // namespace inout::proxy::passed_on_test
