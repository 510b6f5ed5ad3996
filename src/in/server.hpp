// Server: one proxy as in sees it at run time: how to reach it, the spare connections to it, and
// its share of the descriptors.
//
// Shared by all networks with the same proxy and credentials, and by their sessions; goes with the
// last of them. Thread-safe but for drop_spares().
#pragma once

#include <atomic>
#include <map>
#include <memory>

#include "common/app/worker.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/budget.hpp"
#include "in/spare_pool.hpp"

namespace inout::in {

class Server {
  public:
    /// One more owner in the budget, which outlives it.
    Server(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link, const Dialling& dialling,
           Budget& budget);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { budget_.leave(number_); }

    const ProxyLink& proxy_link() const { return *proxy_link_; }
    /// Whether it is what would be made from these.
    bool is_like(const ProxyLink& proxy_link, const Dialling& dialling) const {
        return proxy_link_->is_like(proxy_link) && dialling_ == dialling;
    }
    const std::shared_ptr<const ProxyLink>& link() const { return proxy_link_; }
    const std::shared_ptr<SparePool>& spares(Worker& worker) const { return spares_.at(&worker); }

    /// The descriptors of a client and its connection to this proxy; an empty one: there are none.
    Budget::Places client_places();
    /// Closes the spare connections, which are optional, and returns when their descriptors are
    /// free. Main thread.
    Task<> drop_spares();
    /// A look at the proxy failed: the first success after it is said. Another may answer then.
    void lost() {
        is_lost_ = true;
        frames_ = true;
    }
    /// Whether the proxy did not answer when it was asked last. Any thread.
    bool is_lost() const { return is_lost_; }
    /// Whether an offer of frames on a fresh connection is worth that its client's later bytes wait
    /// for the answer: not where the last one was not taken. Any thread.
    bool may_take_frames() const { return frames_; }
    void took_frames(bool took) { frames_ = took; }
    /// An answer came. Any thread.
    void reached();
    /// No spare connections any more.
    void close();

  private:
    const std::shared_ptr<const ProxyLink> proxy_link_;
    const Dialling dialling_;
    Budget& budget_;
    const std::size_t number_;
    std::map<Worker*, std::shared_ptr<SparePool>> spares_;
    std::atomic<bool> is_lost_{false}, frames_{true};
};

}  // namespace inout::in
