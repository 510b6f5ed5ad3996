#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "proxy/proxy_service.hpp"
#include "proxy/sessions.hpp"

namespace inout {
namespace {

log::RateLimit bad_first_messages;

void count_refused(const std::string& peer, const std::string& reason) {
    counters().refused_total.fetch_add(1, std::memory_order_relaxed);
    const auto held_back = bad_first_messages.pass();
    if (held_back < 0) return;
    log::warning("first message refused",
                 {{"peer", peer}, {"reason", reason}, {"held_back", held_back}});
}

/// What every first message has, and no other; nothing for others.
const std::string* version_of(const Message& message) {
    return std::visit(
        [](const auto& m) -> const std::string* {
            if constexpr (requires { m.version; }) return &m.version;
            return nullptr;
        },
        message);
}

/// Empty for a message that has none.
std::string magic_of(const Message& message) {
    return std::visit(
        [](const auto& m) -> std::string {
            if constexpr (requires { m.magic; }) return m.magic;
            return {};
        },
        message);
}

/// Reads the first message, or says why there is none.
Task<std::optional<Message>> read_first_message(ProxyState& state, Connection& connection) {
    const Counted handshake(state.handshakes);
    Deadline deadline(connection);
    deadline.expires_after(state.config.handshake_timeout);
    const std::string peer = connection.peer();
    auto received = co_await read_message(connection, kFirstFrameBodyMaxBytes);
    if (received) co_return std::move(*received);
    count_refused(peer,
                  deadline.expired() ? "no first message in time" : to_string(received.error()));
    co_return std::nullopt;
}

/// A spare connection of an in: answers, and waits for its request. Nothing: it was refused, or
/// ended without one.
Task<std::optional<Message>> keep_warm(ProxyState& state, Worker& worker, Connection& connection,
                                       InWarmRequest request) {
    const auto place = state.draining ? nullptr : state.warm.add(worker.executor());
    Response answer{.magic = std::move(request.magic),
                    .request = "InWarmRequest",
                    .ext = true,
                    .warm = kWarmKept};
    if (!place) {
        answer.code = state.draining ? Code::draining : Code::limit;
        answer.message = "no spare connection is taken now";
        answer.warm = std::nullopt;
        co_await refuse(std::move(connection), std::move(answer));
        co_return std::nullopt;
    }
    const Counted counted(counters().warm);
    const std::string peer = connection.peer();
    place->connection = &connection;
    Deadline deadline(connection);
    deadline.expires_after(kWarmKept);
    const Message message = std::move(answer);
    // A fresh connection's buffer takes one small frame at once; there is nothing to wait for.
    const auto write_error = co_await write_message(connection, message);
    auto received = co_await read_message(connection, kFirstFrameBodyMaxBytes);
    place->connection = nullptr;
    state.warm.remove(place);
    if (write_error || !received) {
        if (!received && received.error().is_garbage()) {
            count_refused(peer, to_string(received.error()));
        }
        co_return std::nullopt;
    }
    const auto* in = std::get_if<InRequest>(&*received);
    if (in == nullptr || in->version != kVersion) {
        count_refused(peer, "misplaced message on a spare connection");
        co_return std::nullopt;
    }
    co_return std::move(*received);
}

}  // namespace

Task<> first_message_session(ProxyState& state, Worker& worker, Connection connection) {
    auto message = co_await read_first_message(state, connection);
    if (!message) co_return;
    const std::string* version = version_of(*message);
    if (version == nullptr) {
        count_refused(connection.peer(), "misplaced first message");
        // The words of the original, which its programs may look for.
        Response answer{.magic = "invalid tp",
                        .request = "invalid tp",
                        .message = "not a first message",
                        .ext = true,
                        .code = Code::malformed};
        co_await refuse(std::move(connection), std::move(answer));
        co_return;
    }
    if (*version != kVersion) {
        count_refused(connection.peer(), "version");
        Response answer{.magic = magic_of(*message),
                        .request = std::string(type_name(*message)),
                        .message = "this proxy speaks version " + std::string(kVersion),
                        .ext = true,
                        .code = Code::version};
        co_await refuse(std::move(connection), std::move(answer));
        co_return;
    }
    if (auto* warm = std::get_if<InWarmRequest>(&*message)) {
        message = co_await keep_warm(state, worker, connection, std::move(*warm));
        if (!message) co_return;
    }
    if (auto* out = std::get_if<OutRequest>(&*message)) {
        co_await control_session(state, std::move(connection), std::move(*out));
    } else if (auto* data = std::get_if<OutDataRequest>(&*message)) {
        co_await data_session(state, worker, std::move(connection), std::move(*data));
    } else {
        auto& in = std::get<InRequest>(*message);
        co_await pairing_session(state, worker, std::move(connection), std::move(in));
    }
}

}  // namespace inout
