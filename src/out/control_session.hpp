// One registration at a proxy, from the request for it to the end of its control connection: keeps
// the heartbeat, opens data links when asked, and, once it was let go, ends with its last stream.
//
// Owned by its control link; what still waits keeps it alive. On the main thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/app/worker.hpp"
#include "common/net/control_channel.hpp"
#include "out/registration.hpp"

namespace inout::out {

class ControlSession : public std::enable_shared_from_this<ControlSession> {
  public:
    /// `connection`: fresh, dialled as `network` says. Data links take turns on all of `workers`.
    ControlSession(Workers& workers, std::shared_ptr<const Network> network,
                   ConnectionPtr connection);

    /// Registers. The failure: it was refused, or there was no answer in time, and why.
    Task<Result<Response, std::string>> ask(OutRequest request);

    /// How it ended.
    struct End {
        std::string reason;
        bool by_another_out = false;  ///< or so it seems
    };
    /// Once registered: serves it until the proxy has something to say about it, or to its end.
    Task<Result<Notice, End>> next();

    /// As which it is registered.
    const Network& network() const { return *registration_->made_for; }
    /// For the streams from now on.
    void set_network(std::shared_ptr<const Network> network) noexcept {
        registration_->current.set(std::move(network));
    }
    std::size_t streams() const { return registration_->streams; }
    const Clock::time_point since = Clock::now();
    /// Its proxy is about to end, and has said so.
    bool proxy_drains = false;
    /// And another process of it is there already.
    bool moves = false;
    /// Another one is to take its place.
    bool is_unwanted = false;

    /// Whether it can take streams, for the proxy, which is told where that changes. At first it is
    /// taken to be able to.
    void set_ready(bool ready);
    /// Refuses new streams, and asks for none; the control connection stays and is kept alive.
    void drain();
    /// There is another one in its place: asks for no streams, and takes those that are on their
    /// way. Its control connection ends behind the last of its streams, whenever that is. Where the
    /// proxy drains it serves on, for as long as it is there.
    void make_way();
    /// Its network is no more: the same, wherever it is, and what is on its way is refused.
    void leave();
    static constexpr const char* kReplaced = "another registration has taken its place";
    /// Why it was let go.
    const char* left_because() const { return left_because_; }
    /// Running streams live on.
    void close() noexcept;

  private:
    /// As many as a proxy of ours asks.
    static constexpr std::size_t kProbesAtOnce = 4;

    void close_behind_streams(const char* why);
    void look_for_streams_later();
    void look_for_streams();
    void say_draining(const char* message);
    void answer(ProbeRequest probe);
    static Task<> ask_for(std::shared_ptr<ControlSession> self,
                          std::shared_ptr<const Network> network, ProbeRequest probe,
                          Budget::Places places);
    void open_data_links(const NewDataRequest& wanted);
    void warn_no_room() const;

    Workers& workers_;
    const std::shared_ptr<Registration> registration_;
    const std::shared_ptr<ControlChannel> channel_;
    Timer streams_timer_;
    std::atomic<std::size_t> probes_{0};  // that are being answered
    const char* left_because_ = "";
    bool peer_has_ext_ = false;
    bool told_unready_ = false;
};

}  // namespace inout::out
