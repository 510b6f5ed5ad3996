#include "common/config/backend_options.hpp"

namespace inout {

std::string to_string(const BackendAddress& address) {
    if (address.is_exit) return "socks5";
    return address.unix_path.empty() ? to_string(address.host) : "unix:" + address.unix_path;
}

std::string_view to_string(Balance balance) {
    switch (balance) {
        case Balance::round_robin: break;
        case Balance::least_streams: return "least_streams";
        case Balance::random: return "random";
        case Balance::source: return "source";
    }
    return "round_robin";
}

std::string_view to_string(ProxyProtocol version) {
    switch (version) {
        case ProxyProtocol::off: break;
        case ProxyProtocol::v1: return "v1";
        case ProxyProtocol::v2: return "v2";
    }
    return "off";
}

std::optional<std::string> check_unix_path(std::string_view path) {
    constexpr std::size_t kMax = 107;  // of sun_path (unix(7)), without the NUL behind a path
    if (path.empty() || path == "@") return "must not be empty";
    if (path.find('\0') != path.npos) return "must not hold a NUL character";
    if (path.front() != '/' && path.front() != '@') {
        return "must be an absolute path, or an abstract name that begins with @";
    }
    if (path.size() <= kMax) return std::nullopt;
    return "is too long for a socket: " + std::to_string(path.size()) + " bytes, at most " +
           std::to_string(kMax);
}

}  // namespace inout
