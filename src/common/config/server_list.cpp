#include "common/config/server_list.hpp"

#include <set>

#include "common/base/websocket_url.hpp"

namespace inout {

Result<ServerAddress, std::string> ServerAddress::parse(std::string_view text) {
    if (text.starts_with('_')) {
        if (const auto problem = check_service_name(text)) {
            return Failure{'"' + std::string(text) + "\" " + *problem};
        }
        return ServerAddress({std::string(text), 0});
    }
    if (text.starts_with("ws://") || text.starts_with("wss://")) {
        const auto url = parse_websocket_url(text);
        if (!url) return Failure{url.error()};
        return ServerAddress(url->as_place());
    }
    auto place = parse_host_port(text);
    if (!place) return Failure{place.error()};
    return ServerAddress(std::move(*place));
}

/// A URL is in one spelling already, and the case of its path matters.
HostPort ServerAddress::key() const {
    return is_websocket() ? place_ : HostPort{canonical_host(place_.host), place_.port};
}

HostPort ServerAddress::target() const {
    return is_websocket() ? websocket_url_of(place_).place : place_;
}

std::string text_of(const std::vector<ServerAddress>& servers) {
    std::string text;
    for (const ServerAddress& server : servers) text += (text.empty() ? "" : ", ") + server.text();
    return text;
}

std::string find_duplicate(const std::vector<ServerAddress>& servers) {
    std::set<HostPort> seen;
    for (const ServerAddress& server : servers) {
        if (!seen.insert(server.key()).second) return server.text();
    }
    return {};
}

}  // namespace inout
