#include "common/open/websocket_dial.hpp"

#include "common/base/utf8.hpp"
#include "common/net/http_head_io.hpp"
#include "common/wire/http_fields.hpp"
#include "common/wire/websocket_handshake.hpp"

namespace inout {
namespace {

/// The head of the answer is in unread(). Its size; nothing, and `why`: there is none.
Task<std::optional<std::size_t>> read_answer(Connection& connection, std::string& why) {
    const auto size = co_await read_http_head(connection);
    if (size) co_return *size;
    const std::string said = visible(connection.unread().substr(0, kSeenMaxBytes));
    if (size.error() == std::errc::message_size) {
        why = "answers with a head of more than " + std::to_string(kHttpHeadMaxBytes) + " bytes";
    } else if (connection.has_expired()) {
        why = "gives no answer in time";
    } else if (said.empty()) {
        why = "ends the connection without an answer: " + size.error().message();
    } else {
        why = "is no web server; it says: " + said;
    }
    co_return std::nullopt;
}

}  // namespace

Task<std::optional<std::string>> open_websocket(Connection& connection, const WebSocketUrl& url,
                                                TlsClient* tls) {
    const std::string place = url.text() + ": the web server ";
    if (tls != nullptr) {
        connection.secure(tls->session());
        if (co_await connection.handshake()) {
            const TlsSession& session = *connection.tls();
            if (!session.seen().empty()) co_return place + "speaks no TLS (ws:// instead?)";
            co_return url.text() + ": TLS of the web server: " +
                (connection.has_expired() ? "no answer in time" : session.failure());
        }
    }
    const std::string key = new_websocket_key();
    const std::string request = websocket_request(url, key);
    if (const auto error = co_await connection.write_all(request)) {
        co_return place + "ends the connection: " + error.message();
    }
    std::string why;
    const auto size = co_await read_answer(connection, why);
    if (!size) co_return place + why;
    if (const auto refusal = websocket_refusal(connection.unread().substr(0, *size), key)) {
        co_return place + *refusal;
    }
    connection.take(*size);
    connection.become_websocket(WebSocketRole::client);
    co_return std::nullopt;
}

}  // namespace inout
