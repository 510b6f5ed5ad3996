// The log writer: takes lines from any thread without ever waiting, and writes them in a thread of
// its own, which alone waits for whoever reads them.
//
// A reader may be a full pipe, a stopped terminal, a busy journal. What does not fit into the queue
// is dropped and counted, and the next line that gets through says how many were (`lines_lost`).
// Errors of the descriptor cost the lines at hand and nothing else. Never destroyed: its thread may
// hang in write(2) until the process is gone.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout::log {

class LogWriter {
  public:
    /// At most `bytes_max` wait, and at most as many are being written. All memory is taken here.
    explicit LogWriter(int descriptor, std::size_t bytes_max = kLogQueueBytes);
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    /// Starts the thread, with all signals blocked there. Throws std::system_error if there can be
    /// none.
    void start();
    /// `line` without `end`, which closes it; `lost_name` is what a count of lost lines follows,
    /// between the two.
    void push(std::string_view line, std::string_view lost_name, std::string_view end);
    /// A line that could not be made.
    void lose(std::uint64_t lines = 1);
    /// Waits until all is written, but not longer than this. False: something is left.
    bool flush(Milliseconds timeout);

  private:
    void run();
    void write_out(std::string_view text);
    void lose_all_of(std::string_view text);

    const int descriptor_;
    const std::size_t bytes_max_;
    std::mutex mutex_;
    std::condition_variable work_, idle_;
    std::string queue_, writing_;  // writing_ is the thread's while is_writing_
    std::uint64_t lost_ = 0;
    unsigned flushing_ = 0;
    bool is_writing_ = false;
    bool torn_ = false;  // the last line that was written has no end; the thread's own
};

}  // namespace inout::log
