#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/os/saved_file.hpp"

namespace inout::saved_file_test {
namespace {

class SavedFileTest : public testing::Test {
  protected:
    SavedFileTest() { std::filesystem::create_directories(folder); }
    ~SavedFileTest() override { std::filesystem::remove_all(folder); }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("inout-saved-file-" + std::to_string(::getpid()));
    const std::string path = (folder / "used.json").string();
};

TEST_F(SavedFileTest, is_there_whole_and_for_its_owner_only) {
    EXPECT_EQ(read_saved_file(path, 100).value(), std::nullopt);
    EXPECT_EQ(save_file(path, "one"), std::nullopt);
    EXPECT_EQ(save_file(path, "two"), std::nullopt);
    EXPECT_EQ(read_saved_file(path, 100).value(), "two");
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_FALSE(read_saved_file(path, 2)) << "longer than it may be";
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(SavedFileTest, what_is_left_of_a_crash_is_no_hindrance) {
    std::ofstream(path + ".new") << "half";
    EXPECT_EQ(save_file(path, "one"), std::nullopt);
    EXPECT_EQ(read_saved_file(path, 100).value(), "one");
}

TEST_F(SavedFileTest, a_link_beside_it_is_not_followed) {
    const std::string victim = (folder / "victim").string();
    std::ofstream(victim) << "mine";
    std::filesystem::create_symlink(victim, path + ".new");
    EXPECT_EQ(save_file(path, "one"), std::nullopt);
    std::string content;
    std::ifstream(victim) >> content;
    EXPECT_EQ(content, "mine");
}

TEST_F(SavedFileTest, says_why_it_can_not_be) {
    EXPECT_EQ(check_saving(path), std::nullopt);
    EXPECT_TRUE(std::filesystem::is_empty(folder));
    const std::string nowhere = (folder / "nowhere/used.json").string();
    EXPECT_EQ(check_saving(nowhere),
              nowhere + ".check can not be created: No such file or directory");
    EXPECT_EQ(save_file(nowhere, "x"),
              nowhere + ".new can not be created: No such file or directory");
    EXPECT_EQ(check_saving(folder.string()), "is not a regular file");
    EXPECT_FALSE(read_saved_file(folder.string(), 100));
}

}  // namespace
}  // namespace inout::saved_file_test
