// The program in: one listener for each network. Owned by the daemon; accepts on the main worker,
// and lives as long as the process.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/base/current.hpp"
#include "common/rules/quota.hpp"
#include "in/listener.hpp"

namespace inout::in {

class InService : public ServiceOf<InConfig> {
  public:
    InService(Workers& workers, const InConfig& config)
        : workers_(workers), streams_of_client_(config.streams_per_client), budget_(0, 0) {}

    Result<Ready, ConfigProblems> prepare(std::shared_ptr<const InConfig> config) override;
    void drain() override;
    std::optional<std::string> copy_sockets(std::vector<NamedDescriptor>& sockets) override;
    std::vector<std::string> hand_over() override;
    void take_back() override { handed_over_ = false; }
    void stop() override { drain(); }
    std::optional<std::string> not_ready() override;
    void add_facts(admin::Facts& facts) override;
    admin::Page topics(const admin::Cut& cut) override;

  private:
    /// What a network needs, made on any thread.
    struct Parts {
        const InNetwork* config;
        std::vector<std::shared_ptr<const ProxyLink>> proxy_links;  ///< of its servers
        std::shared_ptr<const TlsPsk> e2e;
        Resolved address;  ///< of its listener
    };
    struct Next {
        std::shared_ptr<const InConfig> config;
        std::vector<Parts> networks;
        /// What DNS says of the services, by the links that name them.
        std::map<const ProxyLink*, Result<ServiceRecords, std::string>> services;
    };
    /// By how they are reached, and for how long one that failed rests.
    using Reached = std::pair<const ProxyLink*, Milliseconds>;
    using Servers = std::map<Reached, std::shared_ptr<Server>>;
    using Services = std::map<Reached, std::shared_ptr<ServiceTargets>>;
    /// What there is, by where it listens and by whom it speaks to: what is left over goes.
    struct Before {
        std::multimap<std::string, std::shared_ptr<Listener>> listeners;
        std::multimap<std::string, std::shared_ptr<Server>> servers;
        std::multimap<std::string, std::shared_ptr<ServiceTargets>> services;
    };
    /// What there will be.
    struct After {
        Servers servers;
        Services services;
    };

    std::optional<std::string> commit(const Next& next);
    static std::shared_ptr<Listener> take_listener(Before& before, const InNetwork& config);
    template <class Place>
    std::shared_ptr<Place> take_place(std::multimap<std::string, std::shared_ptr<Place>>& before,
                                      const std::shared_ptr<const ProxyLink>& proxy_link,
                                      const Dialling& dialling);
    std::shared_ptr<ServerGroup> make_group(Before& before, After& after, const Parts& parts,
                                            const InConfig& config);
    static void look_up(Next& next);
    void take_services(const Services& services, const Next& next);
    void start(const Listeners& listeners);
    void share_descriptors(const InConfig& config);
    void show();
    void look_at(const std::vector<std::shared_ptr<Server>>& servers, const InConfig& config);
    Task<> accept(std::shared_ptr<Listener> listener);

    /// What there is, for any thread: never changed.
    struct Shown {
        struct Place {
            std::string address;
            std::shared_ptr<const Network> network;
        };
        std::vector<Place> places;
    };

    Workers& workers_;
    Quota streams_of_client_;
    Budget budget_;
    std::vector<std::shared_ptr<Server>> servers_;
    std::vector<std::shared_ptr<ServiceTargets>> services_;
    Listeners listeners_;
    bool handed_over_ = false;  // to another process
    Current<const Shown> shown_;
};

}  // namespace inout::in
