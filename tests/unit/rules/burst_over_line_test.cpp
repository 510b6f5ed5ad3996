// A burst of streams over a line: what the proxy asks for, and what out makes of it, both without
// sockets.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "common/rules/pool_policy.hpp"

namespace inout::burst_over_line_test {
namespace {

/// A proxy and an out with a line between them. Streams last.
class Line {
  public:
    explicit Line(Milliseconds one_way) : one_way_(one_way) { ask(); }

    void open(std::size_t streams) {
        for (std::size_t i = 0; i < streams; ++i) {
            policy_.stream_opened();
            if (parked_ > 0) {
                --parked_;
                lend();
            } else {
                ++waiting;
            }
            ask();
        }
    }
    void pass(Milliseconds time) {
        const auto end = now_ + time;
        while (!due_.empty() && due_.begin()->first <= end) {
            now_ = due_.begin()->first;
            const auto act = std::move(due_.begin()->second);
            due_.erase(due_.begin());
            act();
        }
        now_ = end;
    }

    std::size_t waiting = 0, forgotten = 0;

  private:
    void in(Milliseconds time, std::function<void()> act) {
        due_.emplace(now_ + time, std::move(act));
    }
    void ask() {
        const std::size_t count = policy_.request(parked_, waiting, now_);
        for (std::size_t i = 0; i < count; ++i) in(one_way_, [this] { dial(); });
    }
    void dial() {
        if (at_out_ == kDataLinksMax) {
            ++forgotten;
            return;
        }
        ++at_out_;
        in(3 * one_way_, [this] { arrive(); });
    }
    void arrive() {
        policy_.arrived(true);
        ++parked_;
        if (waiting > 0) {
            --waiting;
            --parked_;
            lend();
        }
        ask();
    }
    /// To out it is parked until the request for its stream comes, and one for another connection
    /// may overtake that.
    void lend() {
        policy_.lent();
        in(one_way_ + Milliseconds(1), [this] { --at_out_; });
    }

    const Milliseconds one_way_;
    PoolPolicy policy_{2, kPoolHardMax, kPoolHardMax};
    Clock::time_point now_{std::chrono::hours(1)};
    std::multimap<Clock::time_point, std::function<void()>> due_;
    std::size_t parked_ = 0, at_out_ = 0;
};

TEST(BurstOverLine, is_served_in_a_few_round_trips_and_no_request_is_lost) {
    for (const int one_way_ms : {2, 25, 100}) {
        const Milliseconds one_way(one_way_ms);
        Line line(one_way);
        line.pass(10 * one_way);
        for (int burst = 0; burst < 3; ++burst) {
            line.open(kPoolHardMax * 2);
            line.pass(14 * one_way + Milliseconds(20));
            EXPECT_EQ(line.waiting, 0U) << one_way_ms << " ms";
        }
        EXPECT_EQ(line.forgotten, 0U) << one_way_ms << " ms";
    }
}

}  // namespace
}  // namespace inout::burst_over_line_test
