#include "common/net/frame_io.hpp"

#include "common/net/deadline.hpp"

namespace inout {
namespace {

ReadError to_read_error(std::error_code error) {
    return {error == asio::error::eof ? ReadError::Kind::ended : ReadError::Kind::failed, error};
}

}  // namespace

std::string to_string(const ReadError& error) {
    switch (error.kind) {
        case ReadError::Kind::ended: return "connection ended";
        case ReadError::Kind::failed: return error.cause.message();
        case ReadError::Kind::malformed: return "malformed message";
        case ReadError::Kind::unknown_type: return "unknown message type";
    }
    return {};
}

Task<Result<Message, ReadError>> read_message(Connection& connection, std::size_t max_body_bytes,
                                              std::optional<FrameHeader> header) {
    if (!header) {
        const auto error =
            co_await connection.read_exactly(header.emplace(), Connection::Expect::later);
        if (error) co_return Failure{to_read_error(error)};
    }
    const auto length = frame_body_length(*header, max_body_bytes);
    if (!length) co_return Failure{ReadError{ReadError::Kind::malformed, {}}};
    std::string body(*length, '\0');
    if (const auto error = co_await connection.read_exactly(body, Connection::Expect::now)) {
        co_return Failure{to_read_error(error)};
    }
    auto message = decode(body);
    if (message) co_return std::move(*message);
    const bool malformed = message.error() == DecodeError::malformed;
    co_return Failure{
        ReadError{malformed ? ReadError::Kind::malformed : ReadError::Kind::unknown_type, {}}};
}

Task<std::error_code> write_message(Connection& connection, const Message& message) {
    const std::string frame = encode(message);
    co_return co_await connection.write_all(frame);
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
