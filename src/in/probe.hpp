// Whether a proxy works, asked without a stream: who we are is said, and what comes back is judged.
// That a connection can be made says little: an nginx takes it whose proxy is dead. On the worker
// of the connection.
#pragma once

#include "common/open/look.hpp"
#include "in/server.hpp"

namespace inout::in {

/// The connection of one that is_spare, as a spare connection is.
ConnectionPtr take_spare(Look look);

/// Keeps in mind what a look has found. Whether it may be that streams are opened there.
bool note(Server& server, Look::What what);

/// Asks a server that is lost, each time that its rest ends and a chance part of a quarter of that
/// later, lest a crowd does so at once: until it is there again, closed or gone. On the main
/// worker.
Task<> probe(Worker& main, std::weak_ptr<Server> server);

/// Asks a server that may be there or not, once, and a second later ends its suspicion. On the main
/// worker.
Task<> look_once(Worker& main, std::weak_ptr<Server> server);

}  // namespace inout::in
