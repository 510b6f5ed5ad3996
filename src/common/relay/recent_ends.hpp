// RecentEnds: the streams that ended last and those that could not be opened, with the reason, for
// whoever asks why a stream is gone.
//
// Two lists, so that who asks for what can not be opened pushes no stream out that somebody else
// had. Of the process, as the counters are; holds nothing and costs nothing while nobody can ask
// (the admin listener). Thread-safe; no reader holds up a worker for longer than it takes to copy a
// page of pointers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/relay/stream_table.hpp"

namespace inout {

struct RecentEnd {
    std::shared_ptr<const StreamRecord> stream;
    std::optional<Clock::time_point> opened{};  ///< nothing: it could not be
    std::string_view reason;                    ///< to_string of its StreamEnd::Cause or its Code
    std::string detail;                         ///< for people; may hold a peer's words
    // Given by add():
    std::uint64_t number = 0;   ///< from 1, in the order of the ends
    std::int64_t ended_ms = 0;  ///< Unix time
    Clock::time_point ended{};
};

class RecentEnds {
  public:
    RecentEnds() = default;
    RecentEnds(const RecentEnds&) = delete;
    RecentEnds& operator=(const RecentEnds&) = delete;

    /// From now on the last so many of either kind; 0: none. What is too much is dropped.
    void keep(std::size_t size) noexcept;
    /// Whether add() does anything.
    bool is_on() const { return keeps_.load(std::memory_order_relaxed); }
    /// Drops it if there is no memory for it.
    void add(RecentEnd end) noexcept;

    using Ends = std::vector<std::shared_ptr<const RecentEnd>>;
    /// Those with after < number < before, the newest first, at most `limit`.
    Ends newest(std::uint64_t after, std::uint64_t before, std::size_t limit) const;

  private:
    using List = std::deque<std::shared_ptr<const RecentEnd>>;  // in the order of their numbers

    mutable std::mutex mutex_;
    List ended_, failed_;
    std::size_t size_ = 0;
    std::uint64_t last_ = 0;
    std::atomic<bool> keeps_{false};  // size_ > 0, to be asked without the lock
};

RecentEnds& recent_ends();

/// How many there were of each reason since the start of the process, zeros too.
using CountsByReason = std::vector<std::pair<std::string_view, std::size_t>>;
CountsByReason ended_by_reason();
CountsByReason failed_by_reason();

}  // namespace inout
