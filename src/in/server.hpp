// Server: one proxy as in sees it at run time: how to reach it, the spare connections to it, and
// its share of the descriptors.
//
// Where a network has several, one that fails rests: no stream goes there, and it is asked in the
// background (in/probe) until it answers again. All networks learn of it at once.
//
// Shared by all networks with the same proxy and credentials, and by their sessions; goes with the
// last of them. Thread-safe but for drop_spares() and end_unheard().
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/app/spare_pool.hpp"
#include "common/app/worker.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/budget.hpp"
#include "common/rules/chooser.hpp"
#include "in/unheard.hpp"

namespace inout::in {

/// So long a proxy that has answered is believed to be there, where there are others: later, a
/// stream on a fresh connection makes sure before it gives it a byte of its client.
inline constexpr Milliseconds kServerProven{60'000};

class Server : public std::enable_shared_from_this<Server> {
  public:
    /// One more owner in the budget, which outlives it.
    Server(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link, const Dialling& dialling,
           Budget& budget);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { budget_.leave(number_); }

    const ProxyLink& proxy_link() const { return *proxy_link_; }
    const std::shared_ptr<const std::string>& name() const { return name_; }
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
    /// Who has a place here and has not said what it wants.
    Unheard& unheard() { return unheard_; }
    /// Ends the one of these that came first, and returns when its descriptors are free. Main
    /// thread.
    Task<> end_unheard();
    /// It failed, or a look at it: the first success after it is said. Another may answer then. Of
    /// several it rests now.
    void lost();
    /// Whether the proxy did not answer when it was asked last. Any thread.
    bool is_lost() const { return standing_ == Standing::lost; }
    /// Whether an offer of frames on a fresh connection is worth that its client's later bytes wait
    /// for the answer: not where the last one was not taken. Any thread.
    bool may_take_frames() const { return frames_; }
    void took_frames(bool took) { frames_ = took; }
    /// An answer came. Any thread.
    void reached();
    /// No spare connections any more, and nobody asks it in the background.
    void close();
    bool is_closed() const { return closed_; }

    // Where it is one of several. Any thread, unless it is said.

    /// From now on.
    void is_one_of_several() { one_of_several_ = true; }
    /// Whether it has answered a moment ago, so that it may have the first bytes of a client at
    /// once.
    bool is_proven() const {
        return standing_ == Standing::fine && Clock::now() < proven_until_.load();
    }
    /// Whether it answers who introduces itself, as far as is known.
    bool takes_introductions() const { return introductions_; }
    void took_introduction();
    /// It ended the connection instead of an answer. True: as an older proxy would, so that streams
    /// have to find out whether it is one. False: this one has known better.
    bool ended_introduction();
    /// It is a proxy, and does not know what an introduction is.
    void is_older();
    /// Whether its probe goes on; if not, the next loss begins another one.
    bool is_to_be_probed();
    const Dialling& dialling() const { return dialling_; }
    /// A stream waits for its answer for long: whether anybody is there is asked beside it, not
    /// more often than once a second.
    void suspect();
    void end_suspicion() { suspected_ = false; }
    /// A stream was opened there, in this time.
    void opened_in(Clock::duration time);
    /// Which of several is chosen: of all servers, because networks share them. Never held over an
    /// await.
    static std::mutex& choosing();
    /// Under choosing().
    Candidate& candidate() { return candidate_; }
    Clock::time_point rests_until() const;

  private:
    /// Doubtful: its rest is over, and nobody could tell whether it works.
    enum class Standing { fine, doubtful, lost };
    void rest();

    Worker& main_;
    const std::shared_ptr<const ProxyLink> proxy_link_;
    const std::shared_ptr<const std::string> name_;
    const Dialling dialling_;
    Budget& budget_;
    const std::size_t number_;
    std::map<Worker*, std::shared_ptr<SparePool>> spares_;
    Unheard unheard_;
    Candidate candidate_;  // under choosing()
    std::atomic<Standing> standing_{Standing::fine};
    std::atomic<Clock::time_point> proven_until_{Clock::time_point::min()};
    std::atomic<bool> frames_{true}, introductions_{true}, introduces_well_{false};
    std::atomic<bool> one_of_several_{false}, probed_{false}, suspected_{false}, closed_{false};
};

}  // namespace inout::in
