// Simulated time: what is to happen, in order, and chance from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "common/base/limits.hpp"

namespace inout::cluster::sim {

using Micros = std::chrono::microseconds;

class Events {
  public:
    static constexpr Clock::time_point kBegin{std::chrono::hours(1'000)};

    explicit Events(std::uint64_t seed) : random_(seed) {}

    Clock::time_point now() const { return now_; }
    void after(Clock::duration delay, std::function<void()> what) {
        queue_.push({now_ + delay, next_++, std::move(what)});
    }
    void at(Clock::time_point when, std::function<void()> what) {
        queue_.push({std::max(when, now_), next_++, std::move(what)});
    }
    void run_until(Clock::time_point end) {
        while (!queue_.empty() && queue_.top().when <= end) {
            Event event = queue_.top();
            queue_.pop();
            now_ = event.when;
            event.what();
        }
        now_ = end;
    }

    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    bool by_chance(double chance) { return unit() < chance; }
    double unit() { return std::uniform_real_distribution<>(0, 1)(random_); }
    Micros between(Micros least, Micros most) {
        return least + Micros(below(static_cast<std::uint64_t>((most - least).count()) + 1));
    }

  private:
    struct Event {
        Clock::time_point when;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return std::pair(other.when, other.order) < std::pair(when, order);
        }
    };
    Clock::time_point now_ = kBegin;
    std::uint64_t next_ = 0;
    std::priority_queue<Event> queue_;
    std::mt19937_64 random_;
};

}  // namespace inout::cluster::sim
