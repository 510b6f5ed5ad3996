#include "common/net/settle.hpp"

#include <new>
#include <utility>

#include "common/base/log.hpp"
#include "common/os/tcp_info.hpp"

namespace inout {
namespace {

using Settled = StreamFraming::Settled;

Settled settle_now(Connection& connection) {
    StreamFraming& framing = *connection.framing();
    const Settled settled = framing.settle();
    if (settled == Settled::failed && framing.is_broken()) {
        log::limited(log::Level::error, log::Kind::warning, "protocol error", connection.source(),
                     {{"peer", connection.peer()}, {"reason", framing.failure()}});
    }
    return settled;
}

/// One that can not be settled at once. Deletes itself when it is, or never will be. Each wait has
/// one continuation: this, or the timer's.
class Settling final : public Waiter {
  public:
    Settling(ConnectionPtr connection, Once<void(ConnectionPtr)> then)
        : connection_(std::move(connection)),
          then_(std::move(then)),
          until_(Clock::now() + kFarewell),
          timer_(connection_->executor()) {
        // After a clean end only room is waited for, as long as the peer takes its time.
        if (connection_->framing()->has_peer_ended()) until_ = Clock::time_point::max();
    }

    void go_on() {
        try {
            const Settled settled = settle_now(*connection_);
            if (settled == Settled::waits_for_input) {
                wait(&Connection::wait_for_input);
            } else if (settled == Settled::waits_for_room) {
                wait(&Connection::wait_for_output);
            } else if (settled == Settled::failed) {
                give_up();
            } else {
                if (settled == Settled::ended) {
                    connection_->close_clean();
                } else {
                    then_(std::move(connection_));
                }
                delete this;
            }
        } catch (const std::bad_alloc&) {
            // The stream that might have followed is lost, and its connection with it.
            delete this;
        }
    }

    void ready(std::error_code error) override {
        timer_.cancel();
        if (error) {
            give_up();
        } else {
            go_on();
        }
    }
    void abandon() override { delete this; }

  private:
    void wait(void (Connection::*begin)(Waiter&)) {
        if (until_ != Clock::time_point::max()) {
            timer_.expires_at(until_);
            timer_.async_wait([this, here = std::weak_ptr(here_)](std::error_code error) {
                // One that was already queued when this went, or went on, does nothing.
                if (error || here.expired() || Clock::now() < timer_.expiry()) return;
                connection_->cancel_waits();
            });
        }
        ((*connection_).*begin)(*this);
    }

    /// An RST purges what has not arrived, and that may be what came before the stream's end.
    void give_up() {
        const auto now = Clock::now();
        if (flush_until_ == Clock::time_point()) flush_until_ = now + kResetFlush;
        if (!connection_->is_open() || now >= flush_until_ ||
            sample_tcp(connection_->fd()).all_acknowledged()) {
            delete this;
            return;
        }
        timer_.expires_after(kCloseInterval);
        timer_.async_wait([this](std::error_code) { give_up(); });
    }

    ConnectionPtr connection_;
    Once<void(ConnectionPtr)> then_;
    Clock::time_point until_, flush_until_{};
    Timer timer_;
    const std::shared_ptr<char> here_ = std::make_shared<char>();
    Counted counted_{counters().opening};  // a drain waits for it
};

}  // namespace

void settle(ConnectionPtr connection, Wanted wanted, Once<void(ConnectionPtr)> then) {
    connection->uncover_framing();
    if (wanted == Wanted::no) connection->framing()->end_instead_of_free();
    // Mostly it needs no wait, and so nothing that waits.
    const Settled settled = settle_now(*connection);
    if (settled == Settled::done) {
        then(std::move(connection));
    } else if (settled == Settled::ended) {
        connection->close_clean();
    } else {
        (new Settling(std::move(connection), std::move(then)))->go_on();
    }
}

}  // namespace inout
