#include "proxy/doctor.hpp"

#include <algorithm>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/app/doctor.hpp"
#include "common/base/random.hpp"
#include "common/base/wall_clock.hpp"
#include "common/cluster/roll_call.hpp"
#include "common/tls/pinned_key.hpp"
#include "proxy/cluster.hpp"
#include "proxy/engine_options.hpp"
#include "proxy/roll.hpp"
#include "proxy/settings.hpp"

namespace inout::proxy {
namespace {

/// Where this machine reaches its own listener.
HostPort near(const HostPort& listen) {
    const bool is_everywhere = listen.host == "0.0.0.0" || listen.host == "::";
    return is_everywhere ? HostPort{"localhost", listen.port} : listen;
}

/// Who knows our certificate's key needs no CA.
Result<std::optional<TlsClientOptions>, std::string> tls_towards(const ProxyConfig& config) {
    if (!config.tls || config.tls->mode != TlsMode::required) {
        return std::optional<TlsClientOptions>();
    }
    auto key = load_pinned_key(config.tls->cert);
    if (!key) return Failure{key.error()};
    return std::optional(TlsClientOptions{.pin = std::move(key->pin)});
}

/// Whether the proxy runs, with the certificate that the file has now.
std::optional<std::string> add_own_port(DoctorPlan& plan, const ProxyConfig& config,
                                        TrustStores& trusts) {
    const HostPort place = near(config.listen);
    if (place.port == 0 || config.proxy_protocol) {
        plan.note({.server = to_string(config.listen),
                   .check = "tcp",
                   .state = Finding::State::warning,
                   .found = place.port == 0
                                ? "not looked at: the port is the kernel's choice"
                                : "not looked at: who connects there has to speak for a "
                                  "client (proxy_protocol)"});
        return std::nullopt;
    }
    const auto tls = tls_towards(config);
    if (!tls) return tls.error();
    const auto link = ProxyLink::make(place, *tls, std::nullopt, trusts);
    if (!link) return link.error();
    plan.look_at(*link, DoctorDepth::reach);
    return std::nullopt;
}

/// All servers at the same time.
std::vector<cluster::RollCall> call_all(const cluster::Engine::Options& options) {
    std::vector<std::future<cluster::RollCall>> asked;
    for (const std::string& server : options.nats.servers) {
        asked.push_back(std::async(std::launch::async, [&options, &server] {
            return cluster::call_roll(options.nats, server, options.cluster);
        }));
    }
    std::vector<cluster::RollCall> all;
    std::ranges::transform(asked, std::back_inserter(all), [](auto& each) { return each.get(); });
    return all;
}

void add_cluster(DoctorPlan& plan, const ClusterOptions& options, TrustStores& trusts) {
    const auto engine = engine_options(options, random_hex(kMagicDigits));
    const Roll roll = judge_roll(options, engine.nats.servers, call_all(engine));
    for (const Finding& each : roll.findings) plan.note(each);
    for (const HostPort& place : roll.others) {
        const auto link = Cluster::way_to(place, options, trusts);
        if (!link) {
            plan.note(
                {.server = to_string(place),
                 .check = "proxy",
                 .state = Finding::State::wrong,
                 .found = link.error(),
                 .advice = "streams of topics that are there fail: correct \"cluster\" here"});
            continue;
        }
        plan.look_at(*link, DoctorDepth::introduce);
    }
}

}  // namespace

int run_proxy_doctor(const std::shared_ptr<const ProxyConfig>& config, bool json) {
    DoctorPlan plan(kHopConnect);
    const auto settings = load_settings(config, nullptr);
    if (!settings) return detail::report(settings.error());
    TrustStores trusts;
    if ((*settings)->tls) plan.look_at((*settings)->tls->validities());
    if (const auto problem = add_own_port(plan, *config, trusts)) {
        return detail::report({*problem});
    }
    if (config->cluster) {
        if (const auto problem = Cluster::check(*config->cluster)) {
            return detail::report({*problem});
        }
        add_cluster(plan, *config->cluster, trusts);
    }
    return run_doctor("proxy", *config, json, std::move(plan));
}

}  // namespace inout::proxy
