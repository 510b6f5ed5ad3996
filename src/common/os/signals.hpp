// The process's signals: which are ignored, and those that are taken through a descriptor, so that
// no handler interrupts anything. Main thread; take_signal() on the thread that reads.
#pragma once

#include <vector>

#include "common/os/unique_fd.hpp"

namespace inout {

/// Ignores the signals that would end a program and mean nothing to it, or nothing yet: one that is
/// blocked is kept for a signalfd(2) all the same (docs/configuration.md, "Signals").
void ignore_meaningless_signals();

/// Blocks these on this thread and on those that it makes, and gives a non-blocking descriptor that
/// is readable when one has come (signalfd(2)).
UniqueFd signals_as_descriptor(const std::vector<int>& numbers);
/// The next signal that has come to that; 0: none is there.
int take_signal(int descriptor);

}  // namespace inout
