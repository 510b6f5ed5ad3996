// The spare connections of ins, each waiting on its own worker, for another thread to close some or
// all of them. Bounded. Thread-safe.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "common/net/close_soon.hpp"
#include "proxy/gatekeeper.hpp"

namespace inout::proxy {

class SpareList {
  public:
    /// A connection stands in the list for as long as this lives, on the connection's thread.
    class Place;

    explicit SpareList(std::size_t limit) : limit_(limit) {}
    /// From now on; what is there stays.
    void set_limit(std::size_t limit);

    /// Nothing if the list is full or closed.
    std::unique_ptr<Place> add(ConnectionPtr connection, Use use, StandingPtr standing);
    /// Closes those on which nothing has come that somebody waits for.
    void shed();
    /// Closes those of whom this says so.
    void shed_if(const std::function<bool(const Standing&)>& unwanted);
    /// Closes what is in it; from now on nothing can be added.
    void close();

  private:
    struct Entry {
        Executor executor;
        std::weak_ptr<Connection> connection;
        Use use;
        StandingPtr standing;

        void close(CloseIf condition) const;
    };

    std::mutex mutex_;
    std::size_t limit_;
    bool closed_ = false;
    std::list<Entry> entries_;
};

class SpareList::Place {
  public:
    /// Under the list's lock.
    Place(SpareList& list, ConnectionPtr connection, Use use, StandingPtr standing);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

  private:
    SpareList& list_;
    const ConnectionPtr lent_;
    const std::list<Entry>::iterator at_;
};

}  // namespace inout::proxy
