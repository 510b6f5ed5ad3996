// Secret: bytes that must not leak.
//
// A value, owned by whoever holds it, usable from any thread as any value is. Wiped when it is
// destroyed or assigned to; never printed, logged or put into an error text.
#pragma once

#include <iosfwd>
#include <string_view>
#include <vector>

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

/// What `--new-key` writes: this many hexadecimal digits, 256 bits.
inline constexpr std::size_t kNewKeyDigits = 64;
/// Whether a secret is one that `--new-key` or `openssl rand -hex 32` may have written.
bool is_new_key(const Secret& secret);
/// Whether a person may have made it up: who sees one use of it could then try words until one
/// fits, at home and with many machines. Short, or of few different characters.
bool is_guessable(const Secret& secret);

}  // namespace inout
