// Networks of in that dial one another's listeners in a circle: a client would be dialled round and
// round until no descriptor is left. Found before anything is bound. Looks names up; any
// thread.
#pragma once

#include "common/config/types.hpp"

namespace inout::in {

/// One problem for each circle. A network may dial the listener of another one (a proxy behind a
/// tunnel), as long as that leads out of this program in the end.
ConfigProblems find_dial_circles(const InConfig& config);

}  // namespace inout::in
