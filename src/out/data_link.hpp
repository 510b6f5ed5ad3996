// One data connection of out: parks at the proxy, waits for a stream, dials the backend, and hands
// both connections to the relay. On one worker; its frame owns both connections until the relay has
// them.
#pragma once

#include "common/app/worker.hpp"
#include "common/net/dial_queue.hpp"
#include "out/registration.hpp"

namespace inout::out {

/// `what`: a stream if a client waits for it at the proxy.
Task<> data_link(Worker& worker, std::shared_ptr<Registration> registration,
                 std::shared_ptr<DataLinks::Link> link, DialFor what);

}  // namespace inout::out
