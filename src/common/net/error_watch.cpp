#include "common/net/error_watch.hpp"

namespace inout {

ErrorWatch::ErrorWatch(Connection& connection)
    : watch_(std::make_shared<Watch>(Watch{.connection = &connection})) {
    wait(watch_);
}

void ErrorWatch::wait(const std::shared_ptr<Watch>& watch) {
    watch->connection->socket().async_wait(Socket::wait_error, [watch](std::error_code error) {
        if (error || watch->connection == nullptr) return;
        if (watch->connection->take_error() != 0) {
            fire(*watch);
        } else if (!watch->connection->has_exceptional_state()) {
            wait(watch);  // an event from before the wait
        }
    });
}

void ErrorWatch::fire(Watch& watch) {
    watch.fired = true;
    if (watch.dependent != nullptr) watch.dependent->close();
}

void ErrorWatch::closes(Connection* dependent) {
    watch_->dependent = dependent;
    if (watch_->fired && dependent != nullptr) dependent->close();
}

void ErrorWatch::stop() {
    if (watch_->connection == nullptr) return;
    std::error_code ignored;
    if (watch_->connection->is_open()) watch_->connection->socket().cancel(ignored);
    watch_->connection = nullptr;
}

}  // namespace inout
