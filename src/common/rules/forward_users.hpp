// ForwardUsers: who may use a forward proxy, by a name and a password.
//
// Made from a file of lines NAME:PASSWORD, then read only: any thread. Keeps no password, only what
// tells a right one; pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/crypto.hpp"
#include "common/base/result.hpp"

namespace inout {

/// Of a name and of a password (RFC 1929, 2: its lengths are one byte).
inline constexpr std::size_t kForwardWordMaxBytes = 255;
/// All of them are looked at for each client.
inline constexpr std::size_t kForwardUsersMax = 1'000;

class ForwardUsers {
  public:
    /// Lines NAME:PASSWORD; empty ones, and those that begin with `#`, are none. The failure is
    /// worded to follow the file's name, and tells no password.
    static Result<ForwardUsers, std::string> parse(std::string_view text);

    /// Takes the same time for each name and password of one length, known or not.
    bool accept(std::string_view user, std::string_view password) const;

    bool operator==(const ForwardUsers&) const = default;

  private:
    std::vector<Digest> known_;  // of a name and its password
};

}  // namespace inout
