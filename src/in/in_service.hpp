// The program in: one listener for each network.
#pragma once

#include <memory>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/net/acceptor.hpp"
#include "in/warm_pool.hpp"

namespace inout {

class InService : public Service {
  public:
    InService(Workers& workers, const InConfig& config) : workers_(workers), config_(config) {}

    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept(Acceptor& acceptor, const InNetwork& network);
    WarmPool& warm_pool(Worker& worker, const HostPort& server);

    Workers& workers_;
    const InConfig& config_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    std::vector<std::unique_ptr<WarmPool>> warm_pools_;  // one for each worker and server
};

}  // namespace inout
