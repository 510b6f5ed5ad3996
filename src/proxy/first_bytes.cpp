#include "proxy/first_bytes.hpp"

#include <algorithm>

#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/net/http_head_io.hpp"
#include "common/wire/websocket_handshake.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {
namespace {

constexpr unsigned kSwitchingProtocols = 101;

/// A ClientHello in its record, by bytes that no frame's header can have: there the sixth belongs
/// to the length and is zero (RFC 8446, 5.1 and 4).
bool is_client_hello(std::string_view first) { return first[0] == 0x16 && first[5] == 1; }

FirstMessage no_message(std::string problem, const Connection& connection) {
    if (connection.has_expired()) problem = "no first message in time";
    return {std::nullopt, std::move(problem)};
}

/// It went without a word, in the clear or over TLS; who breaks the rules of WebSocket has not.
FirstMessage no_word(const std::error_code& error, const Connection& connection) {
    FirstMessage first = no_message(error.message(), connection);
    first.monitor = !connection.has_expired() && error.category() != websocket_category() &&
                    (connection.tls() == nullptr || !connection.tls()->got_too_much());
    return first;
}

/// Whether a first message that begins so is here, or is none: nothing more is waited for.
bool is_whole(std::string_view first) {
    const auto length = frame_body_length(first, kFirstFrameBodyMaxBytes);
    return !length || first.size() >= kFrameHeaderBytes + *length;
}

/// Where we know somebody, but others of the same source fail: their handshakes take turns.
Task<> await_turn(Connection& connection, const Strangers::Stay& stay) {
    Timer pause(connection.executor());
    while (connection.is_open() && !stay.has_turn()) {
        pause.expires_after(kKnownTurn);
        co_await pause.async_wait(use_result);
    }
}

/// Begins TLS when the peer's first record is there whole: a session has 50 kB, and who sends half
/// a ClientHello gets none. The record's own 5 bytes say how long it is (RFC 8446, 5.1).
Task<std::error_code> begin_tls(const Settings& settings, Connection& connection) {
    const std::string_view first = connection.unread();
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(first[i]); };
    const std::size_t size = 5 + std::size_t{byte(3)} * 256 + byte(4);
    // A ticket in it holds the client's certificate.
    const std::size_t size_max =
        settings.config.tls->client_ca.empty() ? kTlsHandshakeMaxBytes : kTlsCertificatesMaxBytes;
    if (size > size_max) co_return std::make_error_code(std::errc::message_size);
    const auto error = co_await connection.read_ahead(size);
    if (!error) connection.secure(settings.tls->session());
    co_return error;
}

/// The handshake with a peer that begins TLS. Nothing: it is done.
Task<std::optional<FirstMessage>> shake_hands(const Settings& settings, Connection& connection,
                                              Strangers::Stay& stay, Deadline& deadline,
                                              Clock::time_point until) {
    if (!settings.tls) co_return no_message("TLS, which is off here", connection);
    if (!stay.may_shake_hands()) co_return FirstMessage{.no_tls = true};
    co_await await_turn(connection, stay);
    deadline.expires_at(std::min(until, Clock::now() + settings.config.tls_timeout));
    const auto error = co_await begin_tls(settings, connection);
    if (error) co_return no_message("TLS: " + error.message(), connection);
    stay.shakes_hands();
    if (co_await connection.handshake()) {
        co_return no_message("TLS: " + connection.tls()->failure(), connection);
    }
    connection.tls()->limit_input(kTlsFirstMessageMaxBytes);
    deadline.expires_at(until);
    co_return std::nullopt;
}

FirstMessage over_http(std::string_view why) {
    return {.message = std::nullopt,
            .problem = "HTTP: " + std::string(why),
            .monitor = why.empty(),
            .was_answered = true};
}

/// Answers a request over HTTP. Nothing: there are frames of WebSocket from now on.
Task<std::optional<FirstMessage>> answer_http(ProxyState& state, const Settings& settings,
                                              const ConnectionPtr& owned,
                                              std::unique_ptr<Strangers::Stay>& stay) {
    Connection& connection = *owned;
    const auto head = co_await read_http_head(connection);
    if (!head && head.error() != std::errc::message_size) {
        co_return no_message("half a request over HTTP", connection);
    }
    if (!head) {
        const std::string refusal = websocket_too_long();
        (void)co_await connection.write_all(refusal);
        co_return over_http("a head that is too long");
    }
    const WebSocketAnswer answer =
        answer_websocket(connection.unread().substr(0, *head), settings.config.websocket);
    connection.take(*head);
    if (co_await connection.write_all(answer.bytes)) {
        co_return no_message("it left during the handshake of WebSocket", connection);
    }
    if (answer.status != kSwitchingProtocols) co_return over_http(answer.why);
    if (connection.tls() != nullptr) connection.tls()->limit_input(std::nullopt);
    connection.become_websocket(WebSocketRole::server);
    if (answer.client && any_contains(settings.config.trusted, connection.peer_address())) {
        connection.speaks_for(to_endpoint({*answer.client, 0}));
        stay.reset();
        auto admitted = state.strangers.admit(owned, settings.config);
        if (!admitted.stay) count_refused(connection, admitted);
        stay = std::move(admitted.stay);
        if (stay) stay->has_spoken();
    }
    co_return std::nullopt;
}

bool is_request(const Settings& settings, const Connection& connection) {
    return settings.config.websocket != kWebSocketOff && is_http_get(connection.unread());
}

}  // namespace

Task<FirstMessage> read_first_message(ProxyState& state, const Settings& settings,
                                      const ConnectionPtr& owned,
                                      std::unique_ptr<Strangers::Stay>& stay,
                                      Clock::time_point until) {
    Connection& connection = *owned;
    Deadline deadline(connection);
    deadline.expires_at(until);
    auto error = co_await connection.read_ahead(kFrameHeaderBytes);
    if (error) co_return no_word(error, connection);
    const bool begins_tls = is_client_hello(connection.unread());
    const bool asks = is_request(settings, connection);
    if (begins_tls || asks || !is_whole(connection.unread())) stay->has_spoken();
    if (begins_tls) {
        auto refused = co_await shake_hands(settings, connection, *stay, deadline, until);
        if (refused) co_return std::move(*refused);
        error = co_await connection.read_ahead(kFrameHeaderBytes);
        if (error) co_return no_word(error, connection);
    }
    if (is_request(settings, connection)) {
        auto refused = co_await answer_http(state, settings, owned, stay);
        if (refused) co_return std::move(*refused);
        if (!stay) co_return FirstMessage{};
        error = co_await connection.read_ahead(kFrameHeaderBytes);
        if (error) co_return no_word(error, connection);
        if (is_client_hello(connection.unread())) {
            refused = co_await shake_hands(settings, connection, *stay, deadline, until);
            if (refused) co_return std::move(*refused);
            error = co_await connection.read_ahead(kFrameHeaderBytes);
            if (error) co_return no_word(error, connection);
        }
    }
    auto message = co_await read_message(connection, kFirstFrameBodyMaxBytes);
    if (!message) co_return no_message(to_string(message.error()), connection);
    if (connection.tls() != nullptr) connection.tls()->limit_input(std::nullopt);
    co_return FirstMessage{std::move(*message)};
}

}  // namespace inout::proxy
