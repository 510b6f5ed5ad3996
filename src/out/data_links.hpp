// DataLinks: the data connections of out to one proxy that dial or are parked, and their share of
// the descriptors.
//
// A proxy may ask for as many as it likes; what goes beyond the room is dropped before anything is
// made for it. Parked connections are optional: they have half of what the proxy may take at most,
// and give way, the oldest first, to streams and to topics that have none. Shared by the networks
// that reach the proxy in the same way, and by their registrations. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "common/net/close_soon.hpp"
#include "common/rules/budget.hpp"

namespace inout::out {

class DataLinks {
  public:
    /// The data links of one registration, for as long as any of them is here. Guarded by
    /// DataLinks' lock.
    struct Group {
        std::size_t count = 0;
        bool closed = false;
    };
    struct Link;
    using List = std::list<std::shared_ptr<Link>>;
    /// One data link.
    struct Link {
        Link(Executor e, std::shared_ptr<Group> g) : executor(std::move(e)), group(std::move(g)) {}
        Executor executor;
        std::shared_ptr<Group> group;
        // The rest is under the lock.
        std::weak_ptr<Connection> connection;  // while it may be closed from here
        bool is_listed = false, is_parked = false;
        List::iterator at{};  // if it is listed
        Use use = Use::once;  // not parked
        Clock::time_point since{};
        Budget::Places places;
    };

    /// One more owner in the budget, which outlives it.
    explicit DataLinks(Budget& budget) : budget_(budget), owner_(budget.join()) {}
    DataLinks(const DataLinks&) = delete;
    DataLinks& operator=(const DataLinks&) = delete;
    ~DataLinks() { budget_.leave(owner_); }

    /// A place for one that is asked for; `client_waits`: with that reason. Nothing: there is no
    /// room, or the registration is over.
    std::shared_ptr<Link> add(const std::shared_ptr<Group>& group, const Executor& executor,
                              bool client_waits, Clock::time_point now);
    /// The descriptor of a backend that is asked whether it works, because this proxy wants to
    /// know; an empty one: there is none.
    Budget::Places place_of_probe() {
        Budget::Places places;
        budget_.take(owner_, 1, places);
        return places;
    }
    /// Whether this registration may have one more, if there is room.
    bool may_have_more(const Group& group);
    /// It dials, for the first time or once more, or is about to park and lends its connection: it
    /// is not to give way. False: it had to already, or the registration is over; its coroutine
    /// ends.
    bool begin(const std::shared_ptr<Link>& link, const ConnectionPtr& lent = nullptr);
    /// The proxy has it, and may use it at any time, for `use`.
    void park(const std::shared_ptr<Link>& link, Use use, Clock::time_point now);
    /// Its stream has ended, and its connection may carry another: it is here again and gives its
    /// second descriptor back. It is not parked before the proxy knows that, by begin() and park().
    /// False: there is no room, or the registration is over; it is as before.
    bool put_back(const std::shared_ptr<Link>& link);
    /// It has ended, or becomes a stream: no longer here. Its descriptor stays taken until the link
    /// goes.
    void remove(const std::shared_ptr<Link>& link);
    /// A further descriptor for one that was removed and becomes a stream. False: there is none,
    /// not even a parked connection that could give way.
    bool add_backend(Link& link);
    /// Closes those of a registration; no more from now on.
    void close(Group& group);

  private:
    bool give_way_to(const Group& group, bool client_waits, Clock::time_point now);
    void evict(const std::shared_ptr<Link>& link);
    void enlist(const std::shared_ptr<Link>& link);
    void unlist(Link& link);
    bool has_room() const;

    Budget& budget_;
    const std::size_t owner_;
    std::mutex mutex_;
    List links_;  // in the order of their arrival
};

}  // namespace inout::out
