#include "common/net/control_channel.hpp"

#include <cerrno>
#include <new>

#include "common/base/random.hpp"

namespace inout {

ControlChannel::ControlChannel(ConnectionPtr connection)
    : connection_(std::move(connection)),
      reader_(*connection_, kFrameBodyMaxBytes),
      heartbeat_(Milliseconds::zero(), Milliseconds::max() / 2, Clock::time_point{}, 0),
      timer_(connection_->executor()) {}

void ControlChannel::send(const Message& message) {
    if (!connection_->is_open() || send_error_) return;
    outbox_ += encode(message);
    if (outbox_.size() > kOutboxMaxBytes) {
        overflowed_ = true;
        close();
    } else if (!flushing_) {
        flush();
    }
}

void ControlChannel::flush() {
    while (!outbox_.empty() && connection_->is_open()) {
        const ssize_t n = connection_->send(outbox_);
        if (n >= 0) {
            outbox_.erase(0, static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            connection_->until_output([self = shared_from_this()](std::error_code error) {
                self->flushing_ = false;
                if (!error) self->or_close(&ControlChannel::flush);
            });
            flushing_ = true;
            return;
        } else if (errno != EINTR) {
            send_error_ = connection_->last_error();
            outbox_.clear();
            end_soon();
        }
    }
}

Task<Result<Message, ReadError>> ControlChannel::receive() {
    connection_->charge(Turn::kMessage);
    auto message = co_await reader_.next();
    if (message) {
        heartbeat_.received(Clock::now());
    } else {
        close();
        // The kernel tells an error once: after that the end looks like a clean one.
        if (send_error_ && !message.error().is_garbage()) {
            co_return Failure{ReadError{ReadError::Kind::failed, send_error_}};
        }
    }
    co_return message;
}

void ControlChannel::start_heartbeat(Milliseconds ping_interval, Milliseconds timeout) {
    heartbeat_ = Heartbeat(ping_interval, timeout, Clock::now(), random_unit());
    beat();
}

void ControlChannel::learn_heartbeat(Milliseconds least) {
    heartbeat_ = Heartbeat::learning(least, Clock::now());
    beat();
}

std::string ControlChannel::why(const ReadError& error) const {
    if (timed_out_) return "no heartbeat";
    if (overflowed_) return "the other side does not read";
    if (send_error_ && error.cause == send_error_) return "sending failed: " + to_string(error);
    return to_string(error);
}

/// What the peer said is read, then it is over: its end mostly follows at once.
void ControlChannel::end_soon() {
    timer_.expires_after(kFarewell);  // instead of the next beat
    timer_.async_wait([self = shared_from_this()](std::error_code error) {
        if (!error) self->close();
    });
}

void ControlChannel::beat() {
    const Heartbeat::Step step = heartbeat_.step(Clock::now(), random_unit());
    if (step.action == Heartbeat::Action::dead) {
        timed_out_ = true;
        close();
    }
    if (!connection_->is_open()) return;
    if (step.action == Heartbeat::Action::ping) send(Ping{});
    if (send_error_) return;
    timer_.expires_at(step.next);
    timer_.async_wait([self = shared_from_this()](std::error_code error) {
        if (!error) self->or_close(&ControlChannel::beat);
    });
}

void ControlChannel::or_close(void (ControlChannel::*step)()) {
    try {
        (this->*step)();
    } catch (const std::bad_alloc&) {
        close();  // without its heartbeat it would live for ever
    }
}

void ControlChannel::close() {
    connection_->close();
    timer_.cancel();
}

}  // namespace inout
