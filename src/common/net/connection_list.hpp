// ConnectionList: connections that wait, each on its own worker, for another thread to close them
// all. Bounded. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "common/net/connection.hpp"

namespace inout {

class ConnectionList {
  public:
    /// One place in the list.
    struct Entry {
        explicit Entry(Executor e) : executor(std::move(e)) {}
        Executor executor;
        /// Touched on `executor` only; nothing: not to be closed.
        Connection* connection = nullptr;

      private:
        friend class ConnectionList;
        std::optional<std::list<std::shared_ptr<Entry>>::iterator> place;  // under the lock
    };

    /// Lends a connection to an entry for as long as this lives, on the entry's executor.
    class Lent {
      public:
        Lent(Entry& entry, Connection& connection) : entry_(entry) {
            entry_.connection = &connection;
        }
        Lent(const Lent&) = delete;
        Lent& operator=(const Lent&) = delete;
        ~Lent() { entry_.connection = nullptr; }

      private:
        Entry& entry_;
    };

    explicit ConnectionList(std::size_t limit) : limit_(limit) {}

    /// Nothing if the list is full or closed.
    std::shared_ptr<Entry> add(const Executor& executor);
    /// Does nothing for one that was removed before.
    void remove(const std::shared_ptr<Entry>& entry);
    /// Closes those on which nothing has come that somebody waits for.
    void shed();
    /// Closes what is in it; from now on nothing can be added.
    void close();

  private:
    std::mutex mutex_;
    const std::size_t limit_;
    bool closed_ = false;
    std::list<std::shared_ptr<Entry>> entries_;
};

}  // namespace inout
