// No worker does anything while something is done that needs that.
#include "common/app/standstill.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace inout::standstill_test {
namespace {

struct Busy {
    Workers workers{2, RelayOptions{}};
    std::array<std::atomic<int>, 2> turns{};
    std::thread thread;

    Busy() {
        std::size_t number = 0;
        workers.for_each([&](Worker& worker) { turn(worker, turns.at(number++)); });
        workers.start();
        thread = std::thread([this] { workers.run(); });
    }
    ~Busy() {
        workers.stop();
        thread.join();
    }
    void turn(Worker& worker, std::atomic<int>& count) {
        asio::post(worker.executor(), [this, &worker, &count] {
            ++count;
            turn(worker, count);
        });
    }
    std::array<int, 2> seen() const { return {turns[0], turns[1]}; }
    void see_all_go_on() const {
        const auto before = seen();
        while (turns[0] == before[0] || turns[1] == before[1]) std::this_thread::yield();
    }
};

TEST(Standstill, every_worker_waits_and_then_goes_on) {
    Busy busy;
    busy.see_all_go_on();
    std::array<int, 2> before{}, after{};
    EXPECT_TRUE(while_workers_stand_still(busy.workers, [&] {
        before = busy.seen();
        std::this_thread::sleep_for(Milliseconds(20));
        after = busy.seen();
    }));
    EXPECT_EQ(before, after);
    busy.see_all_go_on();
}

TEST(Standstill, where_a_worker_does_not_come_nothing_is_done) {
    Workers workers{1, RelayOptions{}};  // nobody runs it
    EXPECT_FALSE(while_workers_stand_still(workers, [] { FAIL(); }));
}

}  // namespace
}  // namespace inout::standstill_test
