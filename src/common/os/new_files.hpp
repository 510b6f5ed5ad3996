// Several new files of ours in one folder, which are all there in the end or not at all.
//
// For set-ups by a person: blocks for as long as the disk takes. Each file is on disk before the
// next one begins, so that the last one tells that all are there. One thread at a time.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/file.hpp"

namespace inout {

/// Makes the folder (0700), or takes one that is there, is empty, and is nobody else's to write in.
/// Whether it was made; the failure follows the folder's name.
Result<bool, std::string> prepare_empty_folder(const std::string& path);

/// Who may read a file, to be given to another one that the same program has to read.
class FileAccess {
  public:
    /// Nothing: it is not there.
    static std::optional<FileAccess> of(const std::string& path);
    /// The same owner, group and mode; of the mode as much as a file for these may have. The
    /// failure follows the file's name.
    std::optional<std::string> give_to(const std::string& path, FileAudience audience) const;

  private:
    FileAccess(uid_t owner, gid_t group, mode_t mode) : owner_(owner), group_(group), mode_(mode) {}
    uid_t owner_;
    gid_t group_;
    mode_t mode_;
};

class NewFiles {
  public:
    explicit NewFiles(std::string folder) : folder_(std::move(folder)) {}
    NewFiles(const NewFiles&) = delete;
    NewFiles& operator=(const NewFiles&) = delete;
    /// Removes what was written, unless keep() was called.
    ~NewFiles();

    /// A new file that only its owner can read (0600). The failure begins with its name.
    std::optional<std::string> write(const std::string& name, std::string_view text);
    /// The folder was made for them, and goes with them.
    void take_folder() { has_folder_ = true; }
    void keep() { written_.clear(), has_folder_ = false; }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }

  private:
    const std::string folder_;
    std::vector<std::string> written_;
    bool has_folder_ = false;
};

}  // namespace inout
