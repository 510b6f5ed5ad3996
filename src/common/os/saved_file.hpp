// A file of our own that is always whole: written beside the old one, which it then replaces.
//
// Blocks for as long as the disk takes. Any thread; one at a time for a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace inout {

/// Writes it so that after a crash the old content or this one is there, on disk when it returns
/// (rename(2), fsync(2)); readable by its owner only (0600). What is wrong, and nothing was
/// changed.
std::optional<std::string> save_file(const std::string& path, std::string_view text);

/// Whether save_file() could: what is wrong with the folder; leaves nothing behind.
std::optional<std::string> check_saving(const std::string& path);

/// Its content; nothing: there is no such file. The failure: it can not be read.
Result<std::optional<std::string>, std::string> read_saved_file(const std::string& path,
                                                                std::size_t max_bytes);

}  // namespace inout
