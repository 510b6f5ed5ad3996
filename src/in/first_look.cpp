#include "in/first_look.hpp"

#include "common/base/log.hpp"
#include "common/net/frame_io.hpp"
#include "in/probe.hpp"

namespace inout::in {
namespace {

void warn(Server& server, std::string_view event, const std::string& reason) {
    log::warning(event, {{"server", *server.name()}, {"reason", reason}});
}

/// A proxy of 0.0.1, or of our first release, knows no spare connections: it ends this one, as many
/// other services would.
void say_unknown(const Server& server, const std::string& reason) {
    log::info(
        "proxy not known",
        {{"server", *server.name()},
         {"reason", "it can not be asked, as a proxy of an older version, or is none: " + reason}});
}

void say_reached(Server& server, const Response& response, bool secured) {
    log::info("proxy reached",
              {{"server", *server.name()},
               {"tls", secured ? "yes" : "no"},
               {"identity", response.identity.empty() ? "not told" : response.identity}});
    if (server.proxy_link().has_key() && response.identity == "anonymous") {
        log::warning("not recognised",
                     {{"server", *server.name()}, {"reason", std::string(kNotRecognised)}});
    }
}

void say(Server& server, const Look& look) {
    switch (look.what) {
        case Look::What::reached:
            say_reached(server, look.response, look.connection->tls() != nullptr);
            break;
        case Look::What::older:
        case Look::What::ended: say_unknown(server, look.reason); break;
        case Look::What::refused: warn(server, "proxy refuses", look.reason); break;
        case Look::What::unreachable: warn(server, "proxy unreachable", look.reason); break;
    }
}

}  // namespace

Task<> first_look(Worker& worker, Milliseconds connect_timeout, std::shared_ptr<Server> shared,
                  Milliseconds delay) {
    Server& server = *shared;
    Timer pause(worker.context());
    pause.expires_after(delay);
    co_await pause.async_wait(use_result);
    const ProxyLink& proxy_link = server.proxy_link();
    auto dialled = co_await proxy_link.dial(worker.executor(), connect_timeout, DialFor::spare,
                                            connect_timeout);
    if (!dialled) {
        warn(server, "proxy unreachable", dialled.error().detail);
        server.lost();
        co_return;
    }
    const Look look = co_await look_at(proxy_link, std::move(*dialled), connect_timeout);
    say(server, look);
    note(server, look.what);
    co_await say_farewell(*look.connection);
}

}  // namespace inout::in
