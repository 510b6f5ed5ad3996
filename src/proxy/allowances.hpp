// Allowances: how fast the streams of each key and certificate may be, and how much they may carry.
//
// Made of a configuration; what was there before stays with who has it, so that running streams go
// on with another rate or quota. Whoever opens a stream asks whether it may, and takes its limits.
// Where nobody has an allowance nothing is looked up. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/admin/facts.hpp"
#include "common/base/current.hpp"
#include "common/config/types.hpp"
#include "common/relay/rates.hpp"
#include "common/rules/access_policy.hpp"
#include "common/rules/reason.hpp"
#include "proxy/quota_ledger.hpp"

namespace inout::proxy {

class Allowances {
  public:
    /// The quota of one is used up, and somebody wants more: its streams are to end.
    using UsedUp = std::function<void(const Identity& who, const std::string& why)>;
    explicit Allowances(UsedUp used_up) : used_up_(std::move(used_up)) {}

    /// Where timers run, before there are any.
    void run_on(const Executor& executor) { executor_ = executor; }

    /// Reads the quota file, if there has to be one and it is not in use already. Blocks; any
    /// thread.
    Result<std::optional<QuotaLedger::Content>, std::string> read(const ProxyConfig& config) const;
    /// Makes what take() needs. The failure: nothing was changed.
    std::optional<std::string> start(const ProxyConfig& config);
    /// From now on. Main thread.
    void take(const ProxyConfig& config, std::optional<QuotaLedger::Content> content);

    /// Why a stream of this one may not be opened; Code::none: it may. `asks`: it hears the reason.
    Reason objection(const Identity& who, bool asks) const {
        return any_ ? objection_of(who, asks) : Reason{Code::none, {}};
    }
    /// Why one that runs has to end; nothing: it has not.
    std::optional<StreamEnd> end_of(const Identity& asks, const Identity& serves) const;
    /// Of a stream; nothing: there are none.
    std::unique_ptr<StreamLimits> limits(const Identity& asks, const Identity& serves) const {
        return any_ ? limits_of(asks, serves) : nullptr;
    }

    std::vector<admin::QuotaFact> facts() const;
    std::string problem() const { return ledger_.problem(); }
    /// Another process counts in the same quota file from now on.
    void share() { ledger_.share(); }
    /// Everything has ended: what was used is saved.
    void stop() { (void)ledger_.stop(); }

  private:
    struct Allowance {
        std::optional<RateOptions> options;
        Rates rates;
        std::shared_ptr<ByteQuota> quota;
    };
    using Table = std::unordered_map<std::string, Allowance>;

    Reason objection_of(const Identity& who, bool asks) const;
    std::unique_ptr<StreamLimits> limits_of(const Identity& asks, const Identity& serves) const;
    void add(Table& table, const Identity& who, const AllowanceOptions& options);
    void tell(const Identity& who, ByteQuota::Event event) const;
    const Allowance* find(const Table& table, const Identity& who) const;

    const UsedUp used_up_;
    std::optional<Executor> executor_;
    QuotaLedger ledger_;
    std::atomic<bool> any_{false};
    Current<const Table> table_{std::make_shared<const Table>()};
};

}  // namespace inout::proxy
