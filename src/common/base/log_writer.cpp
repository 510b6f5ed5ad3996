#include "common/base/log_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <thread>
#include <utility>

#include "common/base/counters.hpp"
#include "common/base/signals_blocked.hpp"

namespace inout::log {
namespace {

/// Whole lines that a pipe takes in one piece, so that those of several programs on one stderr do
/// not mix (write(2) to a pipe, PIPE_BUF); or one line that is longer.
std::string_view next_piece(std::string_view text) {
    if (text.size() <= PIPE_BUF) return text;
    auto end = text.rfind('\n', PIPE_BUF - 1);
    if (end == std::string_view::npos) end = text.find('\n');
    return text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
}

}  // namespace

LogWriter::LogWriter(int descriptor, std::size_t bytes_max)
    : descriptor_(descriptor), bytes_max_(bytes_max) {
    queue_.reserve(bytes_max);
    writing_.reserve(bytes_max);
}

void LogWriter::start() {
    const SignalsBlocked blocked;
    std::thread([this] { run(); }).detach();
}

void LogWriter::push(std::string_view line, std::string_view lost_name, std::string_view end) {
    constexpr std::size_t kDigitsMax = 20;  // of a 64-bit number
    const std::size_t size = line.size() + lost_name.size() + kDigitsMax + end.size();
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() + size > bytes_max_) {
            ++lost_;
            counters().lines_lost.add();
            return;
        }
        const std::size_t before = queue_.size();
        queue_ += line;
        if (lost_ > 0) {
            queue_ += lost_name;
            queue_ += std::to_string(std::exchange(lost_, 0));
        }
        queue_ += end;
        // The thread gathers what comes within a moment, unless it is much.
        wake = before == 0 || (before < bytes_max_ / 2 && queue_.size() >= bytes_max_ / 2);
    }
    if (wake) work_.notify_one();
}

void LogWriter::lose(std::uint64_t lines) {
    const std::lock_guard lock(mutex_);
    lost_ += lines;
    counters().lines_lost.add(static_cast<std::int64_t>(lines));
}

bool LogWriter::flush(Milliseconds timeout) {
    std::unique_lock lock(mutex_);
    ++flushing_;
    work_.notify_one();
    const bool done =
        idle_.wait_for(lock, timeout, [this] { return queue_.empty() && !is_writing_; });
    --flushing_;
    return done;
}

void LogWriter::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_.wait(lock, [this] { return !queue_.empty(); });
        work_.wait_for(lock, kLogGather,
                       [this] { return flushing_ > 0 || queue_.size() >= bytes_max_ / 2; });
        std::swap(queue_, writing_);
        is_writing_ = true;
        lock.unlock();
        write_out(writing_);
        lock.lock();
        writing_.clear();
        is_writing_ = false;
        if (queue_.empty()) idle_.notify_all();
    }
}

void LogWriter::write_out(std::string_view text) {
    if (torn_) torn_ = ::write(descriptor_, "\n", 1) != 1;
    while (!text.empty()) {
        const std::string_view piece = next_piece(text);
        const ssize_t n = ::write(descriptor_, piece.data(), piece.size());
        if (n > 0) {
            torn_ = piece[static_cast<std::size_t>(n) - 1] != '\n';
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno == EAGAIN) {
            // Whoever shares the descriptor may have made it non-blocking.
            pollfd ready{descriptor_, POLLOUT, 0};
            ::poll(&ready, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            // A full disk, a reader that has gone: later lines may have more luck.
            lose_all_of(text);
            return;
        }
    }
}

void LogWriter::lose_all_of(std::string_view text) {
    lose(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')));
}

}  // namespace inout::log
