// The backends of one network of out: which one a stream goes to, and what is known of each. Shared
// by the networks of all its servers, and by their streams; another configuration has others, which
// take over what is known of those that stay. Thread-safe; nothing here waits.
#pragma once

#include <atomic>
#include <bitset>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/types.hpp"
#include "common/rules/chooser.hpp"
#include "common/rules/health.hpp"

namespace inout::out {

/// One service.
struct Backend {
    explicit Backend(BackendAddress at) : address(std::move(at)), name(to_string(address)) {}

    const BackendAddress address;
    const std::string name;
    std::atomic<std::size_t> streams{0};  ///< that are being opened at it, or run
};

/// A stream that is counted at its backend for as long as this lives. Movable.
class BackendUse {
  public:
    BackendUse() = default;
    explicit BackendUse(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {
        ++backend_->streams;
    }
    BackendUse(BackendUse&&) noexcept = default;
    BackendUse& operator=(BackendUse&& other) noexcept {
        backend_.swap(other.backend_);
        return *this;
    }
    ~BackendUse() {
        if (backend_) --backend_->streams;
    }
    const std::shared_ptr<Backend>& backend() const { return backend_; }

  private:
    std::shared_ptr<Backend> backend_;
};

class Backends {
  public:
    static constexpr std::size_t kMax = 64;
    /// Those that were tried for one stream.
    using Tried = std::bitset<kMax>;

    /// As a configuration has them. Of those that `before` had too it keeps what is known.
    explicit Backends(const OutNetwork& network, Backends* before = nullptr);
    Backends(const Backends&) = delete;
    Backends& operator=(const Backends&) = delete;

    /// Whether another configuration wants the same.
    bool is_like(const OutNetwork& network) const;
    std::size_t size() const { return members_.size(); }
    const std::shared_ptr<Backend>& at(std::size_t index) const { return members_[index].backend; }
    /// For the log and for people.
    const std::string& topic() const { return topic_; }
    const std::string& text() const { return text_; }
    const std::optional<HealthOptions>& health() const { return health_; }
    /// How health checks begin.
    ProxyProtocol proxy_protocol() const { return proxy_protocol_; }

    /// All are known to be down: `out` takes no streams for them. Without a health check never.
    bool are_all_down() const { return all_down_; }
    /// The next one for a stream of the client at `source` (its address, empty: not known), of
    /// those that were not tried; nothing: none is left. A `chance` is in [0, 1).
    std::optional<std::size_t> choose(const Tried& tried, std::string_view source,
                                      Clock::time_point now, double chance);
    /// A stream could not be opened there, and it was its fault. True: it rests from now on, until
    /// the time that `rests_until` tells.
    bool has_failed(std::size_t index, Clock::time_point now);
    Clock::time_point rests_until(std::size_t index);
    /// One could. True: it had rested.
    bool has_worked(std::size_t index);
    /// A health check has got an answer, a good one or not.
    enum class Change { nothing, of_it, of_all };
    Change was_asked(std::size_t index, bool well);

    enum class State { up, resting, down };
    struct Shown {
        std::shared_ptr<const Backend> backend;
        State state;
        unsigned weight;
        bool backup;
    };
    /// As they are now, in the order of the configuration.
    std::vector<Shown> shown(Clock::time_point now);

  private:
    struct Member {
        std::shared_ptr<Backend> backend;
        // The rest is under the lock.
        Candidate candidate;
        Health health;
    };
    void take_over(Member& member, Backends& before) const;
    bool has_none_up() const;

    const std::string topic_;
    const std::vector<BackendOptions> options_;
    const Balance balance_;
    const RestRule rest_rule_;
    const std::optional<HealthOptions> health_;
    const ProxyProtocol proxy_protocol_;
    const std::string text_;
    std::mutex mutex_;
    std::vector<Member> members_;  // as many as ever
    std::atomic<bool> all_down_{false};
};

std::string_view to_string(Backends::State state);

}  // namespace inout::out
