#include "common/os/socket_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "common/os/inherited_sockets.hpp"

namespace inout::socket_file_test {
namespace {

class SocketFileTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "socket_file_XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::string path(const std::string& name = "s") const { return (folder / name).string(); }
    unsigned mode() const {
        struct stat status {};
        EXPECT_EQ(::stat(path().c_str(), &status), 0);
        return status.st_mode & 07777U;
    }
    std::filesystem::path folder;
};

TEST_F(SocketFileTest, is_for_its_user_and_group_and_goes_in_the_end) {
    {
        SocketFile file;
        ASSERT_TRUE(file.listen(path()));
        struct stat status {};
        ASSERT_EQ(::stat(path().c_str(), &status), 0);
        EXPECT_TRUE(S_ISSOCK(status.st_mode));
        EXPECT_EQ(status.st_mode & 07777U, 0660U);
    }
    EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SocketFileTest, gives_way_only_where_nobody_listens) {
    SocketFile first, second;
    auto listening = first.listen(path());
    ASSERT_TRUE(listening);
    EXPECT_FALSE(second.listen(path()));
    listening->reset();  // as if its program had been killed
    EXPECT_TRUE(second.listen(path()));
    first.remove();
    EXPECT_TRUE(std::filesystem::exists(path())) << "it is the other one's";
}

TEST_F(SocketFileTest, changes_no_file_to_which_somebody_has_put_a_link_meanwhile) {
    std::ofstream(path("victim")) << "text";
    ASSERT_EQ(::chmod(path("victim").c_str(), 0600), 0);
    std::atomic<bool> over{false};
    std::thread attacker([&] {
        const std::string link = path("link"), victim = path("victim"), at = path();
        struct stat status {};
        while (!over) {
            if (::symlink(victim.c_str(), link.c_str()) != 0 && errno != EEXIST) return;
            while (!over && (::lstat(at.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode))) {
            }
            ::rename(link.c_str(), at.c_str());
        }
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (std::chrono::steady_clock::now() < until) {
        ::unlink(path().c_str());
        SocketFile file;
        (void)file.listen(path(), {.mode = FileMode{0666}});
    }
    over = true;
    attacker.join();
    struct stat status {};
    ASSERT_EQ(::stat(path("victim").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(SocketFileTest, leaves_other_files_alone) {
    std::ofstream(path()) << "text";
    std::filesystem::create_directory(path("folder"));
    SocketFile file;
    EXPECT_FALSE(file.listen(path()));
    EXPECT_FALSE(file.listen(path("folder")));
    EXPECT_FALSE(file.listen(path("none/s")));
    EXPECT_EQ(std::filesystem::file_size(path()), 4U);
}

TEST_F(SocketFileTest, has_a_path_of_bounded_length) {
    const std::string longest(107, 'x');
    EXPECT_EQ(check_socket_path(longest), "");
    EXPECT_EQ(check_socket_path(longest + "x"), "is too long for a socket: 108 bytes, at most 107");
    SocketFile file;
    const auto listening = file.listen(longest + "x");
    ASSERT_FALSE(listening);
    EXPECT_NE(listening.error().find("File name too long"), std::string::npos);
}

TEST_F(SocketFileTest, has_the_access_that_is_told_and_keeps_what_is_not) {
    SocketFile file;
    ASSERT_TRUE(file.listen(path(), {FileMode{0600}, {}}));
    EXPECT_EQ(mode(), 0600U);
    EXPECT_EQ(file.allow({FileMode{0606}, {}}), std::nullopt);
    EXPECT_EQ(mode(), 0606U);
    EXPECT_EQ(file.allow({}), std::nullopt);
    EXPECT_EQ(mode(), 0660U) << "as if nothing had been told from the beginning";
    file.remove();
    EXPECT_FALSE(std::filesystem::exists(path())) << "a change does not make it another's";
}

TEST_F(SocketFileTest, leaves_anothers_in_its_place_as_it_is) {
    SocketFile file;
    ASSERT_TRUE(file.listen(path()));
    std::filesystem::remove(path());
    std::ofstream(path()) << "text";
    EXPECT_TRUE(file.allow({FileMode{0777}, {}}));
    EXPECT_NE(mode(), 0777U);
}

TEST_F(SocketFileTest, that_was_inherited_goes_with_who_keeps_it) {
    SocketFile before;
    auto listening = before.listen(path());
    ASSERT_TRUE(listening);
    inherited_sockets().add({"unix", std::move(*listening)});
    {
        SocketFile failed;
        auto taken = failed.listen(path());
        ASSERT_TRUE(taken);
        inherited_sockets().add({"unix", std::move(*taken)});
    }
    EXPECT_TRUE(std::filesystem::exists(path())) << "the process before goes on there";
    {
        SocketFile kept;
        ASSERT_TRUE(kept.listen(path()));
        kept.keep();
        before.leave();
    }
    EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SocketFileTest, of_a_service_manager_is_never_removed_and_handed_on_as_such) {
    SocketFile made;
    auto listening = made.listen(path(), {FileMode{0622}, {}});
    ASSERT_TRUE(listening);
    made.leave();
    inherited_sockets().add({std::string(kOfManager) + "unix", std::move(*listening)});
    {
        SocketFile file;
        ASSERT_TRUE(file.listen(path()));
        file.keep();
        EXPECT_EQ(mode(), 0622U);
        EXPECT_EQ(file.handed_as("unix"), std::string(kOfManager) + "unix");
    }
    EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST(SocketAccess, names_accounts_that_this_machine_has) {
    EXPECT_EQ(check_socket_access({}), "");
    EXPECT_EQ(check_socket_access({{}, FileOwner{"root", "0"}}), "");
    EXPECT_EQ(check_socket_access({{}, FileOwner{"4711", "4711"}}), "");
    EXPECT_EQ(check_socket_access({{}, FileOwner{"no-such", ""}}),
              "there is no user no-such in /etc/passwd");
    EXPECT_EQ(check_socket_access({{}, FileOwner{"", "no-such"}}),
              "there is no group no-such in /etc/group");
    EXPECT_EQ(check_socket_access({{}, FileOwner{"4294967295", ""}}),
              "there is no user 4294967295 in /etc/passwd");
}

}  // namespace
}  // namespace inout::socket_file_test
