#include "common/config/files.hpp"

#include <filesystem>
#include <utility>

namespace inout {
namespace {

// Each calls `visit` with every file name there is, set or not.

template <class Visit>
void visit_files(std::optional<TlsClientOptions>& tls, const Visit& visit) {
    if (!tls) return;
    visit(tls->ca);
    visit(tls->cert);
    visit(tls->key);
}

template <class Visit>
void visit_files(std::optional<WebSocketOptions>& websocket, const Visit& visit) {
    if (websocket) visit(websocket->ca);
}

template <class Visit>
void visit_files(std::optional<KeyOptions>& auth, const Visit& visit) {
    if (auth) visit(auth->secret_file);
}

template <class Visit>
void visit_files(std::optional<AdminOptions>& admin, const Visit& visit) {
    if (!admin) return;
    if (admin->tls) {
        visit(admin->tls->cert);
        visit(admin->tls->key);
    }
    visit(admin->token_file);
}

template <class Visit>
void visit_files(std::optional<ViaOptions>& via, const Visit& visit) {
    if (via) visit(via->password_file);
}

template <class Config, class Visit>
void visit_client(Config& config, const Visit& visit) {
    visit_files(config.tls, visit);
    visit_files(config.auth, visit);
    visit_files(config.via, visit);
    visit_files(config.websocket, visit);
    visit_files(config.admin, visit);
    for (auto& network : config.networks) {
        visit_files(network.tls, visit);
        visit_files(network.auth, visit);
        visit_files(network.via, visit);
        visit_files(network.websocket, visit);
        if (!network.e2e) continue;
        visit(network.e2e->key_file);
        visit(network.e2e->also_accept);
    }
}

template <class Visit>
void visit_files(InConfig& config, const Visit& visit) {
    visit_client(config, visit);
}

template <class Visit>
void visit_files(OutConfig& config, const Visit& visit) {
    visit_client(config, visit);
    for (OutNetwork& network : config.networks) {
        if (network.exit) visit(network.exit->users_file);
    }
}

template <class Visit>
void visit_files(std::optional<ClusterOptions>& cluster, const Visit& visit) {
    if (!cluster) return;
    visit(cluster->nats_credentials);
    if (cluster->nats_tls) {
        visit(cluster->nats_tls->ca);
        visit(cluster->nats_tls->cert);
        visit(cluster->nats_tls->key);
    }
    visit(cluster->key_file);
    visit_files(cluster->tls, visit);
    for (ClusterPeer& peer : cluster->peers) visit(peer.key_file);
}

template <class Visit>
void visit_files(ProxyConfig& config, const Visit& visit) {
    if (config.tls) {
        visit(config.tls->cert);
        visit(config.tls->key);
        visit(config.tls->client_ca);
    }
    visit_files(config.admin, visit);
    visit_files(config.cluster, visit);
    if (!config.auth) return;
    for (KeyEntry& key : config.auth->keys) visit(key.secret_file);
}

template <class Config>
void resolve(Config& config, const std::string& config_file) {
    const auto folder = std::filesystem::absolute(config_file).parent_path();
    const auto resolve_name = [&folder](std::string& name) {
        // An absolute name replaces the folder.
        if (!name.empty()) name = (folder / name).string();
    };
    visit_files(config, resolve_name);
    // Those are made by us, and are none of the files that are read.
    if (config.admin) resolve_name(config.admin->unix_path);
    if constexpr (requires { config.networks.front().bind_unix; }) {
        for (auto& network : config.networks) resolve_name(network.bind_unix);
    }
    if constexpr (requires { config.auth->quota_file; }) {
        if (config.auth) resolve_name(config.auth->quota_file);
    }
}

template <class Config>
std::vector<std::string> list(Config config) {
    std::vector<std::string> files;
    visit_files(config, [&files](std::string& name) {
        if (!name.empty()) files.push_back(std::move(name));
    });
    return files;
}

}  // namespace

void resolve_files(InConfig& config, const std::string& config_file) {
    resolve(config, config_file);
}
void resolve_files(OutConfig& config, const std::string& config_file) {
    resolve(config, config_file);
}
void resolve_files(ProxyConfig& config, const std::string& config_file) {
    resolve(config, config_file);
}

std::vector<std::string> files_of(const InConfig& config) { return list(config); }
std::vector<std::string> files_of(const OutConfig& config) { return list(config); }
std::vector<std::string> files_of(const ProxyConfig& config) { return list(config); }

}  // namespace inout
