#include "in/first_look.hpp"

#include "common/base/log.hpp"
#include "common/net/deadline.hpp"
#include "common/open/proxy_words.hpp"
#include "in/introduction.hpp"

namespace inout::in {
namespace {

void warn(Server& server, std::string_view event, const std::string& reason) {
    server.lost();
    log::warning(event, {{"server", to_string(server.proxy_link().server())}, {"reason", reason}});
}

/// A proxy of 0.0.1, or of our first release, knows no spare connections: it ends this one, as many
/// other services would.
void say_unknown(const Server& server, const std::string& reason) {
    log::info(
        "proxy not known",
        {{"server", to_string(server.proxy_link().server())},
         {"reason", "it can not be asked, as a proxy of an older version, or is none: " + reason}});
}

void say_reached(Server& server, const Response& response, bool secured) {
    const ProxyLink& proxy_link = server.proxy_link();
    log::info("proxy reached",
              {{"server", to_string(proxy_link.server())},
               {"tls", secured ? "yes" : "no"},
               {"identity", response.identity.empty() ? "not told" : response.identity}});
    if (proxy_link.has_key() && response.identity == "anonymous") {
        log::warning("not recognised", {{"server", to_string(proxy_link.server())},
                                        {"reason", std::string(kNotRecognised)}});
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
        co_return;
    }
    const ConnectionPtr owned = std::move(*dialled);
    Connection& connection = *owned;
    const bool secured = connection.tls() != nullptr;
    Deadline deadline(connection);
    deadline.expires_after(connect_timeout);
    const auto heard = co_await introduce(proxy_link, connection);
    const auto& answer = heard.answer;
    const Response* response = heard.response_to(kIntroduction);
    if (connection.has_expired()) {
        warn(server, "proxy unreachable", why_silent(proxy_link.server()));
    } else if (!answer && answer.error().is_garbage()) {
        warn(server, "proxy unreachable",
             why_no_answer(answer.error(), proxy_link.server(), secured));
    } else if (!answer) {
        say_unknown(server, heard.write_error
                                ? heard.write_error.message()
                                : why_no_answer(answer.error(), proxy_link.server(), secured));
    } else if (response == nullptr) {
        warn(server, "proxy unreachable",
             "what answers at " + to_string(proxy_link.server()) + " is no inout proxy");
    } else if (!response->ext) {
        say_unknown(server, response->message);
    } else if (response->ok() || response->code == Code::limit) {
        say_reached(server, *response, secured);  // with a limit only for spare connections
    } else {
        warn(server, "proxy refuses", response->message);
    }
    deadline.cancel();
    co_await say_farewell(connection);
}

}  // namespace inout::in
