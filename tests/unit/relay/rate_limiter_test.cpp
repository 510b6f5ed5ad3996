#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/relay/rate_limiter.hpp"

namespace inout::rate_limiter_test {
namespace {

/// Notes its turns.
struct Asking final : RateLimiter::Waiting {
    Asking(const Executor& executor, std::vector<Asking*>& order)
        : Waiting(executor), turns(order) {}
    void granted(std::size_t more) override {
        bytes += more;
        turns.push_back(this);
    }
    void abandon() override { abandoned = true; }

    std::vector<Asking*>& turns;
    std::size_t bytes = 0;
    bool abandoned = false;
};

class RateLimiterTest : public testing::Test {
  protected:
    std::shared_ptr<RateLimiter> limiter(std::uint64_t rate) {
        return std::make_shared<RateLimiter>(context.get_executor(), rate);
    }
    Asking& ask() {
        return *asking.emplace_back(std::make_unique<Asking>(context.get_executor(), turns));
    }
    void run_until(const std::function<bool()>& condition) {
        const auto give_up = Clock::now() + std::chrono::seconds(30);
        while (!condition() && Clock::now() < give_up) {
            context.restart();
            context.run_one_for(Milliseconds{10});
        }
        EXPECT_TRUE(condition());
    }
    /// Takes all that it gives at once.
    static std::size_t empty(RateLimiter& limiter, Asking& by) {
        std::size_t all = 0;
        while (const auto bytes = limiter.take(by)) all += *bytes;
        return all;
    }

    asio::io_context context;
    std::vector<Asking*> turns;
    std::vector<std::unique_ptr<Asking>> asking;
};

TEST_F(RateLimiterTest, gives_a_burst_at_once_and_then_turns_in_order) {
    const auto shared = limiter(125'000);
    Asking &first = ask(), &second = ask(), &third = ask();
    const std::size_t burst = empty(*shared, first);
    EXPECT_LE(burst, 16'384U + 2'048);
    EXPECT_GE(burst, 14'000U);
    EXPECT_FALSE(shared->take(second));
    EXPECT_FALSE(shared->take(third));
    run_until([this] { return turns.size() == 3; });
    EXPECT_EQ(turns, (std::vector{&first, &second, &third}));
    EXPECT_EQ(first.bytes, second.bytes);
}

TEST_F(RateLimiterTest, nobody_overtakes_who_waits) {
    const auto shared = limiter(125'000);
    Asking &first = ask(), &late = ask();
    empty(*shared, first);
    shared->give_back(2'000);
    EXPECT_FALSE(shared->take(late)) << "somebody waits for more than that";
    run_until([this] { return turns.size() == 2; });
    EXPECT_EQ(turns.front(), &first);
}

TEST_F(RateLimiterTest, what_is_given_back_is_the_next_ones) {
    const auto shared = limiter(1'000);
    Asking& first = ask();
    const std::size_t burst = empty(*shared, first);
    shared->give_back(burst);
    run_until([this] { return turns.size() == 1; });
    EXPECT_TRUE(shared->take(ask()));
}

TEST_F(RateLimiterTest, who_leaves_is_not_told) {
    const auto shared = limiter(1'000);
    Asking &first = ask(), &second = ask(), &third = ask();
    empty(*shared, first);
    EXPECT_FALSE(shared->take(second));
    EXPECT_FALSE(shared->take(third));
    EXPECT_TRUE(shared->leave(second));
    EXPECT_FALSE(shared->leave(second));
    shared->set_rate(0);
    EXPECT_FALSE(shared->leave(third)) << "its turn is on its way";
    run_until([this] { return turns.size() == 2; });
    EXPECT_EQ(turns, (std::vector{&first, &third}));
    EXPECT_TRUE(shared->take(second)) << "without a rate";
}

TEST_F(RateLimiterTest, a_debt_is_paid_by_those_who_come) {
    const auto shared = limiter(1'000'000);
    shared->charge(100'000);
    const auto began = Clock::now();
    EXPECT_FALSE(shared->take(ask()));
    run_until([this] { return turns.size() == 1; });
    EXPECT_GE(Clock::now() - began, Milliseconds{79});
}

TEST_F(RateLimiterTest, of_ten_thousand_only_those_are_woken_whose_turn_has_come) {
    const auto shared = limiter(1'000);
    for (int i = 0; i < 10'000; ++i) (void)shared->take(ask());
    context.restart();
    context.run_for(Milliseconds{50});
    EXPECT_TRUE(turns.empty());
    for (const auto& each : asking) (void)shared->leave(*each);
}

TEST_F(RateLimiterTest, whose_event_loop_ends_is_told_that_nobody_will_tell) {
    const auto shared = limiter(1'000);
    std::vector<Asking*> none;
    auto other = std::make_unique<asio::io_context>();
    Asking last(other->get_executor(), none);
    empty(*shared, last);
    shared->set_rate(0);
    other.reset();
    EXPECT_TRUE(last.abandoned);
}

TEST_F(RateLimiterTest, threads_share_it) {
    const auto shared = limiter(50'000'000);
    std::atomic<std::size_t> all{0};
    struct Mover final : RateLimiter::Waiting {
        Mover(const Executor& executor, RateLimiter& of, std::atomic<std::size_t>& sum)
            : Waiting(executor), limiter(of), all(sum) {}
        void granted(std::size_t bytes) override {
            all += bytes;
            if (--left > 0) move();
        }
        void abandon() override {}
        void move() {
            while (const auto bytes = limiter.take(*this)) {
                shared_bytes(*bytes);
                if (--left <= 0) return;
            }
        }
        void shared_bytes(std::size_t bytes) {
            limiter.give_back(bytes / 2);
            all += bytes / 2;
        }
        RateLimiter& limiter;
        std::atomic<std::size_t>& all;
        std::atomic<int> left = 200;
    };
    std::vector<std::unique_ptr<asio::io_context>> loops;
    std::vector<std::unique_ptr<Mover>> movers;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        asio::io_context& loop = *loops.emplace_back(std::make_unique<asio::io_context>());
        Mover& mover =
            *movers.emplace_back(std::make_unique<Mover>(loop.get_executor(), *shared, all));
        asio::post(loop, [&mover] { mover.move(); });
        threads.emplace_back([&loop, &mover] {
            while (mover.left > 0) {
                loop.restart();
                loop.run_one_for(Milliseconds{10});
            }
        });
    }
    run_until([&] {
        return std::all_of(movers.begin(), movers.end(),
                           [](const auto& m) { return m->left <= 0; });
    });
    for (auto& thread : threads) thread.join();
    EXPECT_GT(all, 0U);
}

}  // namespace
}  // namespace inout::rate_limiter_test
