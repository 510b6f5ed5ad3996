#include "common/relay/direction_limit.hpp"

#include <algorithm>
#include <utility>

#include "common/base/limits.hpp"
#include "common/base/wall_clock.hpp"

namespace inout {

DirectionLimit::DirectionLimit(const Executor& executor, Waiter& direction, Pump& pump,
                               RateLimiters rates, Quotas quotas)
    : Waiting(executor),
      direction_(direction),
      pump_(pump),
      rates_(std::move(rates)),
      quotas_(std::move(quotas)) {
    grants_.reserve(rates_.size());
    // One that waits would keep a pipe.
    if (!rates_.empty()) pump_.only_copy();
    const std::size_t early = moved_in_all();
    if (early == 0) return;
    for (const auto& rate : rates_) rate->charge(early);
    for (const auto& quota : quotas_) quota->charge(early, unix_time_ms());
}

DirectionLimit::~DirectionLimit() { stop(); }

std::optional<Pump::Step> DirectionLimit::run(const Pump::Tools& tools, ByteLayer& source,
                                              ByteLayer& sink) {
    Pump::Step step = pump_.run(tools, source, sink, 0);  // what it holds, and nothing more
    if (step != Pump::Step::yield) return step;
    if (source.is_drained() && !pump_.holds_pipe()) return Pump::Step::wait_readable;
    if (!take_turn()) return std::nullopt;
    const std::size_t turn = grants_.empty() ? std::size_t{kTurnBytes}
                                             : *std::min_element(grants_.begin(), grants_.end());
    const std::size_t reserved = reserve(turn);
    if (reserved == 0) {
        give_back(0);
        // What is reserved elsewhere may be free in a moment.
        return used_up_ != nullptr ? std::nullopt : std::optional(step);
    }
    const std::size_t before = moved_in_all();
    std::size_t moved = 0;
    try {
        while (step == Pump::Step::yield && moved < reserved) {
            const std::size_t left = reserved - moved;
            const std::size_t room = std::min(left + sink.record_overhead(), tools.buffer.size());
            // A turn of nothing more than one read, which is no larger than what is left.
            step = pump_.run({tools.pipes, tools.buffer.first(room), left}, source, sink, 1);
            moved = moved_in_all() - before;
        }
    } catch (...) {
        settle(reserved, moved);
        give_back(moved);
        throw;
    }
    settle(reserved, moved);
    give_back(moved);
    return step;
}

/// Asks the rates one after the other. False: it waits for one of them.
bool DirectionLimit::take_turn() {
    while (grants_.size() < rates_.size()) {
        const auto bytes = rates_[grants_.size()]->take(*this);
        if (!bytes) {
            waits_ = true;
            return false;
        }
        grants_.push_back(*bytes);
    }
    return true;
}

void DirectionLimit::granted(std::size_t bytes) {
    waits_ = false;
    grants_.push_back(bytes);
    if (stopped_) give_back(0);
    direction_.ready({});
}

void DirectionLimit::abandon() {
    waits_ = false;
    direction_.abandon();
}

/// What all quotas have left for it, at most `wanted`.
std::size_t DirectionLimit::reserve(std::size_t wanted) {
    for (std::size_t i = 0; i < quotas_.size(); ++i) {
        const auto reserved = quotas_[i]->reserve(wanted, unix_time_ms());
        if (reserved.is_used_up) used_up_ = quotas_[i].get();
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            quotas_[earlier]->settle(wanted - reserved.bytes, 0, unix_time_ms());
        }
        wanted = reserved.bytes;
    }
    return wanted;
}

void DirectionLimit::settle(std::size_t reserved, std::size_t moved) {
    for (const auto& quota : quotas_) quota->settle(reserved, moved, unix_time_ms());
}

/// Of its grants, all but what was moved.
void DirectionLimit::give_back(std::size_t moved) {
    for (std::size_t i = 0; i < grants_.size(); ++i) {
        rates_[i]->give_back(grants_[i] - std::min(grants_[i], moved));
    }
    grants_.clear();
}

bool DirectionLimit::stop() {
    stopped_ = true;
    const bool was_waiting = waits_ && rates_[grants_.size()]->leave(*this);
    if (was_waiting) waits_ = false;
    if (!waits_) give_back(0);
    return was_waiting;
}

void DirectionLimit::serve() {
    if (waits_) rates_[grants_.size()]->serve();
}

}  // namespace inout
