// Who may reach a UNIX socket, as its file says it: values. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace inout {

/// The permissions of a file, as chmod(1) takes them: "0660". To connect, who comes needs to write.
struct FileMode {
    unsigned bits = 0;

    static Result<FileMode, std::string> parse(std::string_view text);
    static std::string_view expected();
    std::string text() const;

    bool operator==(const FileMode&) const = default;
};

/// Whose a file is, as chown(1) takes it: "USER", "USER:GROUP" or ":GROUP", by name or number.
struct FileOwner {
    std::string user, group;  ///< empty: as it is

    static Result<FileOwner, std::string> parse(std::string_view text);
    static std::string_view expected();
    std::string text() const { return group.empty() ? user : user + ":" + group; }

    bool operator==(const FileOwner&) const = default;
};

/// What is not told stays as whoever made the file has it.
struct SocketAccess {
    std::optional<FileMode> mode;
    std::optional<FileOwner> owner;

    bool operator==(const SocketAccess&) const = default;
};

}  // namespace inout
