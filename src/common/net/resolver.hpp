// Names to addresses, without ever stalling other work.
//
// getaddrinfo can not be cancelled and may hang for as long as resolv.conf says, so look-ups run on
// a few threads of their own, one at a time per name; who waits has a deadline. The last good
// addresses of a name are kept: fresh ones (kResolveFresh) save the look-up, old ones serve while
// the name does not resolve. One instance per process, any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/asio.hpp"
#include "common/protocol/host_port.hpp"

namespace inout {

struct Resolved {
    std::vector<Endpoint> endpoints;  ///< empty: see error
    std::string error;                ///< what the resolver said
};

/// All addresses of `target`, at most kAddressesMax. Literal addresses need no look-up.
Task<Resolved> resolve(Executor executor, const HostPort& target, Clock::time_point deadline);

}  // namespace inout
