#include "in/probe.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/net/frame_io.hpp"

namespace inout::in {
namespace {

using What = Look::What;

/// Between two looks at a server that streams wait for.
constexpr Milliseconds kLooksApart{1'000};

/// However a look ends.
class SuspicionEnds {
  public:
    explicit SuspicionEnds(std::weak_ptr<Server> server) : server_(std::move(server)) {}
    SuspicionEnds(const SuspicionEnds&) = delete;
    SuspicionEnds& operator=(const SuspicionEnds&) = delete;
    ~SuspicionEnds() {
        if (const auto server = server_.lock()) server->end_suspicion();
    }

  private:
    const std::weak_ptr<Server> server_;
};

Task<> ask_again(Worker& main, Server& server) {
    const ProxyLink& proxy_link = server.proxy_link();
    const Milliseconds timeout = server.dialling().connect_timeout;
    auto dialled = co_await proxy_link.dial(main.executor(), timeout, DialFor::spare, timeout);
    if (!dialled) {
        log::debug("server still away",
                   {{"server", *server.name()}, {"reason", dialled.error().detail}});
        server.lost();
        co_return;
    }
    const Look look = co_await look_at(proxy_link, std::move(*dialled), timeout);
    if (!note(server, look.what)) {
        log::debug("server still away", {{"server", *server.name()}, {"reason", look.reason}});
    }
    co_await say_farewell(*look.connection);
}

}  // namespace

ConnectionPtr take_spare(Look look) {
    if (look.response.reuse) {
        look.connection->frame(StreamFraming::Role::requester);
        look.connection->framing()->nonce = look.response.nonce;
    }
    return std::move(look.connection);
}

bool note(Server& server, What what) {
    switch (what) {
        case What::reached: server.took_introduction(); return true;
        case What::older: server.is_older(); return true;
        case What::ended:
            if (server.ended_introduction()) return true;
            break;
        case What::refused:
        case What::unreachable: break;
    }
    server.lost();
    return false;
}

Task<> probe(Worker& main, std::weak_ptr<Server> weak) {
    Timer pause(main.context());
    while (true) {
        {
            const auto server = weak.lock();
            if (!server || !server->is_to_be_probed()) co_return;
            const Clock::duration rest =
                std::max(server->rests_until() - Clock::now(), Clock::duration::zero());
            const auto later =
                std::chrono::duration_cast<Clock::duration>(rest * random_unit() / 4);
            pause.expires_after(rest + later);
        }
        co_await pause.async_wait(use_result);
        const auto server = weak.lock();
        if (!server) co_return;
        if (server->is_lost() && !server->is_closed()) co_await ask_again(main, *server);
    }
}

Task<> look_once(Worker& main, std::weak_ptr<Server> weak) {
    const SuspicionEnds at_the_end(weak);
    Timer pause(main.context());
    pause.expires_after(kLooksApart);
    if (const auto server = weak.lock()) co_await ask_again(main, *server);
    co_await pause.async_wait(use_result);
}

}  // namespace inout::in
