// Reloading: one at a time, on a thread of its own, taken into use on the main thread.
#include "common/app/reload.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>

#include "../loopback.hpp"
#include "common/base/limits.hpp"

namespace inout::reload_test {
namespace {

/// Holds back who passes while it is shut.
class Gate {
  public:
    void shut() {
        const std::lock_guard lock(mutex_);
        open_ = false;
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = true;
};

class ReloaderTest : public testing::Test {
  protected:
    ~ReloaderTest() override {
        gate.open();
        // Nothing that it posted may come when it is gone.
        EXPECT_TRUE(run_until(context, [this] { return reloader.stop(); }));
        context.restart();
        context.poll();
        std::filesystem::remove(file);
    }

    Result<Prepared, ConfigProblems> prepare() {
        ++preparing;
        gate.pass();
        if (fails_by) fails_by();
        Prepared prepared;
        prepared.json = std::to_string(++prepared_count);
        prepared.files = stamps_of(names);
        return prepared;
    }
    std::optional<FileStamps> take(std::string_view cause,
                                   const Result<Prepared, ConfigProblems>& prepared) {
        EXPECT_EQ(std::this_thread::get_id(), main_thread);
        taken.push_back(std::string(cause) + ": " +
                        (prepared ? prepared->json : "not " + prepared.error().front()));
        if (!prepared) return std::nullopt;
        return prepared->files;
    }
    bool becomes(const std::function<bool()>& condition) { return run_until(context, condition); }
    bool takes(std::size_t count) {
        return becomes([this, count] { return taken.size() == count; });
    }
    void write(const std::string& text) const {
        const std::string next = file + ".new";
        std::ofstream(next) << text;
        std::filesystem::rename(next, file);
    }

    const std::thread::id main_thread = std::this_thread::get_id();
    const std::string file = testing::TempDir() + "inout-reload-" + std::to_string(::getpid());
    const std::vector<std::string> names{file};
    asio::io_context context;
    Gate gate;
    std::atomic<int> preparing{0};
    int prepared_count = 0;
    std::function<void()> fails_by;  // set before anything is asked for
    std::vector<std::string> taken;
    Reloader reloader{
        context.get_executor(), [this] { return prepare(); },
        [this](std::string_view cause, const auto& prepared) { return take(cause, prepared); }};
};

TEST_F(ReloaderTest, without_a_file_and_a_request_there_is_no_thread) {
    const auto threads = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    };
    const auto before = threads();
    reloader.watch({});
    EXPECT_EQ(threads(), before);
    EXPECT_TRUE(reloader.stop());
}

TEST_F(ReloaderTest, what_is_asked_for_is_prepared_once_and_taken_on_the_main_thread) {
    reloader.request("signal");
    ASSERT_TRUE(takes(1));
    EXPECT_EQ(taken.front(), "signal: 1");
    reloader.request("signal");
    ASSERT_TRUE(takes(2));
    EXPECT_EQ(preparing, 2);
}

TEST_F(ReloaderTest, who_asks_while_one_is_under_way_gets_one_more_behind_it) {
    gate.shut();
    reloader.request("signal");
    ASSERT_TRUE(becomes([this] { return preparing == 1; }));
    for (int i = 0; i < 5; ++i) reloader.request("signal");
    gate.open();
    ASSERT_TRUE(takes(2)) << "all five are one";
    EXPECT_EQ(taken.back(), "signal: 2");
    reloader.request("signal");
    ASSERT_TRUE(takes(3));
    EXPECT_EQ(preparing, 3);
}

TEST_F(ReloaderTest, the_next_one_is_not_begun_before_the_main_thread_has_taken_the_last) {
    gate.shut();
    reloader.request("signal");
    ASSERT_TRUE(eventually([this] { return preparing == 1; }));
    reloader.request("signal");
    gate.open();
    // The main thread is busy with something else for a while, in which the second could begin.
    const auto until_then = Clock::now() + Milliseconds{50};
    EXPECT_TRUE(eventually([&] { return Clock::now() >= until_then || preparing == 2; }));
    EXPECT_EQ(preparing, 1);
    ASSERT_TRUE(takes(2));
}

TEST_F(ReloaderTest, a_problem_is_told_and_the_next_request_is_another_try) {
    bool good = false;
    fails_by = [&good] {
        if (!good) throw std::bad_alloc();
    };
    reloader.request("signal");
    ASSERT_TRUE(takes(1));
    EXPECT_EQ(taken.back(), "signal: not out of memory");
    good = true;
    reloader.request("signal");
    ASSERT_TRUE(takes(2));
    EXPECT_EQ(taken.back(), "signal: 1");
}

TEST_F(ReloaderTest, what_nobody_expected_is_a_problem_too) {
    fails_by = [] { throw std::runtime_error("no such folder"); };
    reloader.request("signal");
    ASSERT_TRUE(takes(1));
    EXPECT_EQ(taken.back(), "signal: not no such folder");
}

TEST_F(ReloaderTest, a_file_that_changes_is_seen_without_a_request_and_once) {
    write("first");
    reloader.watch(stamps_of(names));
    write("second");
    ASSERT_TRUE(takes(1));
    EXPECT_EQ(taken.back(), "files: 1");
    const auto begun = Clock::now();
    reloader.request("signal");  // wakes the thread: the file is as it was read
    ASSERT_TRUE(takes(2));
    EXPECT_EQ(taken.back(), "signal: 2");
    EXPECT_LT(Clock::now() - begun, kFileCheck);
    EXPECT_EQ(preparing, 2);
}

TEST_F(ReloaderTest, an_end_does_not_wait_for_a_file_that_hangs_and_nothing_is_taken_behind_it) {
    gate.shut();
    reloader.request("signal");
    ASSERT_TRUE(becomes([this] { return preparing == 1; }));
    const auto begun = Clock::now();
    EXPECT_FALSE(reloader.stop());
    const auto took = Clock::now() - begun;
    EXPECT_GE(took, kReloaderStop);
    EXPECT_LT(took, kPatience);
    gate.open();
    EXPECT_TRUE(eventually([this] { return reloader.stop(); })) << "it has come back";
    context.restart();
    context.poll();
    EXPECT_TRUE(taken.empty());
}

TEST_F(ReloaderTest, what_waits_for_the_main_thread_at_the_end_is_not_taken) {
    reloader.request("signal");
    ASSERT_TRUE(eventually([this] { return preparing == 1; }));
    EXPECT_TRUE(eventually([this] { return reloader.stop(); }));
    context.restart();
    context.poll();
    EXPECT_TRUE(taken.empty());
}

TEST_F(ReloaderTest, nothing_begins_after_the_end) {
    reloader.request("signal");
    ASSERT_TRUE(takes(1));
    EXPECT_TRUE(reloader.stop());
    reloader.request("signal");
    reloader.watch({{file, "another"}});
    EXPECT_TRUE(reloader.stop());
    context.restart();
    context.poll();
    EXPECT_EQ(taken.size(), 1U);
    EXPECT_EQ(preparing, 1);
}

}  // namespace
}  // namespace inout::reload_test
