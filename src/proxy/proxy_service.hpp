// The program proxy: one listener; what a connection is for, its first message says.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/app/daemon.hpp"
#include "common/base/random.hpp"
#include "common/net/acceptor.hpp"
#include "common/net/connection_list.hpp"
#include "proxy/directory.hpp"

namespace inout {

/// What all sessions of the proxy share. Thread-safe.
struct ProxyState {
    explicit ProxyState(const ProxyConfig& c)
        : config(c), directory(c.limits.topics), warm(c.limits.warm) {}
    const ProxyConfig& config;
    const std::string proxy_id = random_hex(kStreamIdDigits);  ///< names this process
    Directory directory;
    ConnectionList warm;  ///< spare connections of ins
    std::atomic<bool> draining{false};
    std::atomic<std::size_t> handshakes{0};  ///< connections without a first message yet
};

class ProxyService : public Service {
  public:
    ProxyService(Workers& workers, const ProxyConfig& config);

    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept();
    bool has_room() const;

    Workers& workers_;
    ProxyState state_;
    Acceptor acceptor_;
    log::RateLimit refusals_;
};

}  // namespace inout
