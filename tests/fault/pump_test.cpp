// One direction alone: what run() says, and what it holds meanwhile.
#include "common/relay/pump.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../unit/loopback.hpp"
#include "common/relay/peer_watch.hpp"
#include "faulty_calls.hpp"

namespace inout::pump_test {
namespace {

class PumpTest : public testing::Test {
  protected:
    Pump::Step run() { return pump.run({pipes, buffer}, source, sink); }
    /// Runs until the pump has nothing more to read.
    Pump::Step run_dry() {
        Pump::Step step{};
        do {
            step = run();
        } while (step == Pump::Step::yield);
        return step;
    }
    void send(std::size_t size) {
        const std::string data(size, 'x');
        EXPECT_TRUE(eventually([&, sent = std::size_t{0}]() mutable {
            const ssize_t n = ::send(from.a.get(), data.data(), size - sent, MSG_NOSIGNAL);
            if (n > 0) sent += static_cast<std::size_t>(n);
            return sent == size;
        }));
        EXPECT_TRUE(eventually([&] { return sample_tcp(from.a.get()).all_acknowledged(); }));
    }

    TcpPair from, to;  // from.a → from.b → [pump] → to.a → to.b
    FaultyCalls calls;
    CallsLayer source{from.b.get(), calls}, sink{to.a.get(), calls};
    PipePool pipes;
    std::vector<char> buffer = std::vector<char>(kCopyBytes);
    Pump pump;
};

TEST_F(PumpTest, waits_for_the_source_when_there_is_nothing) {
    EXPECT_EQ(run(), Pump::Step::wait_readable);
    EXPECT_EQ(pump.bytes(), 0U);
}

TEST_F(PumpTest, a_small_message_takes_one_recv_and_one_send) {
    send(100);
    EXPECT_EQ(run(), Pump::Step::wait_readable);
    EXPECT_EQ(calls.calls(), 2U);
    EXPECT_EQ(drain(to.b.get(), 100), 100U);
}

TEST_F(PumpTest, a_failed_sink_is_told_again_although_the_kernel_tells_it_once) {
    reset(to.b);
    send(100);
    EXPECT_EQ(run(), Pump::Step::sink_failed);
    EXPECT_EQ(run(), Pump::Step::sink_failed);
}

TEST_F(PumpTest, holds_at_most_one_buffer_when_the_sink_is_full_while_copying) {
    const std::size_t before = fill(to.a.get());
    send(5'000);
    EXPECT_EQ(run(), Pump::Step::wait_writable);
    EXPECT_FALSE(pump.holds_pipe());
    EXPECT_EQ(pump.bytes(), 0U);
    EXPECT_EQ(run(), Pump::Step::wait_writable) << "and reads no more";
    EXPECT_EQ(drain(to.b.get(), before), before);
    EXPECT_TRUE(eventually([&] { return run() == Pump::Step::wait_readable; }));
    EXPECT_EQ(pump.bytes(), 5'000U);
}

TEST_F(PumpTest, borrows_a_pipe_after_a_full_read_and_gives_it_back_when_drained) {
    send(60'000);
    EXPECT_EQ(run_dry(), Pump::Step::wait_readable);
    EXPECT_EQ(pump.bytes(), 60'000U);
    EXPECT_GT(calls.spliced(), 0U);
    EXPECT_FALSE(pump.holds_pipe());
    EXPECT_TRUE(pipes.has_idle());
}

/// A source that never ends and a sink that takes everything.
TEST_F(PumpTest, yields_after_its_share_although_there_is_more) {
    class Endless : public SocketCalls {
        ssize_t recv(int, void*, std::size_t size) override { return static_cast<ssize_t>(size); }
        ssize_t send(int, const void*, std::size_t size) override {
            return static_cast<ssize_t>(size);
        }
        ssize_t splice(int, int, std::size_t size) override { return static_cast<ssize_t>(size); }
    } calls_of_endless;
    CallsLayer endless(from.b.get(), calls_of_endless), bottomless(to.a.get(), calls_of_endless);
    for (std::uint64_t turn = 1; turn <= 3; ++turn) {
        EXPECT_EQ(pump.run({pipes, buffer}, endless, bottomless), Pump::Step::yield);
        EXPECT_GE(pump.bytes(), turn * kTurnBytes);
        EXPECT_LT(pump.bytes(), turn * (kTurnBytes + static_cast<std::size_t>(kLargePipeBytes)));
    }
}

TEST_F(PumpTest, an_end_is_reported_after_everything_before_it_was_delivered) {
    send(40'000);
    ::shutdown(from.a.get(), SHUT_WR);
    EXPECT_TRUE(eventually([&] { return run_dry() == Pump::Step::ended; }));
    EXPECT_EQ(pump.bytes(), 40'000U);
    EXPECT_FALSE(pump.holds_pipe());
}

TEST_F(PumpTest, an_error_of_the_source_is_reported_with_its_errno) {
    reset(from.a);
    EXPECT_TRUE(eventually([&] { return run() == Pump::Step::source_failed; }));
    EXPECT_EQ(pump.error(), ECONNRESET);
}

/// The kernel reports an error once; whoever saw it tells the pump, for which the rest is an "end".
TEST_F(PumpTest, an_end_after_a_reset_that_another_call_saw_is_a_failure) {
    send(1'000);
    ::shutdown(from.a.get(), SHUT_WR);
    pump.source_was_reset();
    EXPECT_TRUE(eventually([&] { return run() == Pump::Step::source_failed; }));
    EXPECT_EQ(pump.bytes(), 1'000U) << "what came before is delivered";
    EXPECT_EQ(pump.error(), 0);
}

TEST_F(PumpTest, an_error_of_the_sink_is_not_one_of_the_source) {
    send(100);
    reset(to.b);
    EXPECT_TRUE(eventually([&] { return sample_tcp(to.a.get()).closed; }));
    EXPECT_EQ(run(), Pump::Step::sink_failed);
}

TEST_F(PumpTest, discarding_closes_a_pipe_that_holds_bytes) {
    const std::size_t pipes_before = counters().pipes;
    send(2 * kCopyBytes);
    EXPECT_EQ(run_dry(), Pump::Step::wait_readable);  // it splices from now on
    fill(to.a.get());
    send(60'000);
    EXPECT_EQ(run_dry(), Pump::Step::wait_writable);
    EXPECT_TRUE(pump.holds_pipe());
    pump.discard(pipes);
    EXPECT_FALSE(pump.holds_pipe());
    EXPECT_FALSE(pipes.has_idle());
    EXPECT_EQ(counters().pipes, pipes_before);
}

}  // namespace
}  // namespace inout::pump_test
