// What is replaced as a whole while others use it.
#include "common/base/current.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace inout::current_test {
namespace {

TEST(Current, who_took_the_old_one_keeps_it) {
    Current<const int> current(std::make_shared<const int>(1));
    const auto old = current.get();
    current.set(std::make_shared<const int>(2));
    EXPECT_EQ(*old, 1);
    EXPECT_EQ(*current.get(), 2);
    EXPECT_EQ(old.use_count(), 1);
    current.set(nullptr);
    EXPECT_FALSE(current.get());
}

/// Takes the current one while it goes, which must not happen under the lock.
struct Curious {
    explicit Curious(Current<Curious>& all) : current(all) {}
    ~Curious() { (void)current.get(); }
    Current<Curious>& current;
};

TEST(Current, what_goes_may_look_at_what_came) {
    Current<Curious> current;
    current.set(std::make_shared<Curious>(current));
    current.set(std::make_shared<Curious>(current));
    current.set(nullptr);
}

TEST(Current, two_threads_see_whole_ones_never_an_older_one_after_a_newer) {
    struct Pair {
        int a, b;
    };
    constexpr int kLast = 20'000;
    Current<const Pair> current(std::make_shared<const Pair>(Pair{0, 0}));
    std::atomic<bool> torn{false}, back{false};
    std::thread reader([&] {
        for (int last = 0; last < kLast;) {
            const auto now = current.get();
            if (now->a != now->b) torn = true;
            if (now->a < last) back = true;
            last = now->a;
        }
    });
    for (int i = 1; i <= kLast; ++i) current.set(std::make_shared<const Pair>(Pair{i, i}));
    reader.join();
    EXPECT_FALSE(torn);
    EXPECT_FALSE(back);
}

}  // namespace
}  // namespace inout::current_test
