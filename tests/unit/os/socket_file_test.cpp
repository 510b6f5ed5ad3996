#include "common/os/socket_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

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

}  // namespace
}  // namespace inout::socket_file_test
