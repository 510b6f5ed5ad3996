#include "common/net/close_soon.hpp"

namespace inout {

ConnectionPtr lend(ConnectionPtr connection) {
    Connection* const borrowed = connection.get();
    return {borrowed, [owner = std::move(connection)](Connection*) {}};
}

void close_soon(const Executor& executor, std::weak_ptr<Connection> connection, CloseIf condition) {
    asio::post(executor, [connection = std::move(connection), condition] {
        // Only here: the last handle must not end on another thread.
        const ConnectionPtr there = connection.lock();
        if (!there || !there->is_open()) return;
        if (condition == CloseIf::nothing_has_come && there->has_input()) return;
        there->close();
    });
}

}  // namespace inout
