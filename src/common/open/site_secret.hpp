// The secret of in and out towards a proxy, from a file that has nothing else in it or from a join
// file. Blocks: for start-up and reload. Any thread.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/config/join.hpp"

namespace inout {

/// A whole join file, by the rules of secret files. The failure follows its name.
Result<Join, std::string> read_join_file(const std::string& path);

/// What `auth.secret_file` names. The failure follows its name.
Result<Secret, std::string> read_site_secret(const std::string& path);

}  // namespace inout
