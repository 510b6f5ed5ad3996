#include "in/server.hpp"

#include "common/base/log.hpp"

namespace inout::in {

Server::Server(Workers& workers, const InConfig& config, const ProxyLink& proxy_link,
               Budget& budget, std::size_t number)
    : proxy_link_(proxy_link), budget_(budget), number_(number) {
    workers.for_each([&](Worker& worker) {
        spares_[&worker] = std::make_unique<SparePool>(worker, config, proxy_link, budget, number);
    });
}

Budget::Places Server::client_places() {
    Budget::Places places;
    budget_.take(number_, kStreamDescriptors, places);
    return places;
}

Task<> Server::drop_spares() {
    for (const auto& [worker, spares] : spares_) {
        asio::post(worker->context(), [pool = spares.get()] { pool->drop_all(); });
        // Behind it, and behind what that has posted: then they are closed.
        for (int i = 0; i < 2; ++i) co_await asio::post(worker->executor(), use_result);
    }
}

void Server::reached() {
    if (!is_lost_ || !is_lost_.exchange(false)) return;
    const std::string server = to_string(proxy_link_.server());
    log::limited(log::Level::info, log::Kind::change, "proxy reached", server,
                 {{"server", server}, {"reason", "again"}});
}

void Server::close() {
    for (const auto& [worker, spares] : spares_) spares->close();
}

}  // namespace inout::in
