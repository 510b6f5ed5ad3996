#include "common/admin/settings.hpp"

#include <algorithm>

#include "common/net/connection.hpp"
#include "common/os/secret_file.hpp"
#include "common/os/socket_file.hpp"

namespace inout::admin {
namespace {

bool is_wildcard(const std::string& host) {
    const std::string name = canonical_host(host);
    return name == kAllAddresses || name == "0.0.0.0";
}

void load_tls(Settings& settings, ConfigProblems& problems) {
    const auto& files = settings.options.tls;
    if (!files) return;
    auto server =
        TlsServer::make({.cert = files->cert, .key = files->key}, nullptr, TlsProtocol::http);
    if (!server) {
        problems.push_back("admin." + server.error());
        return;
    }
    settings.tls = std::move(*server);
    settings.gate.over_tls = true;
    for (const std::string& name : settings.tls->names()) {
        settings.gate.hosts.push_back(name.starts_with("*.") ? "*." + canonical_host(name.substr(2))
                                                             : canonical_host(name));
    }
}

void load_token(Settings& settings, ConfigProblems& problems) {
    const std::string& file = settings.options.token_file;
    if (file.empty()) return;
    auto token = read_secret_file(file);
    if (!token) {
        problems.push_back("admin.token_file: " + file + ": " + token.error());
        return;
    }
    settings.gate.token = std::move(*token);
}

/// Where it is reached from. A name that looks like this machine's own may be another address.
void load_address(Settings& settings, ConfigProblems& problems) {
    const AdminOptions& options = settings.options;
    if (!options.unix_path.empty()) {
        const std::string problem = check_socket_path(options.unix_path);
        if (!problem.empty()) {
            problems.push_back("admin.unix: " + options.unix_path + ": " + problem);
        }
        return;
    }
    settings.gate.hosts.push_back(canonical_host(options.listen.host));
    settings.gate.any_address = is_wildcard(options.listen.host);
    settings.address = resolve_now(options.listen, kStartLookup);
    const auto& places = settings.address.endpoints;
    const auto beyond = std::find_if(places.begin(), places.end(), [](const Endpoint& place) {
        return !place.address().is_loopback();
    });
    if (beyond == places.end()) return;
    settings.gate.needs_token = true;
    if (options.tls && !options.token_file.empty()) return;
    problems.push_back("admin.bind: " + options.listen.host + " is " +
                       beyond->address().to_string() +
                       ", which is not loopback: that needs \"tls\" and \"token_file\"");
}

}  // namespace

bool Settings::is_at(const Settings& other) const {
    return options.unix_path == other.options.unix_path && options.listen == other.options.listen;
}

bool Settings::is_like(const Settings& other) const {
    const bool same_tls = tls && other.tls ? tls->is_like(*other.tls) : !tls && !other.tls;
    return options == other.options && same_tls && gate.token.bytes() == other.gate.token.bytes() &&
           gate.needs_token == other.gate.needs_token;
}

Result<SettingsPtr, ConfigProblems> load_settings(const std::optional<AdminOptions>& options) {
    if (!options) return SettingsPtr();
    auto settings = std::make_shared<Settings>(Settings{.options = *options});
    ConfigProblems problems;
    load_tls(*settings, problems);
    load_token(*settings, problems);
    load_address(*settings, problems);
    if (!problems.empty()) return Failure{std::move(problems)};
    return SettingsPtr(std::move(settings));
}

}  // namespace inout::admin
