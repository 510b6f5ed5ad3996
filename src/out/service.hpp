// The program out: one control link for each network. Owned by the daemon; its control links run on
// the main worker, and it lives as long as the process.
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

namespace inout::out {

class OutService : public ServiceOf<OutConfig> {
  public:
    explicit OutService(Workers& workers) : workers_(workers), budget_(0, 0) {}

    Result<Ready, ConfigProblems> prepare(std::shared_ptr<const OutConfig> config) override;
    void drain() override;
    admin::Page topics(const admin::Cut& cut) override;
    std::optional<std::size_t> kick_topic(const std::string& topic) override;

  private:
    /// What a network needs, made on any thread.
    struct Parts {
        const OutNetwork* config;
        std::shared_ptr<const ProxyLink> proxy_link;
        std::shared_ptr<const TlsPsk> e2e;
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
    /// What a network is known by: a file has it once.
    using Name = std::pair<HostPort, std::string>;
    using Links = std::map<Name, std::shared_ptr<ControlLink>>;
    using ProxiesBefore = std::multimap<std::string, Proxy>;

    /// A network for whoever asks what is served.
    struct Shown {
        std::shared_ptr<const Network> network;
        std::shared_ptr<const std::atomic<int>> position;  // ControlLink::position()
    };

    std::optional<std::string> commit(const Next& next);
    Proxy take_proxy(const ProxiesBefore& before, const Parts& parts);
    void start(const std::vector<std::shared_ptr<ControlLink>>& links);
    void share_descriptors(std::size_t networks);

    Workers& workers_;
    Budget budget_;
    std::vector<Proxy> proxies_;
    Links links_;
    Current<const std::vector<Shown>> shown_;
};

}  // namespace inout::out
