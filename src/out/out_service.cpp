#include "out/out_service.hpp"

namespace inout {

OutService::OutService(Workers& workers, const OutConfig& config) : workers_(workers) {
    for (const OutNetwork& network : config.networks) {
        links_.push_back(std::make_unique<ControlLink>(workers.main(), workers, config, network));
    }
}

std::optional<std::string> OutService::start() {
    for (auto& link : links_) spawn(workers_.main().executor(), "control link", link->run());
    return std::nullopt;
}

void OutService::drain() {
    for (auto& link : links_) link->drain();
}

}  // namespace inout
