#include "out/backend_question.hpp"

#include <algorithm>

#include "common/net/deadline.hpp"
#include "out/exit.hpp"

namespace inout::out {
namespace {

/// What a backend that was asked still says is read and forgotten, so far and for so long: its end
/// of the connection shall be a clean one.
constexpr std::size_t kFarewellBytes = 65'536;
constexpr Milliseconds kFarewellTime{500};
constexpr std::size_t kShownBytes = 60;

/// Ends our side and waits for the backend's end: to one that is about to say something an RST
/// would be an error.
Task<> part_from(Connection& connection) {
    Deadline deadline(connection, Use::again);  // with FIN too
    deadline.expires_after(kFarewellTime);
    connection.shut_send();
    std::size_t read = 0;
    while (read < kFarewellBytes) {
        const std::size_t there = connection.unread().size();
        read += there;
        connection.take(there);
        const auto error = co_await connection.read_ahead(1);
        if (error) break;
    }
    deadline.cancel();
    connection.close_clean();
}

/// Whether this is the beginning of what is expected, or begins with it.
bool fits(std::string_view said, std::string_view expected) {
    const std::size_t common = std::min(said.size(), expected.size());
    return said.substr(0, common) == expected.substr(0, common);
}

std::string other_words(std::string_view said) {
    const std::string_view line = said.substr(0, std::min(said.find_first_of("\r\n"), said.size()));
    return "said \"" + std::string(line.substr(0, kShownBytes)) + "\", which is not expected";
}

Task<std::optional<std::string>> listen(Connection& connection, const std::string& expected) {
    while (true) {
        const std::string_view said = connection.unread();
        if (!fits(said, expected)) co_return other_words(said);
        if (said.size() >= expected.size()) co_return std::nullopt;
        const auto error = co_await connection.read_ahead(said.size() + 1);
        if (!error) continue;
        if (connection.has_expired()) co_return "did not say what is expected in time";
        co_return "ended before it said what is expected: " + error.message();
    }
}

Task<std::optional<Reason>> ask_made_of(Executor executor, std::shared_ptr<const Network> network,
                                        std::string topic) {
    auto dialling = dial_made_of(executor, std::move(network), std::move(topic));
    const auto reached = co_await std::move(dialling);
    if (!reached.connection) {
        co_return Reason{code_of(reached.error->kind), reached.error->detail};
    }
    co_await part_from(*reached.connection);
    co_return std::nullopt;
}

}  // namespace

Task<std::optional<Reason>> ask_backend(Executor executor, std::shared_ptr<Backends> backends,
                                        std::size_t index, Milliseconds timeout, Dialled dialled) {
    const auto until = Clock::now() + timeout;
    auto there = co_await dial(executor, backends->at(index)->address, timeout);
    if (!there) co_return Reason{code_of(there.error().kind), std::move(there.error().detail)};
    const ConnectionPtr connection = std::move(*there);
    const bool goes_on = dialled(connection);
    if (const auto version = backends->proxy_protocol(); version != ProxyProtocol::off) {
        const std::string header = proxy_header(version, {}, *connection);
        co_await connection->write_all(header);  // if it fails, what follows does
    }
    std::optional<Reason> failure;
    if (goes_on && backends->health() && !backends->health()->expect.empty()) {
        Deadline deadline(*connection, Use::again);
        deadline.expires_at(until);
        auto words = co_await listen(*connection, backends->health()->expect);
        // It is there, and takes no streams.
        if (words) failure = Reason{Code::unready, std::move(*words)};
    }
    if (connection->is_open()) co_await part_from(*connection);
    co_return std::move(failure);
}

Task<std::optional<Reason>> ask_backends(Executor executor, std::shared_ptr<const Network> network,
                                         std::string topic, Milliseconds timeout) {
    if (network->config.backend_template) {
        auto asked = ask_made_of(executor, std::move(network), std::move(topic));
        auto made = co_await std::move(asked);
        co_return std::move(made);
    }
    if (network->config.exit) co_return std::nullopt;  // each client says which one
    const auto until = Clock::now() + timeout;
    const std::shared_ptr<Backends> backends = network->backends;
    std::optional<Reason> first;
    for (std::size_t i = 0; i < backends->size(); ++i) {
        const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now());
        if (left <= Milliseconds{0}) break;
        // A silent one leaves time for the others.
        const auto share = left / static_cast<long>(std::min<std::size_t>(backends->size() - i, 3));
        Dialled any = [](const ConnectionPtr&) { return true; };
        auto asked = ask_backend(executor, backends, i, share, std::move(any));
        auto failure = co_await std::move(asked);
        if (!failure) co_return std::nullopt;
        failure->detail = "backend " + backends->at(i)->name + ": " + failure->detail;
        if (!first) first = std::move(failure);
    }
    co_return std::move(first);
}

}  // namespace inout::out
