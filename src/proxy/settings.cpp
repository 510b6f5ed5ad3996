#include "proxy/settings.hpp"

namespace inout::proxy {
namespace {

Select select_of(Dispatch dispatch) {
    switch (dispatch) {
        case Dispatch::round_robin: return Select::round_robin;
        case Dispatch::random: return Select::random;
        case Dispatch::source: return Select::source;
        case Dispatch::least_streams: break;
    }
    return Select::least_streams;
}

}  // namespace

Select dispatch_of(const ProxyConfig& config, std::string_view topic) {
    for (const DispatchRule& rule : config.dispatch) {
        if (rule.topics.empty() || any_matches(rule.topics, topic)) return select_of(rule.by);
    }
    return Select::least_streams;
}

Result<SettingsPtr, ConfigProblems> load_settings(std::shared_ptr<const ProxyConfig> config,
                                                  const Settings* before) {
    auto settings = std::make_shared<Settings>(std::move(config));
    ConfigProblems problems;
    const TlsServer* const old = before != nullptr ? before->tls.get() : nullptr;
    const auto& options = settings->config.tls;
    if (options && options->mode != TlsMode::off) {
        auto server = TlsServer::make(*options, old);
        if (!server) {
            problems.push_back(server.error());
        } else if (old != nullptr && old->is_like(**server)) {
            settings->tls = before->tls;
        } else {
            settings->tls = std::move(*server);
        }
    }
    const bool same_clients = old != nullptr && settings->tls && settings->tls->trusts_like(*old);
    for (auto& problem : settings->gatekeeper.load(
             before != nullptr ? &before->gatekeeper : nullptr, same_clients)) {
        problems.push_back(std::move(problem));
    }
    if (!problems.empty()) return Failure{std::move(problems)};
    return SettingsPtr(std::move(settings));
}

}  // namespace inout::proxy
