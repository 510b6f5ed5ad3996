#include "common/os/new_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/os/saved_file.hpp"
#include "common/os/secret_file.hpp"

namespace inout {
namespace {

std::string with_reason_of(const char* what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

/// Of a folder that was there before; its first entry, if it has one, in `entry`.
std::optional<std::string> check_folder(const std::string& path, std::string& entry) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return with_reason_of("can not be examined", errno);
    if (!S_ISDIR(status.st_mode)) return "is there already, and is no folder";
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "can be written by others, who could exchange its files: chmod 700";
    }
    std::error_code error;
    const std::filesystem::directory_iterator first(path, error);
    if (error) return "can not be read: " + error.message();
    if (first != std::filesystem::directory_iterator()) entry = first->path().filename().string();
    return std::nullopt;
}

}  // namespace

Result<bool, std::string> prepare_empty_folder(const std::string& path) {
    if (::mkdir(path.c_str(), S_IRWXU) == 0) {
        sync_folder_of(path);
        return true;
    }
    if (errno != EEXIST) return Failure{with_reason_of("can not be made", errno)};
    std::string entry;
    if (auto problem = check_folder(path, entry)) return Failure{std::move(*problem)};
    if (entry.empty()) return false;
    return Failure{"is not empty (it has " + entry + ")"};
}

std::optional<FileAccess> FileAccess::of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileAccess(status.st_uid, status.st_gid, status.st_mode & 0777U);
}

std::optional<std::string> FileAccess::give_to(const std::string& path,
                                               FileAudience audience) const {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return with_reason_of("can not be examined", errno);
    // A secret that its group can read is taken only if it belongs to root.
    const mode_t allowed = audience == FileAudience::everybody ? 0777U
                           : owner_ == 0                       ? 0640U
                                                               : 0600U;
    const bool other = status.st_uid != owner_ || status.st_gid != group_;
    if (other && ::chown(path.c_str(), owner_, group_) != 0) {
        return with_reason_of("can not be given to the owner of the configuration", errno);
    }
    if (::chmod(path.c_str(), mode_ & allowed) != 0)
        return with_reason_of("can not have its mode", errno);
    return std::nullopt;
}

NewFiles::~NewFiles() {
    for (const std::string& file : written_) ::unlink(file.c_str());
    if (has_folder_) ::rmdir(folder_.c_str());
}

std::optional<std::string> NewFiles::write(const std::string& name, std::string_view text) {
    const std::string file = path(name);
    if (const auto problem = write_new_secret_file(file, text)) return file + ": " + *problem;
    written_.push_back(file);
    return std::nullopt;
}

}  // namespace inout
