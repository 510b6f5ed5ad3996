// Secret: bytes that must not leak; and the files that secrets are kept in.
//
// A value, owned by whoever holds it, usable from any thread as any value is. Wiped when it is
// destroyed or assigned to; never printed, logged or put into an error text. The file functions
// block, so they are for start-up and reload; their failure texts leave the path to the caller.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
    Secret(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret other) noexcept {  // which wipes what we had
        bytes_.swap(other.bytes_);
        return *this;
    }
    ~Secret();

    std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

  private:
    std::vector<char> bytes_;  // a string would leave short secrets behind when it is moved
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;

/// The content of a secret file: kSecretMinBytes to kSecretMaxBytes of any kind; one newline at its
/// end ("\n" or "\r\n") does not count. Refused when it belongs to somebody else than root or us,
/// or when others than the owner can read or write it; the group may read one that belongs to root,
/// as systemd's credentials and distributions' keys do (PostgreSQL draws the same line).
Result<Secret, std::string> read_secret_file(const std::string& path);

/// What `--new-key` writes: this many hexadecimal digits, 256 bits.
inline constexpr std::size_t kNewKeyDigits = 64;
/// Whether a secret is one that `--new-key` or `openssl rand -hex 32` may have written.
bool is_new_key(const Secret& secret);
/// Whether a person may have made it up: who sees one use of it could then try words until one
/// fits, at home and with many machines. Short, or of few different characters.
bool is_guessable(const Secret& secret);

/// Makes a file with this text that only its owner can read and write (0600), on disk when it
/// returns. The reason if that failed, or if there is something of that name already.
std::optional<std::string> write_new_secret_file(const std::string& path, std::string_view text);

}  // namespace inout
