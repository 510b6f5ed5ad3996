#include "common/config/files.hpp"

#include <filesystem>
#include <initializer_list>

namespace inout {
namespace {

class Resolver {
  public:
    explicit Resolver(const std::string& config_file)
        : folder_(std::filesystem::absolute(config_file).parent_path()) {}

    void operator()(std::initializer_list<std::string*> names) const {
        for (std::string* name : names) {
            // An absolute name replaces the folder.
            if (!name->empty()) *name = (folder_ / *name).string();
        }
    }
    void operator()(std::optional<TlsClientOptions>& tls) const {
        if (tls) (*this)({&tls->ca, &tls->cert, &tls->key});
    }
    void operator()(std::optional<KeyOptions>& auth) const {
        if (auth) (*this)({&auth->secret_file});
    }
    void operator()(std::optional<E2eOptions>& e2e) const {
        if (e2e) (*this)({&e2e->key_file, &e2e->also_accept});
    }

  private:
    std::filesystem::path folder_;
};

template <class Config>
void resolve_client(Config& config, const std::string& config_file) {
    const Resolver resolve(config_file);
    resolve(config.tls);
    resolve(config.auth);
    for (auto& network : config.networks) {
        resolve(network.tls);
        resolve(network.auth);
        resolve(network.e2e);
    }
}

}  // namespace

void resolve_files(InConfig& config, const std::string& config_file) {
    resolve_client(config, config_file);
}

void resolve_files(OutConfig& config, const std::string& config_file) {
    resolve_client(config, config_file);
}

void resolve_files(ProxyConfig& config, const std::string& config_file) {
    const Resolver resolve(config_file);
    if (config.tls) resolve({&config.tls->cert, &config.tls->key, &config.tls->client_ca});
    if (!config.auth) return;
    for (KeyEntry& key : config.auth->keys) resolve({&key.secret_file});
}

}  // namespace inout
