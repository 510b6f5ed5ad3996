// The program proxy: one listener; what a connection is for, its first message says. Owned by the
// daemon; accepts on the main worker. Its state is for any thread, each part behind its own lock.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/app/certificate_watch.hpp"
#include "common/app/daemon.hpp"
#include "common/base/random.hpp"
#include "common/net/acceptor.hpp"
#include "common/net/connection_list.hpp"
#include "common/tls/server.hpp"
#include "proxy/descriptor_budget.hpp"
#include "proxy/directory.hpp"
#include "proxy/gatekeeper.hpp"
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
    explicit ProxyState(const ProxyConfig& c)
        : config(c),
          gatekeeper(c),
          strangers(c),
          directory(c.limits.topics, c.limits.waiting),
          budget(descriptors_for(c.limits), c.limits.warm),
          spares(budget.optional_max()),
          streams_of_topic(c.limits.streams_per_topic),
          streams_of_key(c.limits.streams_per_key),
          topics_of_key(c.limits.topics_per_key) {}
    const ProxyConfig& config;
    std::unique_ptr<TlsServer> tls;  ///< nothing: plain connections only
    Gatekeeper gatekeeper;
    Strangers strangers;
    const std::string proxy_id = random_hex(kStreamIdDigits);  ///< names this process
    Directory directory;
    DescriptorBudget budget;
    ConnectionList spares;  ///< spare connections of ins
    Quota streams_of_topic, streams_of_key, topics_of_key;
    std::atomic<bool> draining{false};

    /// Whose connection this is, for the budget.
    DescriptorBudget::Owner owner_of(const Identity& identity, const Connection& connection) const;
    /// If descriptors are few, parked connections close, and spare ones if there are hardly any
    /// left; at most once in kReliefPause. From any thread.
    void relieve(std::size_t in_use);

  private:
    std::atomic<Clock::rep> relieved_{0};
};

class ProxyService : public Service {
  public:
    ProxyService(Workers& workers, const ProxyConfig& config);

    ConfigProblems load() override;
    std::optional<std::string> start() override;
    void drain() override;

  private:
    Task<> accept();

    Workers& workers_;
    ProxyState state_;
    Acceptor acceptor_;
    CertificateWatch certificates_;
};

}  // namespace inout::proxy
