// The process as the kernel has it. Main thread, at the start.
#pragma once

namespace inout {

/// Opens /dev/null for each of the descriptors 0 to 2 that is closed: the next file or connection
/// would get its number, and what is written to stderr would go there.
void open_standard_descriptors();

/// No core file, and no other process of our user may look into our memory (PR_SET_DUMPABLE,
/// prctl(2)): there are secrets in it.
void forbid_dumps();

}  // namespace inout
