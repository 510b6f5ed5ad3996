#include "common/base/once.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace inout::once_test {
namespace {

TEST(Once, is_called_once_with_what_can_only_be_moved) {
    int sum = 0;
    Once<void(std::unique_ptr<int>)> once(
        [&sum, own = std::make_unique<int>(3)](std::unique_ptr<int> given) {
            sum += *own + *given;
        });
    once(std::make_unique<int>(4));
    EXPECT_EQ(sum, 7);
    once(std::make_unique<int>(4));
    EXPECT_EQ(sum, 7);
}

TEST(Once, has_what_it_holds_until_it_was_called_and_no_longer) {
    const auto held = std::make_shared<int>();
    long while_called = 0;
    Once<void()> first([&while_called, held] { while_called = held.use_count(); });
    Once<void()> once(std::move(first));
    EXPECT_EQ(held.use_count(), 2);
    once();
    EXPECT_EQ(while_called, 2);
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Once, releases_what_it_holds_when_it_goes_uncalled) {
    const auto held = std::make_shared<int>();
    {
        const Once<void()> once([held] {});
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Once, may_end_its_owner) {
    std::optional<Once<void()>> owner;
    bool called = false;
    owner.emplace([&] {
        owner.reset();
        called = true;
    });
    (*owner)();
    EXPECT_TRUE(called);
}

TEST(Once, that_is_empty_does_nothing) {
    Once<void(int)> once;
    once(1);
}

}  // namespace
}  // namespace inout::once_test
