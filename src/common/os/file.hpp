// Reading the files that a configuration names: opened once, and what was opened is what is judged
// and read, so that nobody can exchange it in between.
//
// What is secret is read without waiting for longer than a disk needs: a FIFO or a device is
// refused before anything waits for it. For start-up and reload; the failure texts leave the path
// to the caller. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"

namespace inout {

/// Who may read it; nobody but its owner may write what is not public. A symbolic link is followed
/// (Kubernetes mounts its secrets as such): its target is judged.
enum class FileAudience {
    everybody,   ///< a certificate: neither owner nor mode matter
    group,       ///< a TLS key: the group may read it, as distributions arrange it
    owner_only,  ///< a secret: the group may read only what belongs to root (systemd's credentials)
};

/// The content of a regular file of at most `max_bytes`. Refused if it is not public and belongs to
/// somebody else than root or this process's user, or if others may read or write it.
Result<Secret, std::string> read_file(const std::string& path, FileAudience audience,
                                      std::size_t max_bytes);

/// The first `max_bytes` of whatever can be read there, a pipe too: it waits for its end.
Result<std::string, std::error_code> read_up_to(const std::string& path, std::size_t max_bytes);

/// Differs when the file of this name was changed or replaced; empty if there is none.
std::string stamp_of(const char* path);

}  // namespace inout
