#include "common/relay/recent_ends.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "common/base/wall_clock.hpp"

namespace inout {

RecentEnds& recent_ends() {
    static RecentEnds all;
    return all;
}

CountsByReason ended_by_reason() {
    CountsByReason all;
    for (std::size_t i = 0; i < StreamEnd::kCauses; ++i) {
        all.emplace_back(to_string(static_cast<StreamEnd::Cause>(i)), counters().ended[i].load());
    }
    return all;
}

CountsByReason failed_by_reason() {
    CountsByReason all;
    for (std::size_t i = 0; i < kCodes; ++i) {
        const auto code = static_cast<Code>(i);
        if (code != Code::none) all.emplace_back(to_string(code), counters().failed[i].load());
    }
    return all;
}

void RecentEnds::keep(std::size_t size) noexcept {
    const auto cut = [size](List& list, List& dropped) {
        if (size == 0) list.swap(dropped);
        while (list.size() > size) list.pop_front();
    };
    List dropped_ended, dropped_failed;  // freed behind the lock
    const std::lock_guard lock(mutex_);
    size_ = size;
    keeps_.store(size > 0, std::memory_order_relaxed);
    cut(ended_, dropped_ended);
    cut(failed_, dropped_failed);
}

void RecentEnds::add(RecentEnd end) noexcept try {
    if (!is_on()) return;
    end.ended = Clock::now();
    end.ended_ms = unix_time_ms();
    const auto entry = std::make_shared<RecentEnd>(std::move(end));
    std::shared_ptr<const RecentEnd> oldest;  // freed behind the lock
    const std::lock_guard lock(mutex_);
    if (size_ == 0) return;
    List& list = entry->opened ? ended_ : failed_;
    entry->number = last_ + 1;
    list.push_back(entry);
    ++last_;
    if (list.size() <= size_) return;
    oldest = std::move(list.front());
    list.pop_front();
} catch (const std::bad_alloc&) {
}

RecentEnds::Ends RecentEnds::newest(std::uint64_t after, std::uint64_t before,
                                    std::size_t limit) const {
    Ends found;
    const std::lock_guard lock(mutex_);
    const auto behind_last = [before](const List& list) {
        return std::partition_point(list.begin(), list.end(),
                                    [before](const auto& end) { return end->number < before; });
    };
    auto ended = behind_last(ended_), failed = behind_last(failed_);
    found.reserve(std::min(limit, ended_.size() + failed_.size()));
    while (found.size() < limit) {
        const bool any_ended = ended != ended_.begin(), any_failed = failed != failed_.begin();
        if (!any_ended && !any_failed) break;
        const bool takes_ended = any_ended && (!any_failed || (*std::prev(ended))->number >
                                                                  (*std::prev(failed))->number);
        const auto& next = takes_ended ? *--ended : *--failed;
        if (next->number <= after) break;
        found.push_back(next);
    }
    return found;
}

}  // namespace inout
