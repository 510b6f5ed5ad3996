// Hundreds of streams, each with its own seeded misfortune. A failure names its seed.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "stream.hpp"

namespace inout::relay_faults_test {
namespace {

constexpr int kErrors[] = {ECONNRESET, EPIPE, ETIMEDOUT, ENOMEM, EIO};

struct Load {
    std::span<const Path> paths;
    unsigned at_once;       ///< below 1,024 descriptors in all: sockets, and pipes' ends
    std::size_t burst_max;  ///< bytes
};

/// A stream's plan, drawn from its seed.
struct Plan {
    Plan(unsigned seed, const Load& load) : random(seed) {
        path = load.paths[below(load.paths.size())];
        faults.short_count = unit() < 0.7 ? unit() : 0;
        faults.interrupted = unit() < 0.5 ? 0.3 * unit() : 0;
        faults.would_block = unit() < 0.5 ? 0.5 * unit() : 0;
        faults.splice_unsupported = unit() < 0.2;
        up = size(load.burst_max);
        down = size(load.burst_max);
    }
    double unit() { return std::uniform_real_distribution<>(0, 1)(random); }
    std::size_t below(std::size_t n) { return random() % n; }
    /// Nothing, a message, or a burst that is spliced where it can be.
    std::size_t size(std::size_t burst_max) {
        const std::size_t kind = below(6);
        return kind == 0 ? 0 : kind < 3 ? below(2'000) : below(burst_max);
    }

    std::mt19937 random;
    Path path;
    Faults faults;
    std::size_t up = 0, down = 0;
};

class RelayFaultsTest : public StreamTest, public testing::WithParamInterface<Load> {
  protected:
    /// Runs so many times what fits at once; `begin` sets a stream up, `check` looks at its end.
    void run_batches(unsigned batches, const std::function<void(Stream&, Plan&)>& begin,
                     const std::function<void(const Stream&, const Plan&)>& check) {
        unsigned seed = 0;
        for (unsigned batch = 0; batch < batches && !HasFailure(); ++batch) {
            clear();
            std::vector<Plan> plans;
            while (plans.size() < GetParam().at_once) {
                Plan& plan = plans.emplace_back(++seed, GetParam());
                Stream& stream = prepare(plan.path, plan.faults, seed);
                begin(stream, plan);
                stream.start();
            }
            run_to_the_end();
            for (std::size_t i = 0; i < streams.size(); ++i) {
                SCOPED_TRACE("seed " + std::to_string(seed + 1 - streams.size() + i));
                EXPECT_TRUE(streams[i]->over());
                EXPECT_FALSE(streams[i]->client.corrupt || streams[i]->service.corrupt);
                check(*streams[i], plans[i]);
            }
        }
    }
};
INSTANTIATE_TEST_SUITE_P(Legs, RelayFaultsTest,
                         testing::Values(Load{kPlainPath, 40, 1'500'000},
                                         Load{kTlsPaths, 20, 300'000}),
                         [](const auto& load) { return load.index == 0 ? "plain" : "tls"; });

TEST_P(RelayFaultsTest, short_counts_signals_and_full_buffers_lose_no_byte) {
    run_batches(
        10, [](Stream& stream, Plan& plan) { stream.will_carry(plan.up, plan.down); },
        [](const Stream& stream, const Plan& plan) { stream.expect_complete(plan.up, plan.down); });
}

/// A peer resets its connection just before some system call of some relay.
TEST_P(RelayFaultsTest, an_rst_before_any_call_is_an_rst_for_the_other_end) {
    run_batches(
        5,
        [](Stream& stream, Plan& plan) {
            FaultyCalls& calls = *stream.calls[plan.below(stream.calls.size())];
            const std::uint64_t fatal_call = calls.calls() + 1 + plan.below(60);
            UniqueFd& fd = plan.below(2) == 0 ? stream.client.fd : stream.service.fd;
            calls.before_call = [&fd, fatal_call](std::uint64_t call) {
                if (call == fatal_call) reset(fd);
            };
            stream.client.to_send = stream.service.to_send = 1'500'000;
        },
        [](const Stream& stream, const Plan&) {
            ASSERT_TRUE(!stream.client.fd != !stream.service.fd) << "one of them was reset";
            EXPECT_EQ((stream.client.fd ? stream.client : stream.service).end, End::rst);
        });
}

/// Some call fails although the connection is well: both ends must be reset. All at once, because a
/// side that is not really gone is waited for until reset_flush.
TEST_P(RelayFaultsTest, an_error_of_any_call_is_an_rst_for_both_ends) {
    run_batches(
        1,
        [](Stream& stream, Plan& plan) {
            FaultyCalls& calls = *stream.calls[plan.below(stream.calls.size())];
            calls.fail_call(1 + plan.below(60), kErrors[plan.below(std::size(kErrors))]);
            stream.client.to_send = stream.service.to_send = 1'500'000;
        },
        [](const Stream& stream, const Plan&) {
            EXPECT_TRUE(std::any_of(stream.calls.begin(), stream.calls.end(),
                                    [](const auto& calls) { return calls->failed(); }))
                << "the error was injected";
            EXPECT_EQ(stream.client.end, End::rst);
            EXPECT_EQ(stream.service.end, End::rst);
        });
}

}  // namespace
}  // namespace inout::relay_faults_test
