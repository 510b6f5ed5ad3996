#include "common/config/server_list.hpp"

#include <set>

namespace inout {

Result<ServerAddress, std::string> ServerAddress::parse(std::string_view text) {
    if (text.starts_with('_')) {
        if (const auto problem = check_service_name(text)) {
            return Failure{'"' + std::string(text) + "\" " + *problem};
        }
        return ServerAddress({std::string(text), 0});
    }
    auto place = parse_host_port(text);
    if (!place) return Failure{place.error()};
    return ServerAddress(std::move(*place));
}

std::string text_of(const std::vector<ServerAddress>& servers) {
    std::string text;
    for (const ServerAddress& server : servers) text += (text.empty() ? "" : ", ") + server.text();
    return text;
}

std::string find_duplicate(const std::vector<ServerAddress>& servers) {
    std::set<HostPort> seen;
    for (const ServerAddress& server : servers) {
        const HostPort& place = server.place();
        if (!seen.insert({canonical_host(place.host), place.port}).second) return server.text();
    }
    return {};
}

}  // namespace inout
