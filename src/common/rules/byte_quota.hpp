// ByteQuota: how many bytes somebody may move, in all or in a calendar month (UTC).
//
// Whoever moves bytes reserves them first and then says how many it were, so that no byte beyond
// the quota is moved, however many streams and threads share it. All bytes are counted in both
// ways, so that another configuration may count in the other one. Thread-safe; time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "common/rules/amount.hpp"

namespace inout {

/// Calendar months of UTC since that of 1970-01.
std::int64_t month_of(std::int64_t unix_ms);
/// When a month begins, in milliseconds since 1970-01-01 00:00 UTC.
std::int64_t begin_of_month(std::int64_t month);

/// Bytes that were moved.
struct BytesUsed {
    std::uint64_t total = 0;
    std::uint64_t in_month = 0;  ///< of this month:
    std::int64_t month = 0;

    bool operator==(const BytesUsed&) const = default;
};

/// What both have used; of the newer month.
BytesUsed sum(const BytesUsed& a, const BytesUsed& b);
/// What has come since `before`.
BytesUsed difference(const BytesUsed& now, const BytesUsed& before);

class ByteQuota {
  public:
    struct Limit {
        std::uint64_t bytes;
        QuotaPer per;

        bool operator==(const Limit&) const = default;
    };
    enum class Event {
        nearly,   ///< nine tenths of it are used
        used_up,  ///< all of it is
        refused,  ///< and somebody wanted to move more, or it is closed
    };
    /// Each event once, until there is a new month or another limit. On the thread of whoever
    /// caused it; may ask this.
    using Tell = std::function<void(Event)>;

    ByteQuota(std::string who, const BytesUsed& used, Tell tell)
        : who_(std::move(who)), tell_(std::move(tell)), used_(used) {}
    ByteQuota(const ByteQuota&) = delete;
    ByteQuota& operator=(const ByteQuota&) = delete;

    /// From now on; nothing: it only counts.
    void set_limit(const std::optional<Limit>& limit);
    /// Nobody knows how much was used: nothing may be moved.
    void set_closed(bool closed);
    /// What was used before, as is known only now.
    void set_used(const BytesUsed& used);

    /// What somebody else has used of it.
    void add_used(const BytesUsed& more);

    struct Reserved {
        std::size_t bytes = 0;    ///< at most what was wanted; 0: others have reserved the rest
        bool is_used_up = false;  ///< or closed: none will be given
    };
    Reserved reserve(std::size_t wanted, std::int64_t unix_ms);
    /// Of what was reserved, so many were moved.
    void settle(std::size_t reserved, std::size_t moved, std::int64_t unix_ms);
    /// These were moved before anybody could ask.
    void charge(std::size_t moved, std::int64_t unix_ms) { settle(0, moved, unix_ms); }
    bool is_used_up(std::int64_t unix_ms);

    struct State {
        std::optional<Limit> limit;
        bool closed = false;
        BytesUsed used;
        /// Of these, what the limit counts.
        std::uint64_t counted = 0;
    };
    State state(std::int64_t unix_ms);
    const std::string& who() const { return who_; }
    /// Why it refuses more, for the log and for who wants more.
    std::string why() const;

  private:
    void enter_month(std::int64_t unix_ms);
    bool is_over() const { return closed_ || (limit_ && counted() >= limit_->bytes); }
    std::uint64_t counted() const {
        return limit_ && limit_->per == QuotaPer::month ? used_.in_month : used_.total;
    }
    bool is_told(Event event);

    const std::string who_;
    const Tell tell_;
    mutable std::mutex mutex_;
    std::optional<Limit> limit_;
    bool closed_ = false;
    BytesUsed used_;
    std::uint64_t reserved_ = 0;
    unsigned told_ = 0;  // one bit for each event
};

}  // namespace inout
