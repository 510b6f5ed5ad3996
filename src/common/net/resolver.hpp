// Names to addresses, without ever stalling other work.
//
// One look-up at a time per name, all names side by side; who waits has a deadline and may leave.
// Look-ups run on a thread of their own (name_server), so that reading a file on a slow disk stalls
// no stream. What is known of a name is kept (name_table). One instance per process, any thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/host_port.hpp"
#include "common/net/asio.hpp"
#include "common/net/service_records.hpp"

namespace inout {

struct Resolved {
    std::vector<Endpoint> endpoints;  ///< empty: see error
    std::string error;                ///< what the resolver said
};

/// Makes the resolver's thread; later it is made by the first name. Throws std::system_error if
/// there can be none.
void start_resolver();

/// All addresses of `target`, at most kAddressesMax. Literal addresses need no look-up. `target`
/// must outlive the call: await it in the same expression.
Task<Resolved> resolve(Executor executor, const HostPort& target, Clock::time_point deadline);

/// The same, blocking: only where a configuration is prepared. Any thread but a running worker's.
Resolved resolve_now(const HostPort& target, Milliseconds timeout);

/// Where a service is; the failure is what the resolver said. Nothing is kept. `name` must outlive
/// the call.
Task<Result<ServiceRecords, std::string>> resolve_service(Executor executor,
                                                          const std::string& name,
                                                          Clock::time_point deadline);
/// The same, blocking, as resolve_now.
Result<ServiceRecords, std::string> resolve_service_now(const std::string& name,
                                                        Milliseconds timeout);

}  // namespace inout
