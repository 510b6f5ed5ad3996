// The program in: one listener for each network.
#pragma once

#include <memory>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/net/acceptor.hpp"
#include "in/network.hpp"
#include "in/warm_pool.hpp"

namespace inout {

class InService : public Service {
  public:
    InService(Workers& workers, const InConfig& config) : workers_(workers), config_(config) {}

    ConfigProblems load() override;
    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept(Acceptor& acceptor, const Network& network);
    WarmPool& warm_pool(Worker& worker, const Upstream& upstream);

    Workers& workers_;
    const InConfig& config_;
    Upstreams upstreams_;
    std::vector<std::unique_ptr<Network>> networks_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    std::vector<std::unique_ptr<WarmPool>> warm_pools_;  // one for each worker and upstream
};

}  // namespace inout
