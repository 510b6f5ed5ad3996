// Hundreds of streams, each with its own seeded misfortune. A failure names its seed.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "stream.hpp"

namespace inout {
namespace {

constexpr unsigned kAtOnce = 40;  // four sockets and up to four pipe ends each: below 1,024 in all
constexpr int kErrors[] = {ECONNRESET, EPIPE, ETIMEDOUT, ENOMEM, EIO};

/// A stream's plan, drawn from its seed.
struct Plan {
    explicit Plan(unsigned seed) : random(seed) {
        faults.short_count = unit() < 0.7 ? unit() : 0;
        faults.interrupted = unit() < 0.5 ? 0.3 * unit() : 0;
        faults.would_block = unit() < 0.5 ? 0.5 * unit() : 0;
        faults.splice_unsupported = unit() < 0.2;
        up = size();
        down = size();
    }
    double unit() { return std::uniform_real_distribution<>(0, 1)(random); }
    std::size_t below(std::size_t n) { return random() % n; }
    /// Nothing, a message, or a burst that is spliced.
    std::size_t size() {
        const std::size_t kind = below(6);
        return kind == 0 ? 0 : kind < 3 ? below(2'000) : below(1'500'000);
    }

    std::mt19937 random;
    Faults faults;
    std::size_t up = 0, down = 0;
};

class RelayFaultsTest : public StreamTest {
  protected:
    /// Runs `seeds` streams, as many as fit at once; `begin` sets one up, `check` looks at its end.
    template <class Begin, class Check>
    void run_seeds(unsigned seeds, Begin begin, Check check) {
        for (unsigned first = 1; first <= seeds; first += kAtOnce) {
            streams.clear();
            for (unsigned seed = first; seed < std::min(first + kAtOnce, seeds + 1); ++seed) {
                Plan plan(seed);
                begin(seed, plan);
            }
            run_until([&] {
                return all_over() && std::all_of(streams.begin(), streams.end(), [](const auto& s) {
                           return has_ended(s->client) && has_ended(s->service);
                       });
            });
            for (std::size_t i = 0; i < streams.size(); ++i) {
                SCOPED_TRACE("seed " + std::to_string(first + i));
                EXPECT_TRUE(streams[i]->over());
                EXPECT_FALSE(streams[i]->client.corrupt || streams[i]->service.corrupt);
                check(*streams[i], Plan(first + static_cast<unsigned>(i)));
            }
            if (HasFailure()) return;
        }
    }

    static bool has_ended(const Peer& peer) { return !peer.fd || peer.end != End::none; }

    static void begin_with(Stream& stream, const Plan& plan, bool ends_clean) {
        stream.client.to_send = plan.up;
        stream.service.to_send = plan.down;
        stream.client.fin_after = stream.service.fin_after = ends_clean;
        stream.start();
    }
};

TEST_F(RelayFaultsTest, short_counts_signals_and_full_buffers_lose_no_byte) {
    run_seeds(
        400,
        [&](unsigned seed, const Plan& plan) {
            begin_with(add(plan.faults, seed), plan, /*ends_clean=*/true);
        },
        [&](const Stream& stream, const Plan& plan) {
            EXPECT_EQ(stream.service.received, plan.up);
            EXPECT_EQ(stream.client.received, plan.down);
            EXPECT_EQ(stream.service.end, End::fin);
            EXPECT_EQ(stream.client.end, End::fin);
        });
}

/// The peer resets its connection just before the n-th system call of the relay.
TEST_F(RelayFaultsTest, an_rst_before_any_call_is_an_rst_for_the_other_side) {
    run_seeds(
        200,
        [&](unsigned seed, Plan& plan) {
            plan.up = plan.down = 1'500'000;
            Stream& stream = add(plan.faults, seed);
            const std::uint64_t fatal_call = 1 + plan.below(60);
            const bool client_resets = plan.below(2) == 0;
            stream.calls.before_call = [&stream, fatal_call, client_resets](std::uint64_t call) {
                UniqueFd& fd = client_resets ? stream.client.fd : stream.service.fd;
                if (call == fatal_call) reset(fd);
            };
            begin_with(stream, plan, /*ends_clean=*/false);
        },
        [&](const Stream& stream, const Plan&) {
            ASSERT_TRUE(!stream.client.fd != !stream.service.fd) << "one of them was reset";
            const Peer& other = stream.client.fd ? stream.client : stream.service;
            EXPECT_EQ(other.end, End::rst);
        });
}

/// The n-th call fails although the connection is well: both sides must be reset. All seeds run at
/// once, because a side that is not really gone is waited for until reset_flush.
TEST_F(RelayFaultsTest, an_error_of_any_call_is_an_rst_for_both_sides) {
    run_seeds(
        kAtOnce,
        [&](unsigned seed, Plan& plan) {
            plan.up = plan.down = 1'500'000;
            plan.faults.failure = {.call = 1 + plan.below(60),
                                   .error = kErrors[plan.below(std::size(kErrors))]};
            begin_with(add(plan.faults, seed), plan, /*ends_clean=*/false);
        },
        [&](const Stream& stream, const Plan&) {
            EXPECT_TRUE(stream.calls.failed()) << "the error was injected";
            EXPECT_EQ(stream.client.end, End::rst);
            EXPECT_EQ(stream.service.end, End::rst);
        });
}

TEST_F(RelayFaultsTest, an_error_of_the_shutdown_is_an_rst_for_both_sides) {
    Stream& stream = add({.failure = Faults::Failure{.call = 2, .error = ENOTCONN}});
    stream.client.fin_after = true;
    stream.start();  // its calls: a recv on each side (EAGAIN or the end), then the shutdown
    EXPECT_TRUE(run_until([&] { return all_over(); }));
    EXPECT_TRUE(stream.calls.failed());
    EXPECT_TRUE(run_until([&] { return has_ended(stream.client) && has_ended(stream.service); }));
    EXPECT_EQ(stream.service.end, End::rst);
    EXPECT_EQ(stream.client.end, End::rst);
}

}  // namespace
}  // namespace inout
