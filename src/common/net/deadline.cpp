#include "common/net/deadline.hpp"

namespace inout {

Deadline::Deadline(Connection& connection, Use use)
    : watch_(std::make_shared<Watch>(connection, use)) {}

Deadline::~Deadline() { cancel(); }

void Deadline::expires_at(Clock::time_point when) {
    watch_->timer.expires_at(when);
    watch_->timer.async_wait([watch = watch_](std::error_code error) {
        // An expiry that was already queued when the deadline moved or went away does nothing.
        if (error || watch->target == nullptr || Clock::now() < watch->timer.expiry()) return;
        close_idle(*watch->target, watch->use);
        watch->target->expire();
    });
}

void Deadline::cancel() {
    watch_->target = nullptr;
    watch_->timer.cancel();
}

}  // namespace inout
