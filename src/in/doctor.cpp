#include "in/doctor.hpp"

#include <map>

#include "common/app/daemon.hpp"
#include "common/app/doctor.hpp"
#include "common/config/port_ranges.hpp"
#include "common/net/resolver.hpp"

namespace inout::in {
namespace {

using ProxyLinkPtr = std::shared_ptr<const ProxyLink>;

/// The proxies that a link leads to: itself, or those of the service that it names (SRV).
class Targets {
  public:
    explicit Targets(DoctorPlan& plan) : plan_(plan) {}

    const std::vector<ProxyLinkPtr>& of(const ProxyLinkPtr& proxy_link) {
        const auto [found, is_new] = targets_.try_emplace(proxy_link);
        if (is_new) found->second = find(proxy_link);
        return found->second;
    }

  private:
    std::vector<ProxyLinkPtr> find(const ProxyLinkPtr& proxy_link) {
        if (!is_service_name(proxy_link->server())) return {proxy_link};
        const std::string& name = proxy_link->server().host;
        const auto records = resolve_service_now(name, kStartLookup);
        std::vector<ProxyLinkPtr> all;
        std::string places;
        if (records) {
            for (const ServiceTarget& each : records->targets) {
                all.push_back(proxy_link->towards(each.place));
                places += (places.empty() ? "" : ", ") + to_string(each.place);
            }
        }
        const bool found = !all.empty();
        plan_.note({.server = name,
                    .check = "service",
                    .state = found ? Finding::State::ok : Finding::State::wrong,
                    .found = found     ? places
                             : records ? "the service is not offered"
                                       : records.error(),
                    .advice = found ? "" : "see whether DNS has SRV records of this name"});
        return all;
    }

    DoctorPlan& plan_;
    std::map<ProxyLinkPtr, std::vector<ProxyLinkPtr>> targets_;
};

/// Where clients say names: for the topics that are known beforehand.
void ask(DoctorPlan& plan, const ProxyLinkPtr& target, const InNetwork& network) {
    if (!network.names) return plan.ask(target, {.topic = network.topic});
    plan.look_at(target, DoctorDepth::introduce);
    for (const ListedTopic& each : network.names->topics) plan.ask(target, {.topic = each.topic});
    for (const TopicPattern& each : network.names->allow) {
        if (is_literal(each)) plan.ask(target, {.topic = each.text()});
    }
    if (!network.names->exit.empty()) plan.ask(target, {.topic = network.names->exit});
}

}  // namespace

int run_in_doctor(const std::shared_ptr<const InConfig>& written, bool json) {
    const auto config = with_each_port(written);
    DoctorPlan plan(config->connect_timeout);
    Targets targets(plan);
    ProxyLinks proxy_links;
    const ConfigProblems problems =
        load_networks(*config, TlsSide::client, proxy_links,
                      [&](const InNetwork& network, const std::vector<ProxyLinkPtr>& all,
                          const std::shared_ptr<const TlsPsk>&) {
                          for (const ProxyLinkPtr& each : all) {
                              for (const ProxyLinkPtr& target : targets.of(each)) {
                                  ask(plan, target, network);
                              }
                          }
                      });
    if (!problems.empty()) return detail::report(problems);
    plan.look_at(proxy_links.validities());
    return run_doctor("in", *config, json, std::move(plan));
}

}  // namespace inout::in
