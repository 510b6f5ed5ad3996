// in --stdio: one stream between the standard streams and a topic, and then the end of the process.
//
// For whoever starts a program instead of dialling, as ssh's ProxyCommand. No listener, no admin
// listener, no spare connections, no reload: one worker on the main thread, and two threads that
// read stdin and write stdout (os/standard_streams), whose socket is the stream's client. Called
// once, by the program's main, on the main thread.
#pragma once

#include <memory>

#include "common/config/types.hpp"

namespace inout::in {

/// `config` has one network. The exit code (docs/recipes.md, "Without a port"): 0: both directions
/// have ended, and all has arrived; 1: it can not run; 2: a mistake in the configuration's files;
/// 3: the stream could not be opened; 4: it was cut off; 128 and the number of a signal, which is
/// SIGPIPE if nobody reads stdout. Of all but 0 and signals stderr has said why.
int run_stdio(std::shared_ptr<const InConfig> config);

}  // namespace inout::in
