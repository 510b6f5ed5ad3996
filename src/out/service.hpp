// The program out: one control link for each network. Owned by the daemon; its control links run on
// the main worker, and it lives as long as the process.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/app/certificate_watch.hpp"
#include "common/app/daemon.hpp"
#include "out/control_link.hpp"

namespace inout::out {

class OutService : public Service {
  public:
    OutService(Workers& workers, const OutConfig& config) : workers_(workers), config_(config) {}

    ConfigProblems load() override;
    std::optional<std::string> start() override;
    void drain() override;

  private:
    void share_descriptors();

    Workers& workers_;
    const OutConfig& config_;
    ProxyLinks proxy_links_;
    std::unique_ptr<Budget> budget_;
    std::map<const ProxyLink*, std::unique_ptr<DataLinks>> data_links_;
    CertificateWatch certificates_;
    std::vector<std::unique_ptr<Network>> networks_;
    std::vector<std::unique_ptr<ControlLink>> links_;
};

}  // namespace inout::out
