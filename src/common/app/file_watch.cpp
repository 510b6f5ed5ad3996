#include "common/app/file_watch.hpp"

#include "common/os/file.hpp"

namespace inout {

FileStamps stamps_of(const std::vector<std::string>& files) {
    FileStamps stamps;
    for (const std::string& file : files) stamps.emplace(file, stamp_of(file.c_str()));
    return stamps;
}

std::vector<std::string> changed_files(const FileStamps& before, const FileStamps& after) {
    std::vector<std::string> changed;
    for (const auto& [file, stamp] : after) {
        const auto old = before.find(file);
        if (old != before.end() && old->second != stamp) changed.push_back(file);
    }
    return changed;
}

FileWatch::Seen FileWatch::look(const FileStamps& now) {
    const bool settled = now == last_;
    last_ = now;
    if (now == known_) return Seen::as_read;
    if (!settled) return Seen::changing;
    known_ = now;
    return Seen::changed;
}

}  // namespace inout
