// The control link of one network of out to one of its servers: sees to it that its topic is
// registered at its proxy, registers again for ever when the connection is lost, and beside what
// there is when another configuration wants it, or when the proxy is about to end.
//
// So it has one current registration, or none; at most one that is asked for; and some that were
// let go and end with their streams. All on the main thread. Shared by its service and what it
// waits for: one that was removed goes with its last registration.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/app/worker.hpp"
#include "common/base/log.hpp"
#include "common/base/scale_limits.hpp"
#include "common/rules/retry_policy.hpp"
#include "out/control_session.hpp"
#include "out/out_name.hpp"

namespace inout::out {

class ControlLink : public std::enable_shared_from_this<ControlLink> {
  public:
    /// `worker` is the main one; data links take turns on all of `workers`.
    /// `name` is shared with the links to the network's other servers.
    ControlLink(Worker& worker, Workers& workers, std::shared_ptr<const Network> network,
                std::shared_ptr<OutName> name);
    ControlLink(const ControlLink&) = delete;
    ControlLink& operator=(const ControlLink&) = delete;

    /// Registers, until it is removed or drained.
    Task<> run();
    /// Another configuration has this one instead, with the same topic and server. What a stream
    /// gets changes at once; what the registration stands for, when there is another one.
    void set_network(std::shared_ptr<const Network> network) noexcept;
    /// Tells the proxy whether there are backends that work, if that has changed.
    void look_at_backends() noexcept;
    /// Another registration takes the place of the one there is, or is tried for at once.
    void register_anew() noexcept;
    const std::shared_ptr<OutName>& name() const { return name_; }
    /// The newest.
    const std::shared_ptr<const Network>& network() const { return network_; }
    /// No configuration has it any more: takes no new streams, and goes with the last one.
    void remove() noexcept;
    /// Asks for no new streams; the control connections stay and are kept alive.
    void drain();
    /// Where it stands in its topic's line, 0 holds it; kUnregistered. Any thread may look, also
    /// when this has gone.
    static constexpr int kUnregistered = -1;
    std::shared_ptr<const std::atomic<int>> position() const { return position_; }

  private:
    using Session = std::shared_ptr<ControlSession>;
    class Asking;
    class Followed;

    bool is_settled() const;
    bool gives_way();
    bool is_stale(const Network& network) const;
    Task<bool> register_once();
    OutRequest request() const;
    void accept(const Session& session, const Response& response);
    static Task<> follow(std::shared_ptr<ControlLink> self, Session session);
    void on_notice(const Notice& notice);
    Milliseconds pause_when_drained();
    static Milliseconds pause_when_moved();
    void ended(const Session& session, const ControlSession::End& end);
    void lost(const ControlSession::End& end);
    void let_go(Session session) noexcept;
    static void tell(ControlSession& session, void (ControlSession::*to)()) noexcept;
    void forget(const Session& session) noexcept;

    void try_again_in(Milliseconds pause) { next_try_ = Clock::now() + pause; }
    void wake() { changed_.cancel(); }
    void set_position(int position);
    void set_unregistered() noexcept {
        name_->is_at(this, {});
        state_ = Counted(counters().topics_unregistered);
        *position_ = kUnregistered;
    }
    void say(log::Level level, log::Kind kind, std::string_view event,
             std::string_view reason) const;
    void say_unregistered(const ControlSession& session, const char* reason) const;
    void say_registered(const Response& response) const;
    void say_changed(std::string_view event, const ControlSession* session) const noexcept;

    Worker& worker_;
    Workers& workers_;
    std::shared_ptr<const Network> network_;  // the newest
    const std::shared_ptr<OutName> name_;
    std::string proxy_id_;  // of the newest registration, until the next one is tried for
    const std::string server_;
    const std::string about_;  // this link, for the log's budget
    RetryPolicy retry_;
    Timer changed_;  // condition variable, and the pause between two tries
    Clock::time_point next_try_{};
    Session current_, asking_;
    std::vector<Session> leaving_;  // the oldest first
    /// The current one ended while another one was asked for, which may have been the cause.
    struct Unclear {
        ControlSession::End how;
        Session session;
    };
    std::optional<Unclear> unclear_;
    std::optional<Counted> state_{counters().topics_unregistered};
    const std::shared_ptr<std::atomic<int>> position_ =
        std::make_shared<std::atomic<int>>(kUnregistered);
    bool standby_ = false;  // displaced once: never takes the topic again (until restarted)
    bool over_ = false;     // drained, or removed
    bool removed_ = false;
};

}  // namespace inout::out
