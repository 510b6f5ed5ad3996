// The program proxy: one listener; what a connection is for, its first message says. Owned by the
// daemon; accepts on the main worker. Its state is for any thread, each part behind its own lock.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/app/daemon.hpp"
#include "common/base/current.hpp"
#include "common/base/random.hpp"
#include "common/net/acceptor.hpp"
#include "proxy/allowances.hpp"
#include "proxy/cluster.hpp"
#include "proxy/descriptor_budget.hpp"
#include "proxy/directory.hpp"
#include "proxy/passed_on.hpp"
#include "proxy/probes.hpp"
#include "proxy/running_streams.hpp"
#include "proxy/settings.hpp"
#include "proxy/spare_list.hpp"
#include "proxy/strangers.hpp"

namespace inout::proxy {

/// Connections that there can be: as many as descriptors, or as limits.connections says.
std::size_t descriptors_for(const ProxyLimits& limits);
/// Of these, those that are taken.
std::size_t descriptors_in_use();
/// Why somebody gets no more of them.
std::string words(DescriptorBudget::Verdict verdict);

/// What all sessions of the proxy share. Thread-safe.
struct ProxyState {
    explicit ProxyState(const ProxyLimits& limits);

    /// The current ones: there are some before anybody comes.
    SettingsPtr settings() const { return settings_.get(); }
    /// From now on. Main thread.
    void take(const SettingsPtr& settings,
              std::optional<QuotaLedger::Content> quotas_used = std::nullopt);

    Strangers strangers;
    /// Names this proxy: the next process that takes over from this one has the same. Set before
    /// anybody comes.
    std::string proxy_id = random_hex(kStreamIdDigits);
    Directory directory;
    DescriptorBudget budget;
    SpareList spares;
    PassedOn passed_on;
    RunningStreams running;
    Allowances allowances;
    ProbeRate probe_rate;
    Quota streams_of_topic, streams_of_key, topics_of_key;
    std::atomic<bool> draining{false};
    std::atomic<bool> handed_over{false};  ///< whoever connects now reaches the next process
    /// Nothing: it is in none. Set before anybody comes.
    std::unique_ptr<Cluster> cluster;

    /// Ends one that may have its topic no more.
    void judge(Registration& registration) const;
    /// The same for a stream, if streams end with what allowed them; and if a quota is used up.
    void judge(const RunningStreams::Stream& stream) const;
    /// Whose connection this is, for the budget.
    DescriptorBudget::Owner owner_of(const Identity& identity, const Connection& connection) const;
    /// If descriptors are few, parked connections close, and spare ones if there are hardly any
    /// left; at most once in kReliefPause. From any thread.
    void relieve(std::size_t in_use);

  private:
    void end_streams_of(const Identity& who, const std::string& why);
    void set_limits(const ProxyConfig& config);
    void revoke(const Gatekeeper& gatekeeper);

    Current<const Settings> settings_;
    std::atomic<Clock::rep> relieved_{0};
};

class ProxyService : public ServiceOf<ProxyConfig> {
  public:
    ProxyService(Workers& workers, const ProxyConfig& config)
        : workers_(workers), state_(config.limits) {
        state_.allowances.run_on(workers.main().executor());
    }

    Result<Ready, ConfigProblems> prepare(std::shared_ptr<const ProxyConfig> config) override;
    void drain() override;
    std::optional<std::string> copy_sockets(std::vector<NamedDescriptor>& sockets) override;
    std::vector<std::string> hand_over() override;
    void take_back() override;
    /// The directory of the cluster can be asked, as at the process before perhaps.
    bool may_take_over() override;
    void take_over(const std::vector<std::string>& words) override;
    bool has_drained() override { return !stay_; }
    void stop() override {
        if (state_.cluster) state_.cluster->stop();
        state_.allowances.stop();
    }
    void add_facts(admin::Facts& facts) override;
    admin::Page topics(const admin::Cut& cut) override;
    const admin::Document* document() override;
    std::optional<std::size_t> kick_topic(const std::string& topic) override {
        return state_.directory.kick(topic);
    }

  private:
    std::optional<std::string> commit(const SettingsPtr& settings, const Resolved& address,
                                      std::optional<QuotaLedger::Content> quotas_used);
    static std::optional<std::string> check_cluster(const ProxyConfig& config);
    std::optional<std::string> join_cluster(const SettingsPtr& settings);
    Task<> accept(std::shared_ptr<Acceptor> acceptor);
    bool succeed();
    void tell_outs(bool at_once);
    void end_service(bool is_replaced);

    Workers& workers_;
    ProxyState state_;
    std::shared_ptr<Acceptor> acceptor_;
    std::optional<Timer> stay_;  // while it still serves what it had accepted
};

}  // namespace inout::proxy
