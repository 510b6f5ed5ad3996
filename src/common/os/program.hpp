// The program that this process runs, so that it can be started once more, and what was put into
// its environment by who started it. Main thread, but for what says otherwise.
#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace inout {

/// As it was started. A relative path stays right when the folder changes; a name without one is
/// this process's own file.
struct ProgramCall {
    std::string path;
    std::vector<std::string> arguments;  ///< with the name in front
};
/// At the start.
ProgramCall program_call(int argc, const char* const* argv);

/// Starts it beside this process, with its environment and no signal blocked, and `given` as one of
/// its descriptors, which the variable kGivenDescriptor names. Its process number in `pid`. Any
/// thread, while nobody changes the environment.
std::error_code start_program(const ProgramCall& call, const UniqueFd& given, int& pid);
inline constexpr const char* kGivenDescriptor = "INOUT_UPGRADE";
/// The descriptor that start_program() has given us; asked once, at the start.
UniqueFd take_given_descriptor();

/// Ends a process that start_program() has made, at once. Any thread, as the next one.
void kill_program(int pid);
/// From now on nobody asks how those that we have started end.
void forget_programs();

}  // namespace inout
