// The first look of in at a proxy: whether it is there, trusts us, and lets us in, said in one line
// before a client has to find out. No stream is opened: a spare connection is asked for and given
// back. On the main worker.
#pragma once

#include "common/app/worker.hpp"
#include "in/server.hpp"

namespace inout::in {

/// Begins after `delay`. Runs on `worker`'s thread; ends within connect_timeout twice.
Task<> first_look(Worker& worker, Milliseconds connect_timeout, std::shared_ptr<Server> server,
                  Milliseconds delay);

}  // namespace inout::in
