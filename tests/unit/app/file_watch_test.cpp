// When a changed file is worth a reload.
#include "common/app/file_watch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace inout::file_watch_test {
namespace {

using Seen = FileWatch::Seen;
using Files = std::vector<std::string>;

TEST(FileWatch, what_is_as_it_was_read_is_nothing_new) {
    FileWatch watch;
    EXPECT_EQ(watch.look({}), Seen::as_read);
    watch.read({{"a", "1"}});
    EXPECT_EQ(watch.look({{"a", "1"}}), Seen::as_read);
    EXPECT_EQ(watch.look({{"a", "1"}}), Seen::as_read);
}

TEST(FileWatch, a_change_counts_at_the_second_look_and_once) {
    FileWatch watch;
    watch.read({{"a", "1"}});
    EXPECT_EQ(watch.look({{"a", "2"}}), Seen::changing);
    EXPECT_EQ(watch.look({{"a", "2"}}), Seen::changed);
    EXPECT_EQ(watch.look({{"a", "2"}}), Seen::as_read) << "tried once, even if it was no good";
    EXPECT_EQ(watch.look({{"a", "3"}}), Seen::changing) << "another one is tried again";
    EXPECT_EQ(watch.look({{"a", "3"}}), Seen::changed);
}

TEST(FileWatch, a_pair_that_is_renamed_one_after_the_other_is_one_change) {
    FileWatch watch;
    watch.read({{"cert", "1"}, {"key", "1"}});
    EXPECT_EQ(watch.look({{"cert", "2"}, {"key", "1"}}), Seen::changing);
    EXPECT_EQ(watch.look({{"cert", "2"}, {"key", "2"}}), Seen::changing);
    EXPECT_EQ(watch.look({{"cert", "2"}, {"key", "2"}}), Seen::changed);
}

TEST(FileWatch, what_goes_on_changing_waits_and_what_changes_back_was_nothing) {
    FileWatch watch;
    watch.read({{"a", "0"}});
    for (int i = 1; i < 10; ++i) {
        EXPECT_EQ(watch.look({{"a", std::to_string(i)}}), Seen::changing);
    }
    EXPECT_EQ(watch.look({{"a", "0"}}), Seen::as_read);
    EXPECT_EQ(watch.look({{"a", "0"}}), Seen::as_read);
}

TEST(FileWatch, one_that_is_missing_for_a_moment_is_no_change_and_one_that_stays_away_is) {
    FileWatch watch;
    watch.read({{"a", "1"}});
    EXPECT_EQ(watch.look({{"a", ""}}), Seen::changing);
    EXPECT_EQ(watch.look({{"a", "1"}}), Seen::as_read);
    EXPECT_EQ(watch.look({{"a", ""}}), Seen::changing);
    EXPECT_EQ(watch.look({{"a", ""}}), Seen::changed);
    EXPECT_EQ(watch.look({{"a", "1"}}), Seen::changing) << "it is there again";
    EXPECT_EQ(watch.look({{"a", "1"}}), Seen::changed);
}

TEST(FileWatch, what_was_read_for_another_reason_needs_no_second_reload) {
    FileWatch watch;
    watch.read({{"a", "1"}});
    EXPECT_EQ(watch.look({{"a", "2"}}), Seen::changing);
    watch.read({{"a", "2"}});
    EXPECT_EQ(watch.look({{"a", "2"}}), Seen::as_read);
    watch.read({{"a", "2"}, {"b", "1"}});
    EXPECT_EQ(watch.look({{"a", "2"}, {"b", "1"}}), Seen::as_read) << "another list";
}

TEST(FileWatch, names_in_the_log_are_those_that_were_there_before_and_differ) {
    EXPECT_EQ(changed_files({{"a", "1"}, {"b", "1"}, {"gone", "1"}},
                            {{"a", "2"}, {"b", "1"}, {"new", "1"}}),
              Files{"a"});
    EXPECT_EQ(changed_files({{"a", ""}}, {{"a", "1"}}), Files{"a"});
}

TEST(FileStamps, tell_a_file_that_was_replaced_behind_a_link_or_has_gone) {
    namespace fs = std::filesystem;
    const fs::path folder = testing::TempDir() + "inout-stamps-" + std::to_string(::getpid());
    for (const char* version : {"1", "2"}) {
        fs::create_directories(folder / version);
        std::ofstream(folder / version / "key") << "the same size " << version;
    }
    // As Kubernetes does it: the folder behind the links is exchanged.
    fs::create_directory_symlink("1", folder / "..data");
    fs::create_symlink("..data/key", folder / "key");
    const Files files{folder / "key", folder / "missing"};
    const FileStamps before = stamps_of(files);
    EXPECT_EQ(stamps_of(files), before);
    EXPECT_EQ(before.at(folder / "missing"), "");
    fs::create_directory_symlink("2", folder / "new");
    fs::rename(folder / "new", folder / "..data");
    EXPECT_EQ(changed_files(before, stamps_of(files)), Files{folder / "key"});
    const FileStamps second = stamps_of(files);
    std::ofstream(folder / "2/key", std::ios::app) << "more";
    EXPECT_EQ(changed_files(second, stamps_of(files)), Files{folder / "key"});
    fs::remove(folder / "2/key");
    EXPECT_EQ(stamps_of(files).at(folder / "key"), "");
    fs::remove_all(folder);
}

}  // namespace
}  // namespace inout::file_watch_test
