// From a stream to its backend: the chosen one is dialled or, if it refuses, can not be found or is
// silent, another one. Nothing was sent to any before that, so no byte can reach two. On the
// stream's worker.
#pragma once

#include <optional>
#include <string>

#include "common/net/dial.hpp"
#include "out/backends.hpp"
#include "out/network.hpp"

namespace inout::out {

/// Where a stream has got to.
struct Reached {
    BackendUse use{};                  ///< the last one that was dialled
    ConnectionPtr connection{};        ///< nothing: it was in vain
    std::optional<DialError> error{};  ///< why
    unsigned tries = 0;

    void take(Result<ConnectionPtr, DialError> dialled) {
        if (dialled) {
            connection = std::move(*dialled);
            error.reset();
        } else {
            error = std::move(dialled.error());
        }
    }
};

/// Dials one of several, all of it within `timeout`. `source`: the client's address. Those that
/// failed rest.
Task<Reached> dial_one_of(Executor executor, std::shared_ptr<Backends> backends, std::string source,
                          Milliseconds timeout);

/// Dials the backend that a network's template makes of this topic.
Task<Reached> dial_made_of(Executor executor, std::shared_ptr<const Network> network,
                           std::string topic);

/// How a connection to a backend begins, in a network that tells its backends whose it is: for the
/// client at `source`, as a proxy says it; empty: for nobody that is known, as a health check is.
std::string proxy_header(ProxyProtocol version, std::string_view source, const Connection& backend);

/// A backend as an address, or as a UNIX socket. `address` must outlive the call: await it in the
/// same expression.
inline Task<Result<ConnectionPtr, DialError>> dial(const Executor& executor,
                                                   const BackendAddress& address,
                                                   Milliseconds timeout) {
    if (!address.unix_path.empty()) return dial_unix(executor, address.unix_path, timeout);
    return inout::dial(executor, address.host, DialOrder::in_turn, timeout);
}

}  // namespace inout::out
