#include "common/net/error_watch.hpp"

namespace inout {

ErrorWatch::ErrorWatch(Connection& connection)
    : watch_(std::make_shared<Watch>(Watch{.connection = &connection})) {
    wait(watch_);
}

void ErrorWatch::wait(const std::shared_ptr<Watch>& watch) {
    watch->connection->until_error([watch](std::error_code error) {
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
    if (watch.act) watch.act();
}

void ErrorWatch::closes(Connection* dependent) {
    calls(dependent == nullptr ? std::function<void()>() : [dependent] { dependent->close(); });
}

void ErrorWatch::calls(std::function<void()> act) {
    watch_->act = std::move(act);
    if (watch_->fired && watch_->act) watch_->act();
}

void ErrorWatch::stop() {
    if (watch_->connection == nullptr) return;
    watch_->connection->cancel_waits();
    watch_->connection = nullptr;
}

}  // namespace inout
