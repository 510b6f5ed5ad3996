// Whose turn it is to dial: what is urgent first, nobody never.
#include "common/net/dial_queue.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "../loopback.hpp"

namespace inout::dial_queue_test {
namespace {

using namespace std::chrono_literals;

class DialQueueTest : public testing::Test {
  protected:
    struct Asked {
        std::optional<DialQueue::Turn> turn;
        std::string failure;
        bool ended() const { return turn.has_value() || !failure.empty(); }
    };

    static Task<> ask(Executor executor, DialQueue* queue, DialFor what, Milliseconds wait,
                      Milliseconds patience, std::shared_ptr<Asked> asked) {
        const auto deadline = Clock::now() + wait;
        auto turn = co_await queue->turn(executor, what, deadline, patience);
        if (turn) {
            asked->turn.emplace(std::move(*turn));
        } else {
            asked->failure = turn.error();
        }
    }

    std::shared_ptr<Asked> start_on(asio::io_context& on, DialFor what, Milliseconds wait = 60s,
                                    Milliseconds patience = 60s) {
        auto asked = std::make_shared<Asked>();
        asio::co_spawn(on, ask(on.get_executor(), &queue, what, wait, patience, asked),
                       [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
        on.poll();
        return asked;
    }
    std::shared_ptr<Asked> start(DialFor what, Milliseconds wait = 60s,
                                 Milliseconds patience = 60s) {
        context.restart();
        auto asked = start_on(context, what, wait, patience);
        settle();
        return asked;
    }
    void settle() {
        context.restart();
        context.poll();
    }
    /// Ends one running dial and says who came next: its place in `waiting`.
    std::optional<std::size_t> next(const std::vector<std::shared_ptr<Asked>>& waiting) {
        std::vector<bool> before;
        for (const auto& one : waiting) before.push_back(one->ended());
        running.back()->turn.reset();
        running.pop_back();
        settle();
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            if (before[i] || !waiting[i]->ended()) continue;
            running.push_back(waiting[i]);
            return i;
        }
        return std::nullopt;
    }

    void SetUp() override {
        for (std::size_t i = 0; i < kDialsFirst; ++i) {
            running.push_back(start(DialFor::spare));
            ASSERT_TRUE(running.back()->turn);
        }
    }

    asio::io_context context;
    DialQueue queue;
    std::vector<std::shared_ptr<Asked>> running;
};

TEST_F(DialQueueTest, one_more_waits_until_one_has_ended) {
    const auto waiting = start(DialFor::control);
    EXPECT_FALSE(waiting->ended());
    EXPECT_EQ(next({waiting}), 0U);
}

TEST_F(DialQueueTest, control_connections_come_first_then_streams) {
    const std::vector waiting{start(DialFor::spare), start(DialFor::stream),
                              start(DialFor::control)};
    EXPECT_EQ(next(waiting), 2U);
    EXPECT_EQ(next(waiting), 1U);
    EXPECT_EQ(next(waiting), 0U);
}

TEST_F(DialQueueTest, the_longest_waiting_one_has_each_fourth_turn) {
    std::vector waiting{start(DialFor::spare)};
    for (int i = 0; i < 8; ++i) waiting.push_back(start(DialFor::control));
    for (int i = 0; i < 3; ++i) EXPECT_NE(next(waiting), 0U);
    EXPECT_EQ(next(waiting), 0U);
}

TEST_F(DialQueueTest, a_wait_ends_with_its_deadline_and_says_so) {
    const auto waiting = start(DialFor::stream, 10ms);
    EXPECT_TRUE(run_until(context, [&] { return waiting->ended(); }));
    EXPECT_NE(waiting->failure.find("no turn in time"), std::string::npos) << waiting->failure;
    EXPECT_EQ(next({waiting}), std::nullopt) << "it left the queue";
}

TEST_F(DialQueueTest, a_wait_that_is_broken_off_leaves_the_queue) {
    {
        asio::io_context other;
        start_on(other, DialFor::control);
    }
    EXPECT_EQ(next({start(DialFor::spare)}), 0U);
}

TEST_F(DialQueueTest, a_turn_that_nobody_takes_any_more_is_the_next_ones) {
    const auto waiting = start(DialFor::spare);
    {
        asio::io_context other;
        start_on(other, DialFor::control);
        EXPECT_EQ(next({waiting}), std::nullopt) << "it is the control connection's";
    }
    settle();
    EXPECT_TRUE(waiting->turn);
}

TEST_F(DialQueueTest, who_has_waited_long_enough_leaves_when_the_proxy_is_silent) {
    const auto patient = start(DialFor::stream), impatient = start(DialFor::stream, 60s, 0ms);
    running.back()->turn->timed_out();
    running.back()->turn.reset();
    settle();
    EXPECT_FALSE(impatient->failure.empty());
    EXPECT_FALSE(patient->ended()) << "and half as many may run";
}

TEST_F(DialQueueTest, a_success_meanwhile_keeps_them_waiting) {
    const auto impatient = start(DialFor::stream, 60s, 0ms);
    const auto first = start(DialFor::control);
    running[0]->turn->succeeded();
    running[0]->turn.reset();
    settle();
    ASSERT_TRUE(first->turn);
    running[1]->turn->timed_out();
    running[1]->turn.reset();
    settle();
    EXPECT_TRUE(impatient->failure.empty());
}

}  // namespace
}  // namespace inout::dial_queue_test
