// FileWatch: whether the files that a configuration names have changed since they were read.
//
// A change counts when it was there at two looks: a certificate and its key are renamed one after
// the other, and one without the other is worth no error. What was tried once is not tried again
// until it changes once more. Pure but for stamps_of(), which asks the file system and may wait for
// it; any thread, one at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace inout {

/// What tells one content of a file from another, by name (stamp_of in os/file).
using FileStamps = std::map<std::string, std::string>;
FileStamps stamps_of(const std::vector<std::string>& files);
/// The names whose stamps differ.
std::vector<std::string> changed_files(const FileStamps& before, const FileStamps& after);

class FileWatch {
  public:
    /// They are, or were about to be, read as they are now.
    void read(FileStamps now) { known_ = last_ = std::move(now); }
    enum class Seen {
        as_read,
        changing,  ///< look again soon
        changed,   ///< to be read: counts as read now
    };
    Seen look(const FileStamps& now);

  private:
    FileStamps known_, last_;
};

}  // namespace inout
