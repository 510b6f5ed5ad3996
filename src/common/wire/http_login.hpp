// What proves to an HTTP proxy who asks: Digest (RFC 7616, with SHA-256 and MD5, qop=auth) or Basic
// (RFC 7617), whichever is the strongest that is offered. Basic shows the password to whoever can
// read; so it is said only to who offers nothing better. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/secret.hpp"
#include "common/wire/http_challenge.hpp"

namespace inout {

/// Who we are for a forward proxy.
struct ForwardLogin {
    std::string user;
    Secret password;
};

/// What a login is made for.
struct LoginRequest {
    std::string_view method, target;  ///< as in the request's first line
    std::string_view cnonce;          ///< never used before, in hexadecimal digits
    unsigned count = 1;  ///< how often the challenge's nonce has been used, this included
};

/// The strongest of them that can be answered; nothing: there is none.
const HttpChallenge* strongest(const std::vector<HttpChallenge>& challenges);

/// Whether the challenge says that only its last nonce was too old (RFC 7616, 3.3).
bool is_stale(const HttpChallenge& challenge);

/// The content of Proxy-Authorization, for a challenge that strongest() gave.
std::string login_for(const HttpChallenge& challenge, const ForwardLogin& login,
                      const LoginRequest& request);

}  // namespace inout
