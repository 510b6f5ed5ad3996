// ServiceTargets: the proxies of a network that names a service in DNS (SRV), as they are now.
//
// Looked up before the configuration is taken into use, and then again whenever the answer has
// grown old. An answer that fails changes nothing. Shared by all networks that name it with the
// same credentials; goes with the last of them. Main thread, but for each().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/service_records.hpp"
#include "in/server.hpp"

namespace inout::in {

class ServiceTargets : public std::enable_shared_from_this<ServiceTargets> {
  public:
    struct Target {
        std::shared_ptr<Server> server;
        unsigned priority;
    };
    /// `proxy_link` names the service. The others must outlive it.
    ServiceTargets(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link,
                   const Dialling& dialling, Budget& budget);
    ServiceTargets(const ServiceTargets&) = delete;
    ServiceTargets& operator=(const ServiceTargets&) = delete;

    const ProxyLink& proxy_link() const { return *proxy_link_; }
    bool is_like(const ProxyLink& proxy_link, const Dialling& dialling) const {
        return proxy_link_->is_like(proxy_link) && dialling_ == dialling;
    }
    /// Takes the first answer, and goes on asking.
    void start(const Result<ServiceRecords, std::string>& first);
    /// No more, and none of its servers.
    void close();

    /// Of those that are there now, the lowest priority first. Any thread, under
    /// Server::choosing().
    template <class Visit>
    void each(Visit visit) const {
        for (const Target& target : targets_) visit(target);
    }

  private:
    static Task<> follow(Worker& main, std::weak_ptr<ServiceTargets> weak);
    void take(const Result<ServiceRecords, std::string>& answer);
    std::shared_ptr<Server> server_at(const HostPort& place) const;

    Workers& workers_;
    const std::shared_ptr<const ProxyLink> proxy_link_;
    const Dialling dialling_;
    Budget& budget_;
    std::vector<Target> targets_;  // under choosing()
    Milliseconds fresh_{kServiceFreshMin};
    bool closed_ = false;
};

}  // namespace inout::in
