// The control link of one network of out: registers its topic at its proxy, keeps the heartbeat,
// opens data links when asked, and registers again for ever when the connection is lost.
//
// Runs on the main thread; drain() is called there too.
#pragma once

#include <memory>

#include "common/app/worker.hpp"
#include "common/base/log.hpp"
#include "common/net/control_channel.hpp"
#include "common/rules/retry_policy.hpp"
#include "out/registration.hpp"

namespace inout::out {

class ControlLink {
  public:
    /// `worker` is the main one; data links take turns on all of `workers`.
    ControlLink(Worker& worker, Workers& workers, const Network& network);

    Task<> run();
    /// Asks for no new streams; the control connection stays and is kept alive.
    void drain();

  private:
    Task<> register_once();
    Task<> serve();
    void forget_registration();
    Task<std::optional<Response>> request_registration();
    void on_notice(const Notice& notice);
    void open_data_links(const NewDataRequest& wanted);
    void warn_no_room();
    void set_position(unsigned position);
    void warn_not_registered(const std::string& reason);

    Worker& worker_;
    Workers& workers_;
    const Network& network_;
    const OutConfig& config_;
    const std::string instance_;
    const std::string about_;  ///< this link, for the log's budget
    RetryPolicy retry_;
    std::shared_ptr<ControlChannel> channel_;
    std::shared_ptr<Registration> registration_;
    Counted state_{counters().topics_unregistered};
    bool standby_ = false;  // displaced once: never takes the topic again (until restarted)
    bool draining_ = false;
    bool peer_has_ext_ = false;
};

}  // namespace inout::out
