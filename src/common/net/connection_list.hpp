// ConnectionList: connections that wait, each on its own worker, for another thread to close them
// all. Bounded. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "common/net/close_soon.hpp"

namespace inout {

class ConnectionList {
  public:
    /// A connection stands in the list for as long as this lives, on the connection's thread.
    class Place;

    explicit ConnectionList(std::size_t limit) : limit_(limit) {}

    /// Nothing if the list is full or closed.
    std::unique_ptr<Place> add(ConnectionPtr connection, Use use = Use::once);
    /// Closes those on which nothing has come that somebody waits for.
    void shed();
    /// Closes what is in it; from now on nothing can be added.
    void close();

  private:
    struct Entry {
        Executor executor;
        std::weak_ptr<Connection> connection;
        Use use;
    };
    void close_all(CloseIf condition);

    std::mutex mutex_;
    const std::size_t limit_;
    bool closed_ = false;
    std::list<Entry> entries_;
};

class ConnectionList::Place {
  public:
    /// Under the list's lock.
    Place(ConnectionList& list, ConnectionPtr connection, Use use);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

  private:
    ConnectionList& list_;
    const ConnectionPtr lent_;
    const std::list<Entry>::iterator at_;
};

}  // namespace inout
