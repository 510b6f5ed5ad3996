// Streams with a rate or a quota: byte for byte and end for end as those without.
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "../unit/logged.hpp"
#include "stream.hpp"

namespace inout::limited_test {
namespace {

/// Fast enough for a test, and slow enough that all of it waits.
constexpr std::uint64_t kQuick = 4 * kMegabyte;
/// Who waits for this waits longer than a test takes.
constexpr std::uint64_t kSlow = 1'000;

class LimitedTest : public StreamTest {
  protected:
    std::shared_ptr<RateLimiter> limiter(std::uint64_t rate) {
        return std::make_shared<RateLimiter>(context.get_executor(), rate);
    }
    static std::shared_ptr<ByteQuota> quota_of(std::uint64_t bytes) {
        auto quota = std::make_shared<ByteQuota>("key a", BytesUsed{}, [](ByteQuota::Event) {});
        quota->set_limit(ByteQuota::Limit{bytes, QuotaPer::total});
        return quota;
    }
    Stream& add(Path path, const StreamLimits& limits, Faults faults = {}, unsigned seed = 1) {
        Stream& stream = prepare(path, faults, seed);
        stream.limits = [limits] { return std::make_unique<StreamLimits>(limits); };
        stream.start();
        return stream;
    }
    /// Has a debt, so that it keeps all that ask waiting.
    std::shared_ptr<RateLimiter> stopped() {
        auto slow = limiter(kSlow);
        slow->charge(kMegabyte);
        return slow;
    }
    static std::uint64_t used(ByteQuota& quota) { return quota.state(0).used.total; }
};

TEST_F(LimitedTest, loses_no_byte_on_any_path) {
    Faults faults;
    faults.short_count = 0.5;
    faults.would_block = 0.3;
    faults.interrupted = 0.1;
    const StreamLimits limits{.up = {limiter(kQuick), limiter(2 * kQuick)},
                              .down = {limiter(kQuick)},
                              .quotas = {quota_of(1'000 * kMegabyte)}};
    unsigned seed = 0;
    for (const Path path : kPaths) {
        Stream& stream = add(path, limits, faults, ++seed);
        stream.will_carry(300'000, 200'000);
    }
    EXPECT_TRUE(run_to_the_end());
    for (const auto& stream : streams) stream->expect_complete(300'000, 200'000);
}

TEST_F(LimitedTest, a_quota_alone_lets_the_kernel_move_the_bytes_and_counts_each_once) {
    const auto quota = quota_of(100 * kMegabyte);
    Stream& stream = add(Path::plain, {.quotas = {quota}});
    stream.will_carry(5 * kMegabyte, 3 * kMegabyte);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(5 * kMegabyte, 3 * kMegabyte);
    EXPECT_GT(stream.calls.front()->spliced(), 5 * kMegabyte);
    EXPECT_EQ(used(*quota), 8 * kMegabyte);
}

TEST_F(LimitedTest, with_a_quota_no_byte_more_is_moved_and_the_stream_ends) {
    for (const std::uint64_t bytes : {1U, 16'384U, 100'000U, 1'500'000U}) {
        const auto quota = quota_of(bytes);
        Stream& stream = add(Path::plain, {.quotas = {quota}});
        const std::string lines = logged([&] {
            stream.client.to_send = 2 * kMegabyte;
            EXPECT_TRUE(run_until([&] { return stream.over(); }));
        });
        EXPECT_NE(lines.find("quota of key a is used up"), std::string::npos) << lines;
        EXPECT_EQ(used(*quota), bytes);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ(stream.client.end, End::rst);
        EXPECT_EQ(stream.service.end, End::rst);
        EXPECT_LE(stream.service.received, bytes);
        clear();
    }
}

TEST_F(LimitedTest, a_reset_is_seen_at_once_while_its_direction_waits) {
    const auto slow = stopped();
    Stream& stream = add(Path::plain, {.up = {slow}});
    stream.client.to_send = 50'000;
    EXPECT_TRUE(run_until([&] { return stream.client.sent == 50'000; }));
    EXPECT_TRUE(run_until_all_rests());
    const auto record = stream.sets.front()->streams().all().front();
    reset(stream.client.fd);
    EXPECT_TRUE(run_until([&] { return record->state() == StreamState::ending; }));
    EXPECT_EQ(stream.service.received, 0U);
    slow->set_rate(0);
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.service.received, 50'000U) << "what came before it is delivered";
    EXPECT_EQ(stream.service.end, End::rst);
}

TEST_F(LimitedTest, when_the_receiver_is_lost_who_waits_waits_no_longer) {
    Stream& stream = add(Path::plain, {.up = {stopped()}});
    stream.client.to_send = 50'000;
    EXPECT_TRUE(run_until([&] { return stream.client.sent == 50'000; }));
    EXPECT_TRUE(run_until_all_rests());
    reset(stream.service.fd);
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.client.end, End::rst);
}

TEST_F(LimitedTest, the_other_direction_and_its_end_do_not_wait) {
    Stream& stream = add(Path::plain, {.up = {stopped()}});
    stream.client.to_send = 50'000;
    stream.service.to_send = kMegabyte;
    stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return stream.client.end == End::fin; }));
    EXPECT_EQ(stream.client.received, kMegabyte);
    EXPECT_EQ(stream.service.received, 0U);
    EXPECT_FALSE(stream.over());
    stream.sets.front()->reset_all({.cause = StreamEnd::Cause::kicked, .words = "kicked"});
    EXPECT_TRUE(run_to_the_end());
}

TEST_F(LimitedTest, a_change_of_the_rate_counts_for_who_waits) {
    const auto slow = stopped();
    Stream& stream = add(Path::plain, {.up = {slow}, .down = {slow}});
    stream.will_carry(kMegabyte, kMegabyte);
    EXPECT_TRUE(run_until_all_rests());
    EXPECT_EQ(stream.service.received + stream.client.received, 0U);
    slow->set_rate(0);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(kMegabyte, kMegabyte);
}

TEST_F(LimitedTest, who_waits_is_neither_idle_nor_stalled) {
    Stream& stream = prepare(Path::plain);
    stream.sets.front()->set_options(
        {.idle_timeout = Milliseconds{100}, .stall_timeout = Milliseconds{100}});
    const auto slow = stopped();
    stream.limits = [slow] { return std::make_unique<StreamLimits>(StreamLimits{.up = {slow}}); };
    stream.start();
    stream.will_carry(50'000, 0);
    const auto until = Clock::now() + 3 * kSweepInterval;
    EXPECT_TRUE(run_until([&] { return Clock::now() > until; }));
    EXPECT_FALSE(stream.over());
    slow->set_rate(0);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(50'000, 0);
}

TEST_F(LimitedTest, many_streams_have_equal_parts) {
    const auto shared = limiter(kQuick);
    for (unsigned i = 1; i <= 40; ++i) {
        add(Path::plain, {.up = {shared}}, {}, i).client.to_send = 20 * kMegabyte;
    }
    const auto received = [this] {
        return std::accumulate(
            streams.begin(), streams.end(), std::size_t{0},
            [](std::size_t sum, const auto& stream) { return sum + stream->service.received; });
    };
    EXPECT_TRUE(run_until([&] { return received() > 4 * kMegabyte; }));
    const double mean = static_cast<double>(received()) / 40;
    for (const auto& stream : streams) {
        EXPECT_GT(static_cast<double>(stream->service.received), 0.6 * mean);
        EXPECT_LT(static_cast<double>(stream->service.received), 1.4 * mean);
    }
    for (const auto& stream : streams) {
        stream->sets.front()->reset_all({.cause = StreamEnd::Cause::kicked, .words = "kicked"});
    }
    EXPECT_TRUE(run_until([&] { return all_over(); }));
}

TEST_F(LimitedTest, a_stream_that_ends_while_its_turn_is_on_its_way_gives_it_back) {
    const auto shared = stopped();
    Stream& stream = add(Path::plain, {.up = {shared}});
    stream.client.to_send = 50'000;
    EXPECT_TRUE(run_until([&] { return stream.client.sent == 50'000; }));
    EXPECT_TRUE(run_until_all_rests());
    shared->set_rate(0);  // its turn is posted now, and the stream ends before that
    stream.sets.front()->reset_all({.cause = StreamEnd::Cause::kicked, .words = "kicked"});
    EXPECT_TRUE(run_to_the_end());
}

TEST_F(LimitedTest, whose_event_loop_ends_is_let_go) {
    const auto shared = stopped();
    {
        asio::io_context other;
        RelaySet set(other, RelayOptions());
        TcpPair left, right;
        ASSERT_EQ(::send(left.a.get(), "x", 1, 0), 1);
        StreamEntry entry(set.streams(), "1f", "t", "c:1", {});
        set.start({.client_side = adopt_owned(other, std::move(left.b)),
                   .service_side = adopt_owned(other, std::move(right.b)),
                   .entry = std::move(entry),
                   .limits = std::make_unique<StreamLimits>(StreamLimits{.up = {shared}})});
        shared->set_rate(0);
    }
    EXPECT_EQ(counters().streams, 0U);
}

}  // namespace
}  // namespace inout::limited_test
