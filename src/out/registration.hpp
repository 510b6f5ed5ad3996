// What the control link and the data links of one registration share.
//
// Data links run on all workers; the control link on one. Thread-safe.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "common/net/connection.hpp"
#include "common/protocol/config.hpp"

namespace inout {

/// A parked data connection, as seen from another worker.
struct ParkedLink {
    explicit ParkedLink(Executor e) : executor(std::move(e)) {}
    Executor executor;
    Connection* connection = nullptr;  // read and written on `executor` only; nothing once unparked
};

class Registration {
  public:
    Registration(const OutConfig& out_config, const OutNetwork& out_network)
        : config(out_config), network(out_network) {}

    const OutConfig& config;
    const OutNetwork& network;
    std::string ticket;    ///< empty at a 0.0.1 proxy
    std::string proxy_id;  ///< empty at a 0.0.1 proxy
    std::atomic<bool> draining{false};

    /// Nothing if the registration is over or has all the links it may have.
    std::shared_ptr<ParkedLink> add(const Executor& executor);
    void remove(const std::shared_ptr<ParkedLink>& link);
    /// The registration is over: what is parked closes, running streams live on.
    void close_parked();

  private:
    std::mutex mutex_;
    bool closed_ = false;
    std::list<std::shared_ptr<ParkedLink>> links_;  // dialling or parked
};

}  // namespace inout
