// The directory: who serves which topic, and whose a data connection is. The one door to the
// registry, and the one place that knows how a line of outs works.
//
// Thread-safe. Tells displaced and promoted outs, opens the holder's pool and closes the others'.
// Streams whose topic was here a moment ago wait for its return, each on its own thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/cluster/message.hpp"
#include "common/cluster/presence.hpp"
#include "common/rules/ended_names.hpp"
#include "proxy/registration.hpp"
#include "proxy/tries.hpp"

namespace inout::proxy {

/// The way of a stream: the out that it goes to.
struct Route {
    std::shared_ptr<Registration> out;
};

/// How one of several outs that share a topic is chosen.
struct Choice {
    Select by = Select::least_streams;
    std::string_view source{};  ///< the client's address, for Select::source
};

/// What outs keep parked, all of a topic together, and how many streams may wait for one.
struct PoolBounds {
    std::size_t parked_min = 2, parked_max = kPoolHardMax, waiting_max = kWaitersMax;
};

class Directory {
  public:
    /// At most `waiting_max` streams wait for the return of one topic.
    Directory(std::size_t topics_max, std::size_t waiting_max)
        : registry_(topics_max),
          pools_{.waiting_max = waiting_max},
          ended_topics_(kTopicReturn, topics_max) {}

    /// Enters it (its id is set here) and returns its position; nothing if a limit is reached.
    /// Opens its pool if it holds the topic now, wakes who waits for that and tells whom it
    /// displaced. Called on the thread of its control connection, before the out is answered: what
    /// this sends leaves after the answer.
    std::optional<std::size_t> add(const std::shared_ptr<Registration>& registration,
                                   const std::string& instance, bool standby);
    /// Takes it out of its line, closes its pool and promotes the next. False if it was not there
    /// (replaced by a newer one of the same instance, or draining). It counts, with its place among
    /// its key's topics, until forget().
    bool drain(const std::shared_ptr<Registration>& registration);
    /// Its control connection has ended: the same, and nothing of it is left.
    void forget(const std::shared_ptr<Registration>& registration);

    /// The way to this topic: the first in its line that is not among the `tried`, is ready and
    /// does not rest. If nobody holds it, but somebody did less than kTopicReturn ago, waits for
    /// the next one until `deadline`. Code::no_topic if there is none; Code::unready if those that
    /// are left can not take a stream now; Code::no_out if the stream had one before, or all are
    /// tried; Code::limit if too many wait; Code::draining after close(); Code::in_gone if `in`,
    /// the stream's connection, was reset: nobody waits for such a one. On the thread of `in`; all
    /// must live until it has returned.
    Task<Result<Route, Reason>> find(const std::string& topic, Clock::time_point deadline,
                                     const Tried& tried, Connection& in, Choice choice = {});
    /// Whether it was here less than kTopicReturn ago, and nobody has it now.
    bool was_here(const std::string& topic);
    /// Waits until it is registered, `deadline` is over, or `in` was reset. Code::none, or why
    /// nobody waits; otherwise as find().
    Task<Reason> wait_for(const std::string& topic, const Tried& tried, Clock::time_point deadline,
                          Connection& in);
    /// The out to which a stream to this topic would go now; changes nothing. `by_name`: whoever
    /// has registered this very name. The failure is as of find().
    Result<std::shared_ptr<Registration>, Reason> look(const TopicRegistry::Name& name,
                                                       bool by_name);
    /// What the other proxies of a cluster may know of it.
    cluster::Answer answer_of(std::string_view topic);
    /// `tell(name, is_here)` for each registration from now on, also if others have the name. Under
    /// the lock: it must be quick. Before there are any.
    using Tell = std::function<void(const cluster::Presence::Name&, bool is_here)>;
    void announce_to(Tell tell) { tell_ = std::move(tell); }
    /// Whether it takes new streams from now on. It keeps its place, and lends what it can not
    /// take.
    void set_ready(const Registration& registration, bool ready);
    /// It has refused a stream in a way that it would refuse others: twice, and it rests.
    void has_refused(Registration& registration);
    /// It has opened one; for those that has_failed alone.
    void has_served(Registration& registration);
    /// Those that are served here, and those that somebody served less than kTopicReturn ago: for
    /// the next process.
    struct Names {
        std::vector<std::string> topics, patterns;
    };
    Names names();
    /// Of the process before this one: they were here a moment ago, and its outs may still be
    /// bringing data connections.
    void inherit(const Names& names);
    /// The proxy is ending: no topic will return. Who waits for one does so no more.
    void close();
    /// Shares what an identity holds for this topic already, with whichever of its outs, or takes
    /// it from `quota`, in which a topic counts once. False: it has none left.
    bool take_topic(std::string_view topic, const Identity& identity, Quota& quota,
                    std::shared_ptr<Quota::Place>& place);
    /// Whose data connection this is: the registration with its ticket; of those without, which
    /// can not be told from one another, one that a stream waits for, or that holds the topic.
    /// Nothing if there is none.
    std::shared_ptr<Registration> registration_of(const OutDataRequest& request);
    /// Whether this request, which no registration answers to, is one that an honest out may make:
    /// its registration ended less than kTicketMemory ago, or was displaced and has no ticket.
    bool has_just_ended(const OutDataRequest& request);
    /// All of a topic end, those that wait in its line and those that drain too, and nobody is
    /// promoted. How many.
    std::size_t kick(std::string_view topic);
    /// Where it stands in its topic's line, of which 0 is the holder; nothing: in none.
    std::optional<std::size_t> position_of(const Registration& registration);
    /// Those in line, and those that drain.
    std::vector<std::shared_ptr<Registration>> all();
    /// From now on; what is there stays.
    void set_limits(std::size_t topics_max, const PoolBounds& pools);

