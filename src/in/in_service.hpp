// The program in: one listener for each network.
#pragma once

#include <memory>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/net/acceptor.hpp"

namespace inout {

class InService : public Service {
  public:
    InService(Workers& workers, const InConfig& config) : workers_(workers), config_(config) {}

    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept(Acceptor& acceptor, const InNetwork& network);

    Workers& workers_;
    const InConfig& config_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
};

}  // namespace inout
