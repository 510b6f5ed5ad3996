#include "common/net/error_watch.hpp"

#include <utility>

namespace inout {

ErrorWatch::ErrorWatch(Connection& connection)
    : watch_(std::make_shared<Watch>(Watch{&connection})) {
    wait(watch_);
}

void ErrorWatch::wait(const std::shared_ptr<Watch>& watch) {
    watch->connection->until_error([watch](std::error_code error) {
        Connection* const connection = watch->connection;
        if (error || connection == nullptr) return;
        if (connection->take_error() != 0) {
            connection->note_reset();
        } else if (!connection->has_exceptional_state()) {
            wait(watch);  // an event from before the wait
        }
    });
}

void ErrorWatch::stop() {
    Connection* const connection = std::exchange(watch_->connection, nullptr);
    if (connection == nullptr) return;
    connection->on_reset({});
    connection->cancel_waits();
}

}  // namespace inout
