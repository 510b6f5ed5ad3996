#include "common/os/saved_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "common/os/file.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

std::string with_reason(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

UniqueFd open_folder_of(const std::string& path) {
    return UniqueFd(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string beside(const std::string& path) { return path + ".new"; }

/// Made anew; a link of that name is not followed. What is there from before goes.
UniqueFd make_beside(const std::string& name) {
    ::unlink(name.c_str());
    return UniqueFd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                           S_IRUSR | S_IWUSR));
}

int write_whole(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

}  // namespace

std::optional<std::string> save_file(const std::string& path, std::string_view text) {
    const std::string name = beside(path);
    int error = 0;
    {
        const UniqueFd fd = make_beside(name);
        if (!fd) return with_reason(name + " can not be created", errno);
        error = write_whole(fd.get(), text);
    }
    if (error == 0 && std::rename(name.c_str(), path.c_str()) != 0) error = errno;
    if (error != 0) {
        ::unlink(name.c_str());
        return with_reason("can not be written", error);
    }
    sync_folder_of(path);  // or the old name might come back after a crash
    return std::nullopt;
}

void sync_folder_of(const std::string& path) {
    const UniqueFd folder = open_folder_of(path);
    if (folder) (void)::fsync(folder.get());
}

UniqueFd lock_folder_of(const std::string& path) {
    UniqueFd folder = open_folder_of(path);
    while (folder && ::flock(folder.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return {};
    }
    return folder;
}

std::optional<std::string> check_saving(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        return "is not a regular file";
    }
    const std::string name = path + ".check";
    const UniqueFd fd = make_beside(name);
    if (!fd) return with_reason(name + " can not be created", errno);
    ::unlink(name.c_str());
    return std::nullopt;
}

Result<std::optional<std::string>, std::string> read_saved_file(const std::string& path,
                                                                std::size_t max_bytes) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
        return std::optional<std::string>();
    }
    // Only who runs the program may have changed it, or nothing in it could be believed.
    auto content = read_file(path, FileAudience::owner_only, max_bytes);
    if (!content) return Failure{content.error()};
    return std::optional<std::string>(content->bytes());
}

}  // namespace inout
