// How many descriptors the process may have, and how they are shared out. Any thread.
#pragma once

#include <cstddef>
#include <optional>

#include "common/os/unique_fd.hpp"

namespace inout {

/// RLIMIT_NOFILE's soft limit as it is now; the daemon raises it at start (getrlimit(2)).
std::size_t descriptor_limit();

/// Raises the soft limit to the hard one; what it is then.
std::size_t raise_descriptor_limit();

/// Of `limit` descriptors those that connections of streams may have: without the reserve, what the
/// process itself needs on `threads` workers, the share of pipes, and `fixed` ones that always stay
/// (listeners, control connections). At least one stream's.
std::size_t descriptors_for_streams(std::size_t limit, std::size_t threads, std::size_t fixed);

/// Another descriptor of the same thing. Nothing, and errno.
UniqueFd copy_of(int descriptor);

/// How many are open now; nothing: the system does not tell.
std::optional<std::size_t> open_descriptors();

}  // namespace inout
