// DirectionLimit: what one direction of a stream may move, where there are rates and quotas.
//
// Runs the direction's pump within them: no read is larger than what was granted. What a full sink
// has left of a read needs no other grant. A direction without any limit has none of these. Owned
// by the direction, on its worker's thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/poller.hpp"
#include "common/relay/pump.hpp"
#include "common/relay/rate_limiter.hpp"
#include "common/rules/byte_quota.hpp"

namespace inout {

using RateLimiters = std::vector<std::shared_ptr<RateLimiter>>;

/// Of a stream, whose streams they are shared with; a limit stands here once.
struct StreamLimits {
    RateLimiters up, down;
    std::vector<std::shared_ptr<ByteQuota>> quotas;  ///< of both directions together

    bool empty() const { return up.empty() && down.empty() && quotas.empty(); }
};

class DirectionLimit final : RateLimiter::Waiting {
  public:
    using Quotas = std::vector<std::shared_ptr<ByteQuota>>;
    /// `pump` is that of `direction`, whose ready() is called when it may go on, and abandon() if
    /// nobody will; it must live until then. What the pump has moved already is charged.
    DirectionLimit(const Executor& executor, Waiter& direction, Pump& pump, RateLimiters rates,
                   Quotas quotas);
    ~DirectionLimit() override;

    /// As Pump::run_if_due(). Nothing: it waits for its turn, or a quota is_used_up().
    std::optional<Pump::Step> run(const Pump::Tools& tools, ByteLayer& source, ByteLayer& sink);
    bool waits() const { return waits_; }
    /// A quota of which no byte is left; nothing: there is none such.
    const ByteQuota* used_up() const { return used_up_; }
    /// It moves nothing any more. True: it had to be told, and will not be.
    bool stop();
    /// To be called now and then while it waits.
    void serve();

  private:
    void granted(std::size_t bytes) override;
    void abandon() override;
    bool take_turn();
    std::size_t reserve(std::size_t wanted);
    void settle(std::size_t reserved, std::size_t moved);
    void give_back(std::size_t moved);
    std::size_t moved_in_all() const { return pump_.bytes() + pump_.held(); }

    Waiter& direction_;
    Pump& pump_;
    RateLimiters rates_;
    Quotas quotas_;
    std::vector<std::size_t> grants_;  // of the first of the rates, not moved yet
    const ByteQuota* used_up_ = nullptr;
    bool waits_ = false, stopped_ = false;
};

}  // namespace inout
