// A moment in which no worker does anything.
//
// A new process has copies of all descriptors until it is another program. What a worker closes
// meanwhile is still open there, so epoll goes on telling of it (epoll(7), "Will closing a file
// descriptor cause it to be removed from all epoll interest lists?"), and whoever watched it may be
// gone.
#pragma once

#include <functional>

#include "common/app/worker.hpp"

namespace inout {

/// Calls `what`, which must be quick, while every worker waits between two handlers. False: one did
/// not come to wait in time, and nothing was called. Not on the thread of a worker.
bool while_workers_stand_still(Workers& workers, const std::function<void()>& what);

}  // namespace inout
