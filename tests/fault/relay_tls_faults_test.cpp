// Streams over TLS legs, each with its own seeded misfortune. A failure names its seed.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "chain.hpp"

namespace inout {
namespace {

constexpr unsigned kAtOnce = 20;  // up to eight sockets each
constexpr int kErrors[] = {ECONNRESET, EPIPE, ETIMEDOUT, ENOMEM, EIO};

/// A stream's plan, drawn from its seed.
struct Plan {
    explicit Plan(unsigned seed) : random(seed) {
        path = kTlsPaths[below(std::size(kTlsPaths))];
        faults.short_count = unit() < 0.7 ? unit() : 0;
        faults.interrupted = unit() < 0.5 ? 0.3 * unit() : 0;
        faults.would_block = unit() < 0.5 ? 0.5 * unit() : 0;
        up = size();
        down = size();
    }
    double unit() { return std::uniform_real_distribution<>(0, 1)(random); }
    std::size_t below(std::size_t n) { return random() % n; }
    std::size_t size() {
        const std::size_t kind = below(6);
        return kind == 0 ? 0 : kind < 3 ? below(2'000) : below(300'000);
    }

    std::mt19937 random;
    Path path;
    Faults faults;
    std::size_t up = 0, down = 0;
};

class RelayTlsFaultsTest : public ChainTest {
  protected:
    /// Runs `seeds` chains, as many as fit at once; `begin` sets one up, `check` looks at its end.
    template <class Begin, class Check>
    void run_seeds(unsigned seeds, Begin begin, Check check) {
        for (unsigned first = 1; first <= seeds; first += kAtOnce) {
            clear();
            for (unsigned seed = first; seed < std::min(first + kAtOnce, seeds + 1); ++seed) {
                begin(seed, Plan(seed));
            }
            run_to_the_end();
            for (std::size_t i = 0; i < chains.size(); ++i) {
                SCOPED_TRACE("seed " + std::to_string(first + i));
                EXPECT_TRUE(chains[i]->over());
                EXPECT_FALSE(chains[i]->client.corrupt || chains[i]->service.corrupt);
                check(*chains[i], Plan(first + static_cast<unsigned>(i)));
            }
            if (HasFailure()) return;
        }
    }
};

TEST_F(RelayTlsFaultsTest, short_counts_signals_and_full_buffers_lose_no_byte) {
    run_seeds(
        200,
        [&](unsigned seed, const Plan& plan) {
            add(plan.path, plan.faults, seed).will_carry(plan.up, plan.down);
        },
        [&](const Chain& chain, const Plan& plan) { expect_complete(chain, plan.up, plan.down); });
}

/// A peer resets its connection just before some system call of some relay.
TEST_F(RelayTlsFaultsTest, an_rst_before_any_call_is_an_rst_for_the_other_end) {
    run_seeds(
        100,
        [&](unsigned seed, Plan plan) {
            Chain& chain = add(plan.path, plan.faults, seed);
            FaultyCalls& calls = *chain.calls[plan.below(chain.calls.size())];
            const std::uint64_t fatal_call = calls.calls() + 1 + plan.below(60);
            UniqueFd& fd = plan.below(2) == 0 ? chain.client.fd : chain.service.fd;
            calls.before_call = [&fd, fatal_call](std::uint64_t call) {
                if (call == fatal_call) reset(fd);
            };
            chain.client.to_send = chain.service.to_send = 1'500'000;
        },
        [&](const Chain& chain, const Plan&) {
            ASSERT_TRUE(!chain.client.fd != !chain.service.fd) << "one of them was reset";
            EXPECT_EQ((chain.client.fd ? chain.client : chain.service).end, End::rst);
        });
}

/// Some call fails although the connection is well: both ends must be reset. All at once, because a
/// side that is not really gone is waited for until reset_flush.
TEST_F(RelayTlsFaultsTest, an_error_of_any_call_is_an_rst_for_both_ends) {
    run_seeds(
        kAtOnce,
        [&](unsigned seed, Plan plan) {
            Chain& chain = add(plan.path, plan.faults, seed);
            FaultyCalls& calls = *chain.calls[plan.below(chain.calls.size())];
            calls.fail_call(calls.calls() + 1 + plan.below(60),
                            kErrors[plan.below(std::size(kErrors))]);
            chain.client.to_send = chain.service.to_send = 1'500'000;
        },
        [&](const Chain& chain, const Plan&) {
            EXPECT_TRUE(std::any_of(chain.calls.begin(), chain.calls.end(),
                                    [](const auto& calls) { return calls->failed(); }));
            EXPECT_EQ(chain.client.end, End::rst);
            EXPECT_EQ(chain.service.end, End::rst);
        });
}

}  // namespace
}  // namespace inout
