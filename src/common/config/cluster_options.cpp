#include "common/config/cluster_options.hpp"

#include <utility>

namespace inout {
namespace {

constexpr std::string_view kPlain = "nats://", kTls = "tls://", kDefaultPort = ":4222";

/// Its brackets tell an IPv6 literal's colons from that of a port.
bool has_port(std::string_view place) {
    const auto colon = place.rfind(':');
    const auto bracket = place.rfind(']');
    return colon != place.npos && (bracket == place.npos || colon > bracket);
}

}  // namespace

Result<NatsServer, std::string> NatsServer::parse(std::string_view text) {
    const bool is_tls = text.starts_with(kTls);
    if (!is_tls && !text.starts_with(kPlain)) {
        return Failure{std::string("must begin with nats:// or tls://")};
    }
    std::string place(text.substr(is_tls ? kTls.size() : kPlain.size()));
    // Not shown: it may hold a password.
    if (place.find('@') != std::string::npos) {
        return Failure{std::string(
            "must hold no user and no password: they belong into the file \"nats_credentials\"")};
    }
    if (place.ends_with('/')) place.pop_back();
    if (!has_port(place)) place += kDefaultPort;
    auto read = parse_host_port(place);
    if (!read) return Failure{read.error()};
    return NatsServer(std::move(*read), is_tls);
}

std::string NatsServer::text() const {
    return std::string(demands_tls_ ? kTls : kPlain) + to_string(place_);
}

bool is_built_with_nats() {
#ifdef INOUT_NATS
    return true;
#else
    return false;
#endif
}

}  // namespace inout
