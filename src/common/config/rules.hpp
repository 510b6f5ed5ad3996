// What a configuration's texts may say, and which entries of one file exclude each other.
//
// The checks answer what is wrong, worded to follow a key ("must not be empty"), or nothing; check_
// host and check_topic have the same form and stand with what they check. Pure; the owners' lists
// live while one file is read. Nothing here opens or looks up what a text names.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"

namespace inout {

/// A file's name as the system takes it: not empty, no NUL (open(2) would stop there unnoticed).
std::optional<std::string> check_file_name(std::string_view name);

/// A key's id: as a topic, but at most kKeyIdMaxBytes.
std::optional<std::string> check_key_id(std::string_view id);

/// `sha256/` and the base64 of 32 bytes (RFC 7469, 2.4; RFC 4648, 4): 43 characters and one `=`,
/// the two bits that are left over zero, so that each hash has one spelling.
std::optional<std::string> check_pin(std::string_view pin);

/// Whether a host without a problem is this machine to itself, as far as its spelling tells.
bool is_loopback(const std::string& host);

/// The paths of the entries seen so far, by something that only one of them may have.
using Owners = std::map<std::string, std::string>;

/// The listening addresses of one file. Two clash if bind(2) would refuse the second: the same one,
/// or a specific one beside a wildcard of its family, where [::] is both families' (bindv6only 0,
/// ipv6(7)). A name may mean either family; what it resolves to is not known here.
class Listeners {
  public:
    /// The path of an entry that `listen` clashes with; otherwise `path` now owns it.
    std::optional<std::string> add(const HostPort& listen, const std::string& path);
    /// The same for a UNIX socket.
    std::optional<std::string> add_path(const std::string& socket, const std::string& path);

  private:
    Owners owners_;
};

}  // namespace inout
