#include "common/open/site_secret.hpp"

#include "common/os/secret_file.hpp"

namespace inout {

Result<Join, std::string> read_join_file(const std::string& path) {
    const auto text = read_secret_file(path);
    if (!text) return Failure{text.error()};
    return parse_join(text->bytes());
}

Result<Secret, std::string> read_site_secret(const std::string& path) {
    auto secret = read_secret_file(path);
    if (!secret || !is_join(secret->bytes())) return secret;
    auto join = parse_join(secret->bytes());
    if (!join) return Failure{join.error()};
    return std::move(join->secret);
}

}  // namespace inout
