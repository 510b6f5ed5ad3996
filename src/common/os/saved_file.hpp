// A file of our own that is always whole: written beside the old one, which it then replaces.
//
// Blocks for as long as the disk takes. Any thread; one at a time for a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

/// Writes it so that after a crash the old content or this one is there, on disk when it returns
/// (rename(2), fsync(2)); readable by its owner only (0600). What is wrong, and nothing was
/// changed.
std::optional<std::string> save_file(const std::string& path, std::string_view text);

/// Waits until no other process has this for a file in the same folder, and has it until it is
/// closed (flock(2)). Nothing, and errno.
UniqueFd lock_folder_of(const std::string& path);

/// What was changed in the folder that this file stands in is on disk when it returns, where the
/// file system can do that.
void sync_folder_of(const std::string& path);

/// Whether save_file() could: what is wrong with the folder; leaves nothing behind.
std::optional<std::string> check_saving(const std::string& path);

/// Its content; nothing: there is no such file. The failure: it can not be read.
Result<std::optional<std::string>, std::string> read_saved_file(const std::string& path,
                                                                std::size_t max_bytes);

}  // namespace inout