  private:
    struct Waiting;

    std::mutex mutex_;
    TopicRegistry registry_;
    RegistrationId next_id_ = 1;
    std::unordered_map<RegistrationId, std::shared_ptr<Registration>> registrations_;
    std::unordered_map<std::string, std::shared_ptr<Registration>> tickets_;
    /// Of topics that nobody holds: the timers of the streams that wait, the oldest first.
    std::map<std::string, std::map<std::uint64_t, std::shared_ptr<Timer>>> waiting_;
    std::uint64_t next_waiting_ = 1;
    PoolBounds pools_;
    bool closed_ = false;
    Tell tell_;
    EndedNames ended_topics_;
    struct EndedPattern {
        TopicPattern pattern;
        Clock::time_point when;
    };
    std::deque<EndedPattern> ended_patterns_;  // the oldest first
    Clock::time_point inherited_until_{};      // tickets of another process may be honest ones
    // Of one look-up; kept so that none allocates.
    std::vector<Offer> offers_;
    std::vector<const TopicRegistry::Member*> offered_;
    /// Their outs may still be bringing data connections; that is no attack.
    EndedNames ended_tickets_{kTicketMemory, kEndedTicketsMax};
    /// That drain, by identity and topic, the oldest first; at most kDrainingMax each.
    std::map<std::string, std::deque<std::shared_ptr<Registration>>> draining_;
    std::size_t draining_count_ = 0;
    CountedMany topics_{counters().topics}, controls_{counters().controls};
    /// By identity and topic: those of the registrations here, and of outs that are about to be
    /// added. Some may be gone already.
    std::map<std::string, std::weak_ptr<Quota::Place>> places_;
    std::size_t places_swept_ = 0;  // how many there were after those that are gone were dropped

    std::shared_ptr<Registration> taker_without_ticket(std::string_view topic);
    Reason nobody_left(TopicRegistry::Members line, const Tried& tried) const;
    std::shared_ptr<Registration> next_for(std::string_view topic, const Tried& tried,
                                           const Choice& choice);
    const TopicRegistry::Member* choose_in(TopicRegistry::Members members, const Tried& tried,
                                           const Choice& choice, Clock::time_point now,
                                           bool at_rest);
    void bound(DataPool& pool, std::size_t shared_by);
    void share_pools(TopicRegistry::Members line);
    std::optional<Clock::time_point> last_end(const std::string& topic, Clock::time_point now);
    void wake_all(const TopicPattern& pattern);
    void announce(Registration& registration, bool is_here);
    Reason begin_waiting(Waiting& waiting);
    void erase(RegistrationId id);
    void take_its_place(Registration& registration, const TopicRegistry::Added& added);
    bool remove_locked(Registration& registration);
    void follow(TopicRegistry::Changes changes, const std::string& why);
    bool push_out_silent(const Registration& newcomer);
    void remember_topic(const Registration& last);
    void wake(const std::string& topic);
    void count();
};

}  // namespace inout::proxy
