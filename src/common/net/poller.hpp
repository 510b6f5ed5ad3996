// Poller: the one place that learns from the kernel that a connection is ready.
//
// An edge-triggered epoll of its own, which the event loop waits for as for one descriptor. A
// connection is registered once, at its first wait, and remembers what it was told, so that a wait
// costs no system call: asio's own reactor pays an epoll_ctl(2) for each. Measured side by side
// (bench/run, docs/performance.md): 1.2 times as many round trips with 50 and with 1,000
// connections. One for each event loop, made when it is first asked for; its thread's only.
#pragma once

#include <array>
#include <cstddef>
#include <system_error>

#include "common/net/asio.hpp"
#include "common/os/event_queue.hpp"

namespace inout {

/// One that waits. Either ready() or abandon() is called, once, and never by the call that began
/// the wait.
class Waiter {
  public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    /// What was awaited is there, though others may have taken it: look. Or nobody will tell any
    /// more: operation_aborted.
    virtual void ready(std::error_code error) = 0;
    /// The event loop ends before that.
    virtual void abandon() {}

  protected:
    virtual ~Waiter() = default;

  private:
    friend class Poller;
    Waiter* next_ = nullptr;  // of those that are due
    std::error_code error_;
};

class Poller : public asio::execution_context::service {
  public:
    using key_type = Poller;
    static asio::execution_context::id id;

    /// What has a descriptor.
    class Watched {
      public:
        Watched() = default;
        Watched(const Watched&) = delete;
        Watched& operator=(const Watched&) = delete;
        /// What has happened since it was told last. May end this, and others.
        virtual void told(Events events) = 0;
        /// The event loop ends, and with it all waits. May end this, and others.
        virtual void abandon_waiters() = 0;

      protected:
        virtual ~Watched() = default;

      private:
        friend class Poller;
        Watched *next_ = nullptr, *previous_ = nullptr;
        bool is_listed_ = false;
    };

    /// Throws std::system_error without descriptors.
    explicit Poller(asio::io_context& context);
    ~Poller() override;
    static Poller& of(const Executor& executor) {
        return asio::use_service<Poller>(executor.context());
    }

    /// Tells `watched` from now on, first of what holds already.
    std::error_code add(int fd, Watched& watched, Events events);
    /// Of these events from now on, first of what holds already.
    std::error_code change(int fd, Watched& watched, Events events);
    /// No longer; before `watched` ends.
    void remove(int fd, Watched& watched);
    /// The same for one whose descriptor is closed next, with which the kernel forgets it too:
    /// nobody may have a copy of that (epoll(7)).
    void forget(Watched& watched);

    /// A wait has begun, or is over: only while there is one this keeps the event loop running.
    void wait_began();
    void wait_ended();
    /// Calls its ready() a little later. Needs no memory.
    void make_due(Waiter& waiter, std::error_code error);

  private:
    /// Of an operation that must always be possible.
    struct Memory {
        alignas(std::max_align_t) std::array<std::byte, 256> bytes;
        bool used = false;
    };
    template <class T>
    struct Allocator;
    struct Handler;

    void shutdown() override;
    void unlist(Watched& watched);
    void wait();
    void poll();
    void run_due();

    Executor executor_;
    EventQueue queue_;
    Descriptor readable_;
    std::array<EventQueue::Told, EventQueue::kTakenMax> told_;
    std::size_t told_next_ = 0, told_end_ = 0;  // of these, what is still to be told
    std::size_t waits_ = 0;
    enum class State { idle, waiting, telling } state_ = State::idle;
    bool due_posted_ = false, is_shut_ = false;
    Watched* watched_ = nullptr;
    Waiter *due_first_ = nullptr, *due_last_ = nullptr;
    Memory wait_memory_, due_memory_;
};

}  // namespace inout
