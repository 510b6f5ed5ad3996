// The challenges by which an HTTP proxy says how it wants to be told who asks (RFC 9110, 11.6.1):
// `Digest realm="office", nonce="…", qop="auth", Basic realm="office"`. Pure. What is in a field
// may be anything; its length is the caller's to bound.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inout {

struct HttpChallenge {
    std::string scheme;                                           ///< in lower case
    std::vector<std::pair<std::string, std::string>> parameters;  ///< names in lower case

    /// Nothing: it is not there, or more than once.
    std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Those of one field, in its order, up to where it is no list of challenges any more.
std::vector<HttpChallenge> parse_challenges(std::string_view field);

}  // namespace inout
