// The numbers of users and groups by their names in /etc/passwd and /etc/group. Read there and not
// asked of the C library's name service (NSS), which static programs do not have: those of a
// directory have to be written as numbers. Reads files; any thread.
#pragma once

#include <optional>
#include <string>

namespace inout {

/// A text of digits is its own number. Nothing: there is no such account.
std::optional<unsigned> user_number(const std::string& name);
std::optional<unsigned> group_number(const std::string& name);

}  // namespace inout
