// What one site of a relay needs to know, as one small file: the join file.
//
// `proxy --setup` and `proxy --add-site` write one for each site, `in --join` and `out --join` read
// it. It is JSON with a version number, so that another program can read it too, and it holds a
// secret: no failure text here repeats a byte of it. Pure, never throws; the callers do the files.
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/base/result.hpp"
#include "common/base/secret.hpp"

namespace inout {

struct Join {
    HostPort server;  ///< where the relay is reached
    std::string pin;  ///< of the relay's public key, as `tls.pin`
    std::string id;   ///< of the site's key, as `auth.id`
    Secret secret;    ///< of that key, kNewKeyDigits hexadecimal digits
};

/// What this program reads and writes.
inline constexpr int kJoinVersion = 1;
/// A longer text is none. The longest host and id that are allowed make less than half of it.
inline constexpr std::size_t kJoinMaxBytes = 4'096;

/// Whether a text means to be a join file, be it a good one or not. A plain secret is none.
bool is_join(std::string_view text);
/// The failure follows the file's name: "has no \"pin\"". Members that are not known are refused,
/// as everywhere: one with a typing error would else go unnoticed.
Result<Join, std::string> parse_join(std::string_view text);
/// As parse_join reads it, with a sentence for whoever finds the file.
std::string join_text(const Join& join);

}  // namespace inout
