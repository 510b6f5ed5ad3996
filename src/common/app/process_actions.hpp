// ProcessActions: does what a daemon is told over HTTP. What is the main thread's is posted there;
// streams are reset by their workers. Any thread asks, and none waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/admin/actions.hpp"
#include "common/app/worker.hpp"

namespace inout {

class Service;

class ProcessActions : public admin::Doer {
  public:
    /// For the main thread, as a signal would.
    struct Signals {
        std::function<void()> drain, reload;
    };
    /// All of them must outlive it.
    ProcessActions(Workers& workers, Service& service, Signals signals);

    /// Somebody else has begun to drain it.
    void drains() { draining_ = true; }

    std::size_t kick_streams(std::string_view id, std::optional<std::uint64_t> number) override;
    std::optional<Kicked> kick_topic(const std::string& topic, bool keep_streams) override;
    bool drain() override;
    bool reload() override;

  private:
    Workers& workers_;
    Service& service_;
    const Signals signals_;
    std::atomic<bool> draining_{false};
};

}  // namespace inout
