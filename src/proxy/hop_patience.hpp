// HopPatience: how long a stream waits for the answer of another proxy. That comes when an out has
// answered there, which may take long; so the proxy is asked beside it whether it is there at all.
// On the worker of the connection, in the frame of who waits.
#pragma once

#include <memory>

#include "proxy/cluster.hpp"

namespace inout::proxy {

class HopPatience {
  public:
    /// Closes `waiting`, which must outlive this, when the proxy is found to say nothing.
    HopPatience(Worker& worker, std::shared_ptr<Cluster::Link> link, Connection& waiting);
    HopPatience(const HopPatience&) = delete;
    HopPatience& operator=(const HopPatience&) = delete;
    ~HopPatience();

    /// Whether that has happened.
    bool is_over() const { return watch_->is_over; }

  private:
    struct Watch {
        Watch(Worker& w, std::shared_ptr<Cluster::Link> l, Connection& c)
            : worker(w), link(std::move(l)), waiting(&c), timer(w.context()) {}
        Worker& worker;
        const std::shared_ptr<Cluster::Link> link;
        Connection* waiting;  // nothing once the patience is gone
        Timer timer;
        const Clock::time_point since = Clock::now();
        bool is_over = false;
    };
    static void wait(const std::shared_ptr<Watch>& watch);
    const std::shared_ptr<Watch> watch_;
};

}  // namespace inout::proxy
