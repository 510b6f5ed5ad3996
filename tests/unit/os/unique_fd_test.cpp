#include "common/os/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace inout::unique_fd_test {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(UniqueFd, closes_what_it_owns) {
    const int fd = open_null();
    {
        const UniqueFd owner(fd);
        EXPECT_TRUE(owner);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFd, owns_descriptor_0_too) {
    UniqueFd owner(0);
    EXPECT_TRUE(owner);
    EXPECT_EQ(owner.release(), 0);
    EXPECT_FALSE(UniqueFd());
}

TEST(UniqueFd, released_is_not_closed) {
    const int fd = open_null();
    {
        UniqueFd owner(fd);
        EXPECT_EQ(owner.release(), fd);
        EXPECT_FALSE(owner);
    }
    EXPECT_TRUE(is_open(fd));
    ::close(fd);
}

TEST(UniqueFd, moving_passes_ownership_on) {
    const int fd = open_null();
    UniqueFd first(fd);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), fd);
    const int replaced = open_null();
    UniqueFd third(replaced);
    third = std::move(second);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(third.get(), fd);
    EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFd, moving_to_itself_changes_nothing) {
    UniqueFd owner(open_null());
    UniqueFd& same = owner;
    owner = std::move(same);
    EXPECT_TRUE(is_open(owner.get()));
}

}  // namespace
}  // namespace inout::unique_fd_test
