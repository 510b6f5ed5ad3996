#include "common/relay/relay.hpp"

#include "common/base/log.hpp"
#include "common/relay/stream_relay.hpp"

namespace inout {

void RelayDirection::ready(std::error_code error) { relay.resume(*this, error); }
void RelayDirection::abandon() { relay.release(); }
void RestingDirection::ready(std::error_code error) {
    const std::unique_ptr<RestingDirection> over(this);
    relay.go_on_resting(direction, error);
}
void RestingDirection::abandon() {
    const std::unique_ptr<RestingDirection> over(this);
    relay.release();
}
void RelaySide::ready(std::error_code error) { relay.met_error(*this, error); }
void RelaySide::abandon() { relay.release(); }

RelaySet::RelaySet(asio::io_context& context, const RelayOptions& options)
    : context_(context),
      options_(options),
      buffer_(std::make_unique_for_overwrite<char[]>(kCopyBytes)),
      sweep_timer_(context),
      close_timer_(context) {}

void RelaySet::start(OpenStream stream) {
    // What needs memory comes first: nothing may know a relay that was not made.
    const bool is_stream = stream.entry.is_stream();
    auto relay = std::make_unique<Relay>(*this, std::move(stream));
    if (!sweeping_) sweep_later();
    relays_.insert(relay.get());
    if (is_stream) {
        counters().streams.add();
        counters().streams_total.add();
    }
    relay.release()->start();
}

void RelaySet::reset_all(const StreamEnd& why) {
    while (!relays_.empty()) (*relays_.begin())->reset(why);  // leaves the set
}

void RelaySet::reset_here(StreamRecord& stream, const StreamEnd& why) {
    if (stream.relay != nullptr) {
        stream.relay->reset(why);
    } else {
        stream.told = std::make_unique<const StreamEnd>(why);
    }
}

void RelaySet::sweep_later() {
    sweeping_ = false;  // if there is no memory for it, the next stream tries again
    sweep_timer_.expires_after(kSweepInterval);
    sweep_timer_.async_wait([this](std::error_code error) {
        if (!error) sweep();
    });
    sweeping_ = true;
}

void RelaySet::sweep() {
    sweep_later();  // before what may run out of memory
    const auto now = Clock::now();
    // A relay that fails here may leave the set at once.
    const std::vector<Relay*> all(relays_.begin(), relays_.end());
    for (Relay* relay : all) {
        if (relays_.contains(relay)) relay->sweep(now);
    }
    pipes_.trim();
    if (relays_.empty() && !pipes_.has_idle()) {
        sweeping_ = false;
        sweep_timer_.cancel();
    }
}

void RelaySet::close_later(Relay& relay) {
    closing_.insert(&relay);
    if (close_pending_) return;
    close_pending_ = true;
    close_timer_.expires_after(kCloseInterval);
    close_timer_.async_wait([this](std::error_code error) {
        if (error) return;
        close_pending_ = false;
        const auto now = Clock::now();
        const std::vector<Relay*> all(closing_.begin(), closing_.end());
        for (Relay* each : all) {
            if (closing_.contains(each) && !each->close_tick(now)) closing_.erase(each);
        }
        if (!closing_.empty()) close_later(**closing_.begin());
    });
}

}  // namespace inout
