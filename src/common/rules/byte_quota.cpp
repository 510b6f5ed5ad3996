#include "common/rules/byte_quota.hpp"

#include <algorithm>
#include <chrono>

#include "common/base/limits.hpp"

namespace inout {

std::int64_t month_of(std::int64_t unix_ms) {
    const std::chrono::sys_time<Milliseconds> time{Milliseconds(unix_ms)};
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
    return (std::int64_t{int{day.year()}} - 1970) * 12 + unsigned{day.month()} - 1;
}

std::int64_t begin_of_month(std::int64_t month) {
    const std::chrono::year_month first(std::chrono::year(1970), std::chrono::January);
    const std::chrono::sys_days day = (first + std::chrono::months(month)) / 1;
    return std::chrono::duration_cast<Milliseconds>(day.time_since_epoch()).count();
}

BytesUsed sum(const BytesUsed& a, const BytesUsed& b) {
    const BytesUsed& newer = a.month < b.month ? b : a;
    BytesUsed all{.total = a.total + b.total, .in_month = newer.in_month, .month = newer.month};
    if (a.month == b.month) all.in_month += b.in_month;
    return all;
}

BytesUsed difference(const BytesUsed& now, const BytesUsed& before) {
    BytesUsed more = now;
    more.total -= std::min(before.total, now.total);
    if (now.month == before.month) more.in_month -= std::min(before.in_month, now.in_month);
    return more;
}

/// A clock that is set back gives no month twice.
void ByteQuota::enter_month(std::int64_t unix_ms) {
    const std::int64_t month = month_of(unix_ms);
    if (month <= used_.month) return;
    used_.month = month;
    used_.in_month = 0;
    if (limit_ && limit_->per == QuotaPer::month) told_ = 0;
}

void ByteQuota::set_limit(const std::optional<Limit>& limit) {
    const std::lock_guard lock(mutex_);
    if (limit_ == limit) return;
    limit_ = limit;
    told_ = 0;
}

void ByteQuota::set_closed(bool closed) {
    const std::lock_guard lock(mutex_);
    if (closed_ == closed) return;
    closed_ = closed;
    told_ = 0;
}

void ByteQuota::set_used(const BytesUsed& used) {
    const std::lock_guard lock(mutex_);
    used_ = used;
    told_ = 0;
}

void ByteQuota::add_used(const BytesUsed& more) {
    const std::lock_guard lock(mutex_);
    used_ = sum(used_, more);
}

ByteQuota::Reserved ByteQuota::reserve(std::size_t wanted, std::int64_t unix_ms) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        enter_month(unix_ms);
        if (!is_over()) {
            std::size_t bytes = wanted;
            if (limit_) {
                const std::uint64_t left = limit_->bytes - counted();
                bytes = std::min<std::uint64_t>(wanted, left - std::min(left, reserved_));
            }
            reserved_ += bytes;
            return {.bytes = bytes};
        }
        first = !is_told(Event::refused);
    }
    if (first) tell_(Event::refused);
    return {.is_used_up = true};
}

void ByteQuota::settle(std::size_t reserved, std::size_t moved, std::int64_t unix_ms) {
    bool is_nearly = false, is_used_up = false;
    {
        const std::lock_guard lock(mutex_);
        enter_month(unix_ms);
        reserved_ -= reserved;
        used_.total += moved;
        used_.in_month += moved;
        if (!limit_) return;
        const std::uint64_t left = limit_->bytes - std::min(counted(), limit_->bytes);
        is_nearly = left <= limit_->bytes / 10 && !is_told(Event::nearly);
        is_used_up = left == 0 && !is_told(Event::used_up);
    }
    if (is_nearly && !is_used_up) tell_(Event::nearly);
    if (is_used_up) tell_(Event::used_up);
}

bool ByteQuota::is_used_up(std::int64_t unix_ms) {
    const std::lock_guard lock(mutex_);
    enter_month(unix_ms);
    return is_over();
}

ByteQuota::State ByteQuota::state(std::int64_t unix_ms) {
    const std::lock_guard lock(mutex_);
    enter_month(unix_ms);
    return {.limit = limit_, .closed = closed_, .used = used_, .counted = counted()};
}

std::string ByteQuota::why() const {
    const std::lock_guard lock(mutex_);
    return closed_ ? "the quota of " + who_ + " is closed: auth.quota_file of the proxy is damaged"
                   : "quota of " + who_ + " is used up";
}

/// It is from now on.
bool ByteQuota::is_told(Event event) {
    const unsigned bit = 1U << static_cast<unsigned>(event);
    const bool told = (told_ & bit) != 0;
    told_ |= bit;
    return told;
}

}  // namespace inout
