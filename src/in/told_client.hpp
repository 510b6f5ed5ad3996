// Who may be a client: judged when it comes or, behind a balancer that says whose connection it is
// (InNetwork::proxy_protocol), when that has said so. Everybody who is refused gets an RST. Keeps
// nothing; each session runs on the worker of its client.
#pragma once

#include <memory>
#include <string_view>

#include "common/app/worker.hpp"
#include "common/rules/quota.hpp"
#include "in/network.hpp"
#include "in/tries.hpp"

namespace inout::in {

/// Why one was closed that has not said in time what it must (Unheard).
inline constexpr std::string_view kMadeRoom = "made room for a newer one";

/// Counts and logs it; the RST comes when the connection goes out of scope. Any thread.
void say_refused(const Connection& client, const Network& network, std::string_view reason);

/// Whether it has to say first whose connection it is. Any thread.
bool speaks_for_others(const Network& network, const Connection& client);

/// Whether its address may have one more stream, for which `place` is taken; said if not. Any
/// thread.
bool is_let_in(const Network& network, const Connection& client, Quota& streams_of_client,
               std::unique_ptr<Quota::Place>& place);

/// A client_session or, where clients say what they want, a named_client_session.
Task<> session_of(Worker& worker, std::shared_ptr<const Network> network, ConnectionPtr client,
                  ClientPlaces places);

/// Has it say so, within 10 s, and goes on as that client's session_of(). Until then
/// it has its places, and gives them up to a newer one if there are no others, so that no crowd of
/// silent ones takes those of others. On the worker that the client was given to;
/// `streams_of_client` outlives it.
Task<> told_client_session(Worker& worker, std::shared_ptr<const Network> network,
                           ConnectionPtr client, ClientPlaces places, Quota& streams_of_client);

}  // namespace inout::in
