#include "in/in_service.hpp"

#include <map>

#include "common/base/log.hpp"
#include "in/client_session.hpp"

namespace inout {

std::optional<std::string> InService::start() {
    for (const InNetwork& network : config_.networks) {
        auto acceptor = std::make_unique<Acceptor>(workers_.main().context());
        const auto address = acceptor->listen(network.listen);
        if (!address) return address.error();
        log::info("listening", {{"address", to_string(*address)},
                                {"topic", network.topic},
                                {"server", to_string(network.server)}});
        acceptors_.push_back(std::move(acceptor));
    }
    // Only when all could be bound: nothing is served by half a configuration.
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        spawn(workers_.main().executor(), "listener", accept(*acceptors_[i], config_.networks[i]));
    }
    return std::nullopt;
}

Task<> InService::accept(Acceptor& acceptor, const InNetwork& network) {
    std::map<Worker*, WarmPool*> warm;
    workers_.for_each([&](Worker& w) { warm[&w] = &warm_pool(w, network.server); });
    while (true) {
        Worker& worker = workers_.next();
        auto client = co_await acceptor.accept(worker.context());
        if (!client) co_return;
        spawn(worker.executor(), "client",
              client_session(worker, config_, network, *warm[&worker], std::move(*client)));
    }
}

WarmPool& InService::warm_pool(Worker& worker, const HostPort& server) {
    for (const auto& pool : warm_pools_) {
        if (pool->serves(worker, server)) return *pool;
    }
    return *warm_pools_.emplace_back(std::make_unique<WarmPool>(worker, config_, server));
}

void InService::drain() {
    for (auto& acceptor : acceptors_) acceptor->close();
    for (auto& pool : warm_pools_) pool->close();
}

}  // namespace inout
