// One data connection of out: parks at the proxy, waits for a stream, dials the backend, and hands
// both connections to the relay.
#pragma once

#include "common/app/worker.hpp"
#include "out/registration.hpp"

namespace inout {

Task<> data_link(Worker& worker, std::shared_ptr<Registration> registration,
                 std::shared_ptr<DataLinks::Link> link);

}  // namespace inout
