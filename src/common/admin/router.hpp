// Which answer belongs to which path. Asks its source, and changes nothing. Any thread, as its
// source.
#pragma once

#include "common/admin/answer.hpp"
#include "common/admin/facts.hpp"
#include "common/admin/history.hpp"
#include "common/admin/request.hpp"

namespace inout::admin {

/// Whether the answer needs a look at all streams, which takes its time where there are many.
bool asks_for_streams(const Request& request);

/// To a request that may be answered, and is no action.
Answer answer(const Request& request, Source& source, const History& history);

}  // namespace inout::admin
