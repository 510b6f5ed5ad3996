#include "common/net/frame_io.hpp"

#include <algorithm>
#include <array>

#include "common/net/deadline.hpp"

namespace inout {
namespace {

ReadError to_read_error(std::error_code error) {
    return {error == asio::error::eof ? ReadError::Kind::ended : ReadError::Kind::failed, error};
}

/// What is there instead of a message: bytes of which the first were read already.
ReadError malformed(const Connection& connection, std::string seen = {}) {
    seen += connection.unread().substr(0, kSeenMaxBytes);
    seen.resize(std::min(seen.size(), kSeenMaxBytes));
    return {ReadError::Kind::malformed, {}, std::move(seen)};
}

Result<Message, ReadError> to_message(std::string_view body) {
    auto message = decode(body);
    if (message) return std::move(*message);
    if (message.error() == DecodeError::unknown_type) {
        return Failure{ReadError{ReadError::Kind::unknown_type, {}}};
    }
    return Failure{
        ReadError{ReadError::Kind::malformed, {}, std::string(body.substr(0, kSeenMaxBytes))}};
}

}  // namespace

std::string to_string(const ReadError& error) {
    switch (error.kind) {
        case ReadError::Kind::ended: return "connection ended";
        case ReadError::Kind::failed: return error.cause.message();
        case ReadError::Kind::malformed:
            return error.seen.empty() ? "malformed message" : "not a message: " + error.seen;
        case ReadError::Kind::unknown_type: return "unknown message type";
    }
    return {};
}

Task<Result<Message, ReadError>> read_message(Connection& connection, std::size_t max_body_bytes) {
    auto error = co_await connection.read_ahead(kFrameHeaderBytes);
    if (error) co_return Failure{to_read_error(error)};
    const auto length = frame_body_length(connection.unread(), max_body_bytes);
    if (!length) co_return Failure{malformed(connection)};
    const std::size_t size = kFrameHeaderBytes + *length;
    if (connection.unread().size() < size) {
        error = co_await connection.read_ahead(size);
        if (error) co_return Failure{to_read_error(error)};
    }
    auto message = to_message(connection.unread().substr(kFrameHeaderBytes, *length));
    connection.take(size);
    co_return message;
}

Task<Result<Message, ReadError>> MessageReader::next() {
    while (true) {
        switch (frames_.next()) {
            case FrameReader::State::body: co_return to_message(frames_.body());
            case FrameReader::State::garbage:
                co_return Failure{malformed(connection_, std::string(frames_.unread()))};
            case FrameReader::State::incomplete: break;
        }
        const std::size_t wanted = frames_.wanted();
        const auto error = co_await connection_.read_ahead(wanted);
        if (error) co_return Failure{to_read_error(error)};
        frames_.add(connection_.unread().substr(0, wanted));
        connection_.take(wanted);
    }
}

Task<std::error_code> write_message(Connection& connection, const Message& message) {
    const std::string frame = encode(message);
    co_return co_await connection.write_all(frame);
}

Task<> say_farewell(Connection& connection) {
    if (!connection.is_open()) co_return;
    // A peer that does not even read its answer gets a mere FIN.
    const auto* const framing = connection.framing();
    const bool in_frames = framing != nullptr && framing->is_in_stream();
    if (connection.shut_send() != 0 || (in_frames && connection.framing()->end_below() != 0)) {
        connection.wire().shut_send();
    }
    // Its Close frame leaves room for the other direction, which is not wanted any more.
    if (connection.is_websocket()) connection.wire().shut_send();
    Deadline deadline(connection);
    deadline.expires_after(kFarewell);
    std::size_t left = kFarewellMaxBytes;
    while (left > 0) {
        char buffer[512];  // small: it lives in the coroutine's frame
        const ssize_t n = connection.wire().read(buffer);
        if (n > 0) {
            left -= std::min(left, static_cast<std::size_t>(n));
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) break;
        const auto [error] = co_await connection.until_wire_input(use_result);
        if (error) break;
    }
    connection.close_clean();
}

Task<> refuse(Connection& connection, Response answer) {
    Deadline deadline(connection);
    deadline.expires_after(kFarewell);
    const Message message = std::move(answer);
    const auto error = co_await write_message(connection, message);
    deadline.cancel();
    if (!error) co_await say_farewell(connection);
}

}  // namespace inout
