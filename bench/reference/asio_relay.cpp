// asio_relay: the raw relay's moves under asio's coroutines and nothing else; three in a row are
// what the event loop that in, proxy and out are built on allows.
//
//   asio_relay LISTEN_PORT TARGET_PORT [BIND_HOST [TARGET_HOST]]       until SIGTERM
//
// One coroutine for each direction. Reads and writes are tried before they are waited for.
#include <asio/impl/src.hpp>

#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <memory>

#include "reference/flow.hpp"

namespace inout::bench {
namespace {

using asio::ip::tcp;
// The concrete executor: a type-erased one would be copied into every wait.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Listener = asio::basic_socket_acceptor<tcp, Executor>;
using Task = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> kAwait;

struct Stream {
    Socket client, target;
    bool failed = false;

    /// The other direction's wait ends with it, and that coroutine too.
    void reset() {
        if (std::exchange(failed, true)) return;
        for (Socket* socket : {&client, &target}) {
            std::error_code ignored;  // of a socket that is going away
            socket->set_option(asio::socket_base::linger(true, 0), ignored);
            socket->close(ignored);
        }
    }
};

/// One direction, to its end. The stream closes with the last of its two directions.
Task relay(std::shared_ptr<Stream> stream, Socket& source, Socket& sink, Tools& tools) try {
    Flow flow(source.native_handle(), sink.native_handle());
    while (!stream->failed) {
        switch (flow.run(tools, false)) {
            case Flow::Next::source_readable:
                co_await source.async_wait(Socket::wait_read, kAwait);
                break;
            case Flow::Next::sink_writable:
                co_await sink.async_wait(Socket::wait_write, kAwait);
                break;
            case Flow::Next::turn: co_await asio::post(source.get_executor(), kAwait); break;
            case Flow::Next::ended: sink.shutdown(Socket::shutdown_send); co_return;
            case Flow::Next::failed: stream->reset(); break;
        }
    }
} catch (const std::system_error&) {
    stream->reset();
}

Task accept_all(asio::io_context& context, const Route& route, Tools& tools) {
    Listener listener(context, tcp::v4(), listen_on(route.listen).release());
    while (true) {
        co_await listener.async_wait(Listener::wait_read, kAwait);
        while (true) {
            UniqueFd client(::accept4(listener.native_handle(), nullptr, nullptr,
                                      SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!client) {
                if (errno == EAGAIN || errno == ECONNABORTED) break;
                fail("accept");
            }
            auto stream = std::make_shared<Stream>(
                Socket(context, tcp::v4(), client.release()),
                Socket(context, tcp::v4(), start_connect(route.target).release()));
            Socket &from = stream->client, &to = stream->target;
            asio::co_spawn(context, relay(stream, from, to, tools), asio::detached);
            asio::co_spawn(context, relay(std::move(stream), to, from, tools), asio::detached);
        }
    }
}

}  // namespace
}  // namespace inout::bench

int main(int argc, char** argv) try {
    using namespace inout::bench;
    prepare_process();
    const Route route = parse_route(argc, argv);
    Tools tools;
    asio::io_context context(1);  // one thread: asio may leave out its locks
    asio::co_spawn(context, accept_all(context, route, tools), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    context.run();
} catch (const std::exception& e) {
    std::fprintf(stderr, "asio_relay: %s\n", e.what());
    return 1;
}
