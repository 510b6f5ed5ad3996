// The program in: one listener for each network. Owned by the daemon; accepts on the main worker,
// and lives as long as the process.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/app/certificate_watch.hpp"
#include "common/app/daemon.hpp"
#include "common/net/acceptor.hpp"
#include "common/rules/quota.hpp"
#include "in/network.hpp"

namespace inout::in {

class InService : public Service {
  public:
    InService(Workers& workers, const InConfig& config)
        : workers_(workers), config_(config), streams_of_client_(config.streams_per_client) {}

    ConfigProblems load() override;
    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept(Acceptor& acceptor, const Network& network);
    void share_descriptors();
    void look_at_proxies();

    Workers& workers_;
    const InConfig& config_;
    Quota streams_of_client_;
    ProxyLinks proxy_links_;
    std::unique_ptr<Budget> budget_;
    std::map<const ProxyLink*, std::unique_ptr<Server>> servers_;
    CertificateWatch certificates_;
    std::vector<std::unique_ptr<Network>> networks_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
};

}  // namespace inout::in
