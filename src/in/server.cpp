#include "in/server.hpp"

#include "common/base/log.hpp"

namespace inout::in {

Server::Server(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link,
               const Dialling& dialling, Budget& budget)
    : proxy_link_(std::move(proxy_link)),
      dialling_(dialling),
      budget_(budget),
      number_(budget.join()) {
    workers.for_each([&](Worker& worker) {
        spares_[&worker] =
            std::make_shared<SparePool>(worker, proxy_link_, dialling, budget, number_);
    });
}

Budget::Places Server::client_places() {
    Budget::Places places;
    budget_.take(number_, kStreamDescriptors, places);
    return places;
}

Task<> Server::drop_spares() {
    for (const auto& [worker, spares] : spares_) {
        asio::post(worker->context(), [pool = spares] { pool->drop_all(); });
        // Behind it, and behind what that has posted: then they are closed.
        for (int i = 0; i < 2; ++i) co_await asio::post(worker->executor(), use_result);
    }
}

void Server::reached() {
    if (!is_lost_ || !is_lost_.exchange(false)) return;
    const std::string server = to_string(proxy_link_->server());
    log::limited(log::Level::info, log::Kind::change, "proxy reached", server,
                 {{"server", server}, {"reason", "again"}});
}

void Server::close() {
    for (const auto& [worker, spares] : spares_) spares->close();
}

}  // namespace inout::in
