// The files that secrets are kept in. The functions block, so they are for start-up and reload;
// their failure texts leave the path to the caller. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"

namespace inout {

/// The content of a secret file: kSecretMinBytes to kSecretMaxBytes of any kind; one newline at its
/// end ("\n" or "\r\n") does not count. Refused when it belongs to somebody else than root or us,
/// or when others than the owner can read or write it; the group may read one that belongs to root,
/// as systemd's credentials and distributions' keys do (PostgreSQL draws the same line).
Result<Secret, std::string> read_secret_file(const std::string& path);

/// The same for a password that others have given: 1 to `max_bytes`, whatever its strength.
Result<Secret, std::string> read_password_file(const std::string& path, std::size_t max_bytes);

/// Makes a file with this text that only its owner can read and write (0600), on disk when it
/// returns; after a crash there is the whole file or none of that name (link(2)). The reason if
/// that failed, or if there is something of that name already, which stays as it is.
std::optional<std::string> write_new_secret_file(const std::string& path, std::string_view text);

}  // namespace inout
