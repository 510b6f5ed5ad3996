// How a network of in or out gets out of its own one: by a forward proxy, by whichever the
// environment names, or by none. Values and pure functions; the environment is an argument.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/base/result.hpp"

namespace inout {

/// As the configuration has it. Any thread may read one.
struct ViaOptions {
    std::string url;            ///< of a forward proxy, or kViaEnvironment, or kViaNone
    std::string password_file;  ///< of the user in the URL

    auto operator<=>(const ViaOptions&) const = default;
};
/// What the environment says; and none, whatever stands at the top of the file.
inline constexpr std::string_view kViaEnvironment = "env", kViaNone = "off";

enum class ForwardKind : std::uint8_t {
    http,    ///< CONNECT
    socks5,  ///< RFC 1928
};

/// What a forward proxy's URL says.
struct ForwardUrl {
    ForwardKind kind = ForwardKind::http;
    HostPort place;
    std::string user;                       ///< empty: nobody
    std::optional<std::string> password{};  ///< as the environment may have it

    auto operator<=>(const ForwardUrl&) const = default;
};

/// For people: `http://HOST:PORT`, without the user.
std::string to_string(const ForwardUrl& url);

/// Reads `http://[USER[:PASSWORD]@]HOST:PORT` or `socks5://…` (`socks5h://` means the same), both
/// parts of the login with percent-encoding (RFC 3986, 2.1). The failure is worded to follow its
/// key, and has nothing of the text in it that may be a password.
Result<ForwardUrl, std::string> parse_forward_url(std::string_view text);

/// What is wrong with the text of `via`, worded to follow it; nothing if it is fine. A password is
/// wrong there.
std::optional<std::string> check_via(std::string_view text);

/// What is wrong with a login for such a proxy, worded to follow what it is called; nothing if it
/// can be said there.
std::optional<std::string> check_forward_user(ForwardKind kind, std::string_view user);
std::optional<std::string> check_forward_password(ForwardKind kind, std::string_view password);

/// One variable of the environment; nothing, or empty: it is not there.
using ReadVariable = const char* (*)(const char* name);

/// A forward proxy that the environment names, and what is reached without it.
struct ForwardInEnvironment {
    std::string variable;  ///< which one names it; empty: none does
    std::string url;
    std::string exceptions;  ///< as NO_PROXY has them
};
/// As curl reads it for a tunnel: https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, the first that is
/// there; and no_proxy, NO_PROXY. HTTP_PROXY does not count: it is for what is not encrypted.
ForwardInEnvironment forward_in_environment(ReadVariable read);

}  // namespace inout
