// Node: one proxy's part in the directory of its cluster.
//
// Answers for the topics that are registered here, and finds those that are registered elsewhere:
// from the cache, or by a look-up, one for all streams that want a topic at the same time. Each
// stream is told one route after the other until it says how that went; a topic that was known
// lately is asked for again after kPauses. Without NATS what was known is tried.
//
// (state, event, time) -> (state, effects): no I/O, no clock, no thread. Pure; its owner locks.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/cluster/effects.hpp"
#include "common/cluster/lookup.hpp"
#include "common/cluster/message.hpp"
#include "common/cluster/peers.hpp"
#include "common/cluster/presence.hpp"
#include "common/cluster/route_cache.hpp"
#include "common/cluster/subject.hpp"
#include "common/cluster/subscriptions.hpp"

namespace inout::cluster {

class Node {
  public:
    struct Names {
        std::string cluster;
        std::string proxy;  ///< its id, which no other has
        std::string inbox;  ///< what answers come to; unguessable
    };
    /// All three are names (subject.hpp). `chance`: uniform in [0, 1).
    Node(const Names& names, std::function<double()> chance);

    // --- NATS ---
    /// What to listen to from the start.
    void start(Effects& effects);
    /// It can be reached from now on, or again; what was subscribed is so once more.
    void up(Clock::time_point now, Effects& effects);
    void down(Clock::time_point now, Effects& effects);
    /// From here to its server and back.
    void round_trip(Clock::duration time) { round_trip_ = time; }
    /// A message; anything else than what is expected there is ignored.
    void heard(std::string_view subject, std::string_view body, Clock::time_point now,
               Effects& effects);
    /// NATS says that nobody listens to what `subject`, a reply's, was sent with.
    void nobody_listens(std::string_view subject, Clock::time_point now, Effects& effects);

    // --- this proxy's topics ---
    void registered(const Presence::Name& name, Effects& effects);
    /// Requires that it was.
    void unregistered(const Presence::Name& name, Clock::time_point now, Effects& effects);
    /// The topic that a message asks for, if it is a look-up to be answered: with answer(), also if
    /// it is not ours. Once for each.
    std::optional<std::string> asked(std::string_view subject, std::string_view reply,
                                     std::string_view body);
    void answer(std::string_view reply, Answer answer, Effects& effects) const;

    // --- streams ---
    /// `stream` wants a topic that is not here. It gets a route, or none; that may be at once.
    void find(StreamId stream, const std::string& topic, Clock::time_point deadline,
              Clock::time_point now, Effects& effects);
    enum class Outcome {
        open,         ///< the stream goes that way
        unreachable,  ///< that proxy could not be reached, and got nothing
        not_there,    ///< it does not have the topic
        refused,      ///< it has the topic, but not for this stream now
        lost,         ///< it may have got bytes: no other is tried
        left,         ///< nobody wants the stream any more
    };
    /// How the route went that the stream was told last; or, while it still waits, that it is
    /// `left`. With the second to the fourth another route follows, or none.
    void report(StreamId stream, Outcome outcome, Clock::time_point now, Effects& effects);

    // --- time ---
    /// When tick() is due; nothing: not before the next event.
    std::optional<Clock::time_point> next_tick() const;
    void tick(Clock::time_point now, Effects& effects);

    std::size_t streams() const { return searches_.size(); }
    std::size_t cached_topics() const { return cache_.topics(); }
    const Subscriptions& subscriptions() const { return subscriptions_; }
    std::size_t running_lookups() const { return running_.size(); }  // only tests

  private:
    struct Asked {
        std::string topic;
        Clock::time_point at;
        std::optional<Lookup> running;  // nothing: it is over
    };
    /// One stream's.
    struct Search {
        enum class Step { asking, pausing, trying };
        std::string topic;
        Clock::time_point deadline;
        Step step = Step::trying;
        Clock::time_point until{};         // of a pause
        std::string route{};               // being tried, or tried last: a proxy
        std::vector<std::string> tried{};  // and has not said since that it has the topic
        std::vector<std::string> unfit{};  // refused it, or could not be reached: never again
        bool is_refused = false;
        unsigned tries = 0;
        std::size_t questions = 0;
        Clock::time_point no_topic_at = Clock::time_point::min();  // not before
        // Until then another one may still say that it has the topic.
        Clock::time_point heard_at = Clock::time_point::min();
    };
    using Searches = std::unordered_map<StreamId, Search>;

    void go_on(Searches::iterator search, Clock::time_point now, Effects& effects);
    bool try_next(Searches::iterator search, Clock::time_point now, Effects& effects);
    void go(Searches::iterator search, Route& route, Effects& effects);
    void go_first(const std::string& topic, Route& route, Effects& effects);
    Route* next_route(const Search& search, Clock::time_point now);
    void ask(Searches::iterator search, Clock::time_point now, Effects& effects);
    void pause(Searches::iterator search, Clock::time_point until);
    void leave(Searches::iterator search);
    void stop_waiting(const Searches::iterator& search);
    static void forget_tried(Search& search, const RouteSet& found);
    void begin_lookup(const std::string& topic, Clock::time_point now, Effects& effects);
    void forget_lookups(Clock::time_point now);
    RoundTrips round_trips(Clock::time_point now);
    void wake(const std::string& topic, Clock::time_point now, Effects& effects);
    void end_lookup(std::uint64_t number, Clock::time_point now, Effects& effects);
    void heard_answer(std::uint64_t number, std::string_view body, Clock::time_point now,
                      Effects& effects);
    void heard_news(std::string_view subject, std::string_view body);
    void change(std::uint64_t number, const std::function<void(Lookup&)>& how);
    void listen_to_news(Effects& effects);
    void listen(const std::vector<std::string>& subjects, bool is_needed, Effects& effects);
    std::vector<std::string> subjects_of(const Presence::Name& name) const;
    void tell(const Presence::Name& name, Effects& effects) const;

    const Subjects subjects_;
    const std::string proxy_, inbox_;
    const std::function<double()> chance_;
    bool is_up_ = false;
    Clock::duration round_trip_ = kFirstRoundTrip;
    PeakTime answer_time_;
    Presence presence_;
    Subscriptions subscriptions_;
    RouteCache cache_;
    Peers peers_;

    std::uint64_t next_number_ = 1;
    std::unordered_map<std::uint64_t, Asked> lookups_;
    std::deque<std::uint64_t> over_;  // of them, which may still get answers; the oldest first
    std::unordered_map<std::string, std::uint64_t> running_;  // by topic
    Searches searches_;
    std::unordered_map<std::string, std::set<StreamId>> waiting_;  // that ask or pause, by topic
    // When each is due; of streams only those that wait.
    std::set<std::pair<Clock::time_point, std::uint64_t>> lookups_due_;
    std::set<std::pair<Clock::time_point, StreamId>> streams_due_;
};

}  // namespace inout::cluster
