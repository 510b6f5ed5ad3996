// The program out: one control link for each network and server. Owned by the daemon; its control
// links run on the main worker, and it lives as long as the process.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/base/current.hpp"
#include "out/control_link.hpp"
#include "out/health_check.hpp"

namespace inout::out {

class OutService : public ServiceOf<OutConfig> {
  public:
    explicit OutService(Workers& workers) : workers_(workers), budget_(0, 0) {}

    Result<Ready, ConfigProblems> prepare(std::shared_ptr<const OutConfig> config) override;
    void drain() override;
    std::optional<std::string> copy_sockets(std::vector<NamedDescriptor>& sockets) override;
    admin::Page topics(const admin::Cut& cut) override;
    std::optional<std::size_t> kick_topic(const std::string& topic) override;
    std::optional<std::string> not_ready() override;
    void add_facts(admin::Facts& facts) override;

  private:
    /// What a network needs, made on any thread.
    struct Parts {
        const OutNetwork* config;
        std::vector<std::shared_ptr<const ProxyLink>> proxy_links;  // one for each of its servers
        std::shared_ptr<const TlsPsk> e2e;
        std::shared_ptr<const ForwardUsers> users;
    };
    struct Next {
        std::shared_ptr<const OutConfig> config;
        std::vector<Parts> networks;
    };
    /// A proxy, as some networks reach it.
    struct Proxy {
        std::shared_ptr<const ProxyLink> link;
        std::shared_ptr<DataLinks> data_links;
    };
    /// What a network at one of its servers is known by: a file has it once.
    using Name = std::pair<HostPort, std::string>;
    using Links = std::map<Name, std::shared_ptr<ControlLink>>;
    using ProxiesBefore = std::multimap<std::string, Proxy>;
    /// Of networks whose backends are asked whether they work.
    using Checks = std::map<std::shared_ptr<Backends>, std::shared_ptr<HealthCheck>>;

    /// A network at one of its servers, for whoever asks what is served.
    struct Shown {
        std::shared_ptr<const Network> network;
        std::shared_ptr<const std::atomic<int>> position;  // ControlLink::position()
    };

    /// What commit() makes, before it touches what there is.
    struct Made;

    std::optional<std::string> commit(const Next& next);
    void make_network(Made& made, const Parts& parts, const OutConfig& config);
    void make_link(Made& made, std::shared_ptr<const Network> network,
                   const std::shared_ptr<OutName>& out_name);
    static Proxy take_proxy(Made& made, const std::shared_ptr<const ProxyLink>& proxy_link,
                            Budget& budget);
    void start(const Made& made);
    std::vector<std::shared_ptr<Backends>> backends_to_show() const;
    void backends_changed(const Backends* backends);
    void share_descriptors(std::size_t registrations);

    Workers& workers_;
    Budget budget_;
    std::vector<Proxy> proxies_;
    Links links_;
    Checks checks_;
    std::multimap<const Backends*, ControlLink*> links_of_;  // of those that are asked
    const std::shared_ptr<QuestionRoom> questions_ = std::make_shared<QuestionRoom>();
    Current<const std::vector<Shown>> shown_;
};

}  // namespace inout::out
