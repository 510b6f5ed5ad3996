// The program `in`: its command line, its configuration, its service. Called once, by main(). On
// the main thread.
#pragma once

namespace inout::in {

/// The exit code: 0, 1 (can not start, can not go on), or 2 (a mistake in the command line or the
/// configuration); with --stdio as run_stdio().
int run(int argc, char** argv);

}  // namespace inout::in
