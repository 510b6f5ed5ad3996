#include "common/net/close_soon.hpp"

#include "common/wire/message.hpp"

namespace inout {

ConnectionPtr lend(ConnectionPtr connection) {
    Connection* const borrowed = connection.get();
    // Weak handles keep the function, and must not keep the connection with it.
    return {borrowed, [owner = std::move(connection)](Connection*) mutable { owner.reset(); }};
}

namespace {

/// To whatever may be on its way: it names no request.
void say_that_nothing_was_begun(Connection& connection) {
    const Message goodbye = Response{.magic = "0",
                                     .request = "none",
                                     .message = "this connection has ended",
                                     .ext = true,
                                     .code = Code::limit,
                                     .retry = true};
    connection.send(encode(goodbye));
}

}  // namespace

void close_idle(Connection& connection, Use use) {
    if (use == Use::once || !connection.is_open()) {
        connection.close();
        return;
    }
    if (use == Use::on_request) say_that_nothing_was_begun(connection);
    connection.shut_send();  // over TLS that is more than the FIN
    connection.close_clean();
}

void close_soon(const Executor& executor, std::weak_ptr<Connection> connection, CloseIf condition,
                Use use) {
    asio::post(executor, [connection = std::move(connection), condition, use] {
        // Only here: the last handle must not end on another thread.
        const ConnectionPtr there = connection.lock();
        if (!there || !there->is_open()) return;
        if (condition == CloseIf::nothing_has_come && there->has_input()) return;
        close_idle(*there, use);
    });
}

}  // namespace inout
