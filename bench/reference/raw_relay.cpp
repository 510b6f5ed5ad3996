// raw_relay: the least that a one-threaded relay in user space can do; three in a row are the limit
// that in, proxy and out are measured against.
//
//   raw_relay LISTEN_PORT TARGET_PORT [BIND_HOST [TARGET_HOST]]        until SIGTERM
//
// Edge-triggered epoll, each socket registered once; reads and writes are tried before they are
// waited for. Every byte and every end arrives; an RST on one side is an RST on the other, without
// waiting for what came before it.
#include <sys/epoll.h>

#include <cstdio>
#include <memory>

#include "reference/flow.hpp"

namespace inout::bench {
namespace {

constexpr int kEventsPerTurn = 256;

struct Stream {
    /// One of its two sockets, as epoll knows it.
    struct Side {
        Stream& stream;
        UniqueFd fd;
        bool ending = false;  // its FIN has arrived
    };
    struct Half {
        Side &source, &sink;
        Flow flow{source.fd.get(), sink.fd.get()};
        bool blocked = false;  // by the sink
        bool done = false;
        bool queued = false;
    };

    Stream(UniqueFd from, UniqueFd to)
        : client{*this, std::move(from)}, target{*this, std::move(to)} {}

    bool closed() const { return !client.fd; }

    Side client, target;
    Half up{client, target}, down{target, client};
};

class Relay {
  public:
    explicit Relay(const Route& route) : target_(route.target), listener_(listen_on(route.listen)) {
        watch(listener_.get(), EPOLLIN, nullptr);
    }

    [[noreturn]] void run() {
        while (true) {
            epoll_event events[kEventsPerTurn];
            const int timeout_ms = turns_.empty() ? -1 : 0;
            const int count = ::epoll_wait(epoll_.get(), events, kEventsPerTurn, timeout_ms);
            if (count < 0 && errno != EINTR) fail("epoll_wait");
            for (int i = 0; i < count; ++i) {
                if (events[i].data.ptr == nullptr) {
                    accept_all();
                } else {
                    react(*static_cast<Stream::Side*>(events[i].data.ptr), events[i].events);
                }
            }
            for (auto& [stream, half] : std::exchange(turns_, {})) {
                half->queued = false;
                advance(*stream, *half);
            }
            // Not sooner: an event or a turn of this round may have named them.
            if (!closed_.empty()) {
                std::erase_if(turns_, [](const auto& turn) { return turn.first->closed(); });
                closed_.clear();
            }
        }
    }

  private:
    void watch(int fd, std::uint32_t what, Stream::Side* side) {
        epoll_event event{.events = what, .data = {.ptr = side}};
        check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }

    void accept_all() {
        while (true) {
            UniqueFd client(
                ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!client) {
                if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
                fail("accept");
            }
            auto* stream = new Stream(std::move(client), start_connect(target_));
            for (Stream::Side* side : {&stream->client, &stream->target}) {
                watch(side->fd.get(), kAll, side);
            }
            advance(*stream, stream->up);
        }
    }

    void react(Stream::Side& side, std::uint32_t events) {
        Stream& stream = side.stream;
        if (stream.closed()) return;
        if (events & EPOLLERR) return reset(stream);
        if (events & (EPOLLRDHUP | EPOLLHUP)) side.ending = true;
        const bool is_client = &side == &stream.client;
        Stream::Half& from = is_client ? stream.up : stream.down;
        Stream::Half& towards = is_client ? stream.down : stream.up;
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP) && !from.blocked) advance(stream, from);
        if (events & EPOLLOUT && towards.blocked) advance(stream, towards);
    }

    void advance(Stream& stream, Stream::Half& half) {
        if (stream.closed() || half.done) return;
        const Flow::Next next = half.flow.run(tools_, half.source.ending);
        half.blocked = next == Flow::Next::sink_writable;
        switch (next) {
            case Flow::Next::source_readable:
            case Flow::Next::sink_writable: return;
            case Flow::Next::turn:
                if (!std::exchange(half.queued, true)) turns_.emplace_back(&stream, &half);
                return;
            case Flow::Next::ended:
                half.done = true;
                if (stream.up.done && stream.down.done) return close(stream);
                if (::shutdown(half.sink.fd.get(), SHUT_WR) != 0) reset(stream);
                return;
            case Flow::Next::failed: return reset(stream);
        }
    }

    void reset(Stream& stream) {
        if (stream.closed()) return;
        close_with_reset(stream.target.fd);
        close_with_reset(stream.client.fd);
        closed_.emplace_back(&stream);
    }

    void close(Stream& stream) {
        stream.target.fd.reset();
        stream.client.fd.reset();
        closed_.emplace_back(&stream);
    }

    static constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

    sockaddr_in target_;
    UniqueFd listener_;
    UniqueFd epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    Tools tools_;
    std::vector<std::pair<Stream*, Stream::Half*>> turns_;  // have more to move
    std::vector<std::unique_ptr<Stream>> closed_;           // since the round began
};

}  // namespace
}  // namespace inout::bench

int main(int argc, char** argv) try {
    using namespace inout::bench;
    prepare_process();
    Relay(parse_route(argc, argv)).run();
} catch (const std::exception& e) {
    std::fprintf(stderr, "raw_relay: %s\n", e.what());
    return 1;
}
