#include "common/open/look.hpp"

#include "common/net/deadline.hpp"
#include "common/net/websocket_layer.hpp"
#include "common/open/introduction.hpp"
#include "common/open/proxy_words.hpp"

namespace inout {
namespace {

/// What no older proxy does where it does not understand the question: an alert, or frames of a
/// WebSocket that are none. A mere end may be all its answer.
bool breaks_below(const std::error_code& error) {
    return error.category() == websocket_category() ||
           (error.category() == tls_category() && !is_tls_cut(error));
}

std::pair<Look::What, std::string> judge_look(const Heard& heard, const Connection& connection,
                                              const HostPort& server) {
    const auto& answer = heard.answer;
    const bool secured = connection.tls() != nullptr;
    if (connection.has_expired()) return {Look::What::unreachable, why_silent(server)};
    if (!answer && (answer.error().is_garbage() || breaks_below(answer.error().cause))) {
        return {Look::What::unreachable, why_no_answer(answer.error(), server, secured)};
    }
    if (!answer) {
        return {Look::What::ended, heard.write_error
                                       ? heard.write_error.message()
                                       : why_no_answer(answer.error(), server, secured)};
    }
    const Response* response = heard.response_to(kIntroduction);
    if (response == nullptr) {
        return {Look::What::unreachable,
                "what answers at " + to_string(server) + " is no inout proxy"};
    }
    if (!response->ext) return {Look::What::older, response->message};
    // A limit of spare connections only.
    if (response->ok() || response->code == Code::limit) return {Look::What::reached, {}};
    return {Look::What::refused, response->message};
}

}  // namespace

Task<Look> look_at(const ProxyLink& proxy_link, ConnectionPtr owned, Milliseconds timeout,
                   bool probe) {
    Connection& connection = *owned;
    Deadline deadline(connection);
    deadline.expires_after(timeout);
    const auto heard = co_await introduce(proxy_link, connection, probe);
    auto [what, reason] = judge_look(heard, connection, proxy_link.server());
    Look look{.what = what, .reason = std::move(reason), .connection = {}};
    if (const Response* response = heard.response_to(kIntroduction)) look.response = *response;
    deadline.cancel();
    look.is_spare = what == Look::What::reached && look.response.ok() && !heard.write_error;
    look.connection = std::move(owned);
    co_return look;
}

}  // namespace inout
