#include "proxy/service.hpp"

#include <algorithm>

#include "common/os/descriptors.hpp"
#include "proxy/engine_facts.hpp"
#include "proxy/engine_options.hpp"
#include "proxy/sessions.hpp"
#include "proxy/status_page.hpp"
#include "proxy/topic_list.hpp"

namespace inout::proxy {
namespace {

/// Once, at the start, rather than when the first client is refused.
void warn_of_few_descriptors(const ProxyLimits& limits) {
    const ProxyLimits usual;
    std::size_t needed = limits.connections;
    const auto asks_for = [&needed](std::size_t connections, std::size_t by_default) {
        if (connections != by_default) needed = std::max(needed, connections);
    };
    asks_for(2 * limits.streams_per_topic, 2 * usual.streams_per_topic);
    asks_for(2 * limits.streams_per_key, 2 * usual.streams_per_key);
    asks_for(2 * limits.handshakes, 2 * usual.handshakes);
    const std::size_t there = descriptors_for({.connections = 0});
    if (needed <= there) return;
    log::warning("too few descriptors",
                 {{"needed", needed},
                  {"available", there},
                  {"reason",
                   "the limits ask for more connections than there are file "
                   "descriptors: raise LimitNOFILE (ulimit -n), or lower the limits"}});
}

bool may_serve(const Gatekeeper& gatekeeper, const Registration& registration) {
    return gatekeeper.allows_out(*registration.standing, registration.topic, registration.pattern);
}

bool may_run(const Gatekeeper& gatekeeper, const RunningStreams::Stream& stream) {
    const std::string& topic = stream.record->topic;
    if (!gatekeeper.allows(*stream.standing, Right::in, topic)) return false;
    return !stream.registration ||
           gatekeeper.allows(*stream.registration->standing, Right::out, topic);
}

PoolBounds bounds_of(const ProxyConfig& config) {
    return {config.pool_min, config.pool_max, config.limits.waiting};
}

/// The same configuration, where of "cluster" all that needs a restart is as before.
std::shared_ptr<const ProxyConfig> in_cluster_of(const ProxyConfig& before,
                                                 std::shared_ptr<const ProxyConfig> config) {
    if (config->cluster == before.cluster) return config;
    auto made = std::make_shared<ProxyConfig>(*config);
    made->cluster = before.cluster;
    if (!config->cluster || !made->cluster) return made;
    made->cluster->id = config->cluster->id;
    made->cluster->key_file = config->cluster->key_file;
    made->cluster->tls = config->cluster->tls;
    made->cluster->peers = config->cluster->peers;
    return made;
}

StreamEnd taken_away() {
    return {.cause = StreamEnd::Cause::revoked, .words = "permission taken away"};
}

}  // namespace

std::size_t descriptors_for(const ProxyLimits& limits) {
    // Without what pipes may have and what is kept back.
    // Where there are only some dozens, shares of them would serve nobody: the acceptor's reserve
    // is what holds then.
    const std::size_t limit = descriptor_limit();
    const std::size_t all = std::max(descriptors_for_streams(limit, kOwnThreads, 0), limit / 2);
    return limits.connections > 0 ? std::min(all, limits.connections) : all;
}

std::size_t descriptors_in_use() { return counters().sockets; }

std::string words(DescriptorBudget::Verdict verdict) {
    return verdict == DescriptorBudget::Verdict::none_left
               ? "no file descriptors left at the proxy"
               : "this key, certificate or address has as many connections as it may";
}

DescriptorBudget::Owner ProxyState::owner_of(const Identity& identity,
                                             const Connection& connection) const {
    if (identity.kind == Identity::Kind::proxy) {
        return {.name = to_string(identity) + ' ' + connection.source(), .peer = true};
    }
    if (identity.kind != Identity::Kind::anonymous) return {.name = to_string(identity)};
    const SettingsPtr now = settings();
    return {.name = connection.source(),
            .anonymous = now->gatekeeper.protects(),
            .shared = any_contains(now->config.trusted, connection.peer_address())};
}

void ProxyState::relieve(std::size_t in_use) {
    if (!budget.is_tight(in_use)) return;
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep last = relieved_;
    if (now - last < Clock::duration(kReliefPause).count()) return;
    if (!relieved_.compare_exchange_strong(last, now)) return;
    for (const auto& registration : directory.all()) registration->pool->shed();
    // A request may be on its way on a spare connection and be lost with it: only if clients would
    // be refused instead.
    if (budget.is_spent(in_use)) spares.shed();
    if (cluster) cluster->shed();
}

ProxyState::ProxyState(const ProxyLimits& limits)
    : strangers(limits),
      directory(limits.topics, limits.waiting),
      budget(descriptors_for(limits), limits.warm),
      spares(budget.optional_max()),
      passed_on(budget.descriptors() / kPassedOnPart),
      allowances([this](const Identity& who, const std::string& why) { end_streams_of(who, why); }),
      streams_of_topic(limits.streams_per_topic),
      streams_of_key(limits.streams_per_key),
      topics_of_key(limits.topics_per_key) {}

void ProxyState::take(const SettingsPtr& settings,
                      std::optional<QuotaLedger::Content> quotas_used) {
    set_limits(settings->config);
    allowances.take(settings->config, std::move(quotas_used));
    // First this: whoever comes from now on is judged by it, and the others by revoke().
    settings_.set(settings);
    revoke(settings->gatekeeper);
}

/// On any thread, as whoever moves bytes finds it.
void ProxyState::end_streams_of(const Identity& who, const std::string& why) {
    const std::size_t ended = running.reset_if(
        [&who](const RunningStreams::Stream& stream) { return stream.concerns(who); },
        {.cause = StreamEnd::Cause::quota, .words = why});
    if (ended > 0) log::info("streams ended", {{"streams", ended}, {"reason", why}});
}

void ProxyState::set_limits(const ProxyConfig& config) {
    const ProxyLimits& limits = config.limits;
    strangers.set_limits(limits);
    directory.set_limits(limits.topics, bounds_of(config));
    budget.resize(descriptors_for(limits), limits.warm);
    spares.set_limit(budget.optional_max());
    passed_on.set_limit(budget.descriptors() / kPassedOnPart);
    streams_of_topic.set_limit(limits.streams_per_topic);
    streams_of_key.set_limit(limits.streams_per_key);
    topics_of_key.set_limit(limits.topics_per_key);
}

void ProxyState::judge(Registration& registration) const {
    if (may_serve(settings()->gatekeeper, registration)) return;
    registration.revoked = true;
    registration.end();
}

void ProxyState::judge(const RunningStreams::Stream& stream) const {
    if (auto end = allowances.end_of(stream.standing->asker(), stream.server())) {
        stream.relays.reset(stream.record, *end);
        return;
    }
    const SettingsPtr now = settings();
    if (!now->gatekeeper.ends_streams() || may_run(now->gatekeeper, stream)) return;
    stream.relays.reset(stream.record, taken_away());
}

/// Ends what is not permitted any more.
void ProxyState::revoke(const Gatekeeper& gatekeeper) {
    for (const auto& registration : directory.all()) judge(*registration);
    spares.shed_if(
        [&gatekeeper](const Standing& standing) { return !gatekeeper.may_park_spare(standing); });
    if (!gatekeeper.ends_streams()) return;
    const std::size_t ended = running.reset_if(
        [&gatekeeper](const RunningStreams::Stream& stream) {
            return !may_run(gatekeeper, stream);
        },
        taken_away());
    if (ended > 0) log::info("streams ended", {{"streams", ended}, {"reason", "auth.revoke"}});
}

Result<Ready, ConfigProblems> ProxyService::prepare(std::shared_ptr<const ProxyConfig> config) {
    if (const SettingsPtr now = state_.settings()) config = in_cluster_of(now->config, config);
    auto quotas_used = state_.allowances.read(*config);
    auto loaded = load_settings(config, state_.settings().get());
    ConfigProblems problems = loaded ? ConfigProblems() : std::move(loaded.error());
    if (!quotas_used) problems.push_back(std::move(quotas_used.error()));
    if (const auto problem = check_cluster(*config)) problems.push_back(*problem);
    if (!problems.empty()) return Failure{std::move(problems)};
    SettingsPtr settings = std::move(*loaded);
    const auto address = std::make_shared<Resolved>();
    Ready ready;
    if (settings->tls) ready.validities = settings->tls->validities();
    ready.look_up = [settings, address] {
        *address = resolve_now(settings->config.listen, kStartLookup);
    };
    ready.commit = [this, settings = std::move(settings), address, used = std::move(*quotas_used)] {
        return commit(settings, *address, used);
    };
    return ready;
}

std::optional<std::string> ProxyService::commit(const SettingsPtr& settings,
                                                const Resolved& address,
                                                std::optional<QuotaLedger::Content> quotas_used) {
    if (auto problem = state_.allowances.start(settings->config)) return problem;
    const HostPort& listen = settings->config.listen;
    const SettingsPtr before = state_.settings();
    const bool waits = !before && succeed();
    if (!before) {
        if (auto problem = join_cluster(settings)) return problem;
    }
    auto acceptor = acceptor_;
    std::vector<std::string> places;
    if (!before || before->config.listen != listen) {
        acceptor = std::make_shared<Acceptor>(workers_.main().context());
        const auto bound = acceptor->listen(listen, address, "proxy");
        if (!bound) return bound.error();
        for (const Endpoint& place : *bound) places.push_back(to_string(place));
        acceptor->hold(waits);
    }
    if (!before || before->config.limits != settings->config.limits) {
        warn_of_few_descriptors(settings->config.limits);
    }
    if (state_.cluster) state_.cluster->take(settings->owner);
    state_.take(settings, std::move(quotas_used));
    if (acceptor == acceptor_) return std::nullopt;
    if (acceptor_) {
        acceptor_->close();
        log::info("listens no more", {{"address", to_string(before->config.listen)}});
    }
    acceptor_ = std::move(acceptor);
    for (const std::string& place : places) {
        log::info("listening", {{"address", place}, {"proxy", state_.proxy_id}});
    }
    spawn_for_ever(workers_.main().executor(), "listener",
                   [this, acceptor = acceptor_] { return accept(acceptor); });
    return std::nullopt;
}

Task<> ProxyService::accept(std::shared_ptr<Acceptor> acceptor) {
    while (true) {
        Worker& worker = workers_.next();
        auto connection = co_await acceptor->accept(worker.context());
        if (!connection) co_return;
        auto admitted = state_.strangers.admit(connection, state_.settings()->config,
                                               Strangers::Speaks::for_unknown);
        if (!admitted.stay) {
            // Who would ask for room is not even let in: limits.connections.
            state_.relieve(descriptors_in_use());
            count_refused(*connection, admitted);
            continue;
        }
        spawn(
            worker.executor(), "first message",
            first_message_session(state_, worker, std::move(connection), std::move(admitted.stay)));
        // In a crowd the next one has to wait until this one's worker has seen to those who are
        // there: they may have spoken, and only who has not makes room.
        if (admitted.crowded) co_await asio::post(worker.executor(), use_result);
    }
}

admin::Page ProxyService::topics(const admin::Cut& cut) {
    return list_topics(state_.directory, cut);
}

const admin::Document* ProxyService::document() { return &kStatusPage; }

void ProxyService::add_facts(admin::Facts& facts) {
    facts.quotas = state_.allowances.facts();
    facts.quota_problem = state_.allowances.problem();
    if (state_.cluster) {
        const SettingsPtr settings = state_.settings();
        facts.cluster =
            cluster_fact(settings->config.cluster->name, state_.cluster->engine().facts());
    }
}

/// The files that it names.
std::optional<std::string> ProxyService::check_cluster(const ProxyConfig& config) {
    return config.cluster ? Cluster::check(*config.cluster) : std::nullopt;
}

/// At the start, before anybody comes.
std::optional<std::string> ProxyService::join_cluster(const SettingsPtr& settings) {
    if (!settings->config.cluster) return std::nullopt;
    auto engine = cluster::Engine::make(
        engine_options(*settings->config.cluster, state_.proxy_id),
        [this](const std::string& topic) { return state_.directory.answer_of(topic); });
    if (!engine) return "cluster: " + engine.error();
    state_.directory.announce_to(
        [engine = *engine](const cluster::Presence::Name& name, bool is_here) {
            is_here ? engine->registered(name) : engine->unregistered(name);
        });
    state_.cluster =
        std::make_unique<Cluster>(workers_, std::move(*engine), state_.budget.optional_max() / 2);
    return std::nullopt;
}

}  // namespace inout::proxy
