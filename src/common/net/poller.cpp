#include "common/net/poller.hpp"

#include <exception>
#include <utility>

namespace inout {
namespace {

/// Calls one after another; what the first of them throws is thrown at the end, so that it costs no
/// other one its turn.
class Calls {
  public:
    template <class F>
    void operator()(F call) {
        try {
            call();
        } catch (...) {
            if (!failure_) failure_ = std::current_exception();
        }
    }
    void end() {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    std::exception_ptr failure_;
};

}  // namespace

asio::execution_context::id Poller::id;

/// Gives the memory to the one operation that is pending at a time.
template <class T>
struct Poller::Allocator {
    using value_type = T;
    explicit Allocator(Memory& m) : memory(&m) {}
    template <class U>
    Allocator(const Allocator<U>& other) : memory(other.memory) {}  // NOLINT: as allocators do

    T* allocate(std::size_t n) {
        if (memory->used || n * sizeof(T) > memory->bytes.size()) {
            return static_cast<T*>(::operator new(n * sizeof(T)));
        }
        memory->used = true;
        return reinterpret_cast<T*>(memory->bytes.data());
    }
    void deallocate(T* at, std::size_t) {
        if (reinterpret_cast<std::byte*>(at) == memory->bytes.data()) {
            memory->used = false;
        } else {
            ::operator delete(at);
        }
    }
    bool operator==(const Allocator& other) const { return memory == other.memory; }

    Memory* memory;
};

/// A step of the poller, in memory that is there.
struct Poller::Handler {
    using allocator_type = Allocator<std::byte>;
    allocator_type get_allocator() const { return allocator_type(memory); }
    void operator()(std::error_code = {}) const { (poller.*step)(); }

    Poller& poller;
    void (Poller::*step)();
    Memory& memory;
};

Poller::Poller(asio::io_context& context)
    : service(context), executor_(context.get_executor()), readable_(context, queue_.fd()) {}

Poller::~Poller() { readable_.release(); }

std::error_code Poller::add(int fd, Watched& watched, Events events) {
    if (const int error = queue_.add(fd, events, &watched); error != 0) {
        return {error, asio::error::get_system_category()};
    }
    watched.next_ = watched_;
    watched.previous_ = nullptr;
    watched.is_listed_ = true;
    if (watched_ != nullptr) watched_->previous_ = &watched;
    watched_ = &watched;
    return {};
}

std::error_code Poller::change(int fd, Watched& watched, Events events) {
    return {queue_.change(fd, events, &watched), asio::error::get_system_category()};
}

void Poller::remove(int fd, Watched& watched) {
    queue_.remove(fd);
    forget(watched);
}

void Poller::forget(Watched& watched) {
    for (std::size_t i = told_next_; i < told_end_; ++i) {
        if (told_[i].data == &watched) told_[i].data = nullptr;
    }
    unlist(watched);
}

void Poller::unlist(Watched& watched) {
    if (!std::exchange(watched.is_listed_, false)) return;
    (watched.previous_ != nullptr ? watched.previous_->next_ : watched_) = watched.next_;
    if (watched.next_ != nullptr) watched.next_->previous_ = watched.previous_;
}

void Poller::wait_began() {
    if (waits_++ == 0) wait();
}

void Poller::wait_ended() {
    if (--waits_ > 0 || state_ != State::waiting) return;
    std::error_code ignored;
    readable_.cancel(ignored);
}

void Poller::wait() {
    if (state_ != State::idle) return;
    const Handler next{*this, &Poller::poll, wait_memory_};
    // Each wait of asio's costs an epoll_ctl(2). Where much happens there is more to come: to look
    // again, behind what others have to do, costs less. Measured: 3 % more opens 32 at a time.
    if (told_end_ > 1) {
        asio::post(executor_, next);
    } else {
        readable_.async_wait(Descriptor::wait_read, next);
    }
    state_ = State::waiting;
}

void Poller::poll() {
    state_ = State::telling;
    told_next_ = 0;
    told_end_ = queue_.take(told_);
    Calls calls;
    while (told_next_ < told_end_) {
        const EventQueue::Told& next = told_[told_next_++];
        if (next.data == nullptr) continue;  // gone
        calls([&] { static_cast<Watched*>(next.data)->told(next.events); });
    }
    state_ = State::idle;
    if (waits_ > 0) wait();
    calls.end();
}

void Poller::make_due(Waiter& waiter, std::error_code error) {
    if (is_shut_) {
        waiter.abandon();
        return;
    }
    waiter.error_ = error;
    waiter.next_ = nullptr;
    (due_first_ == nullptr ? due_first_ : due_last_->next_) = &waiter;
    due_last_ = &waiter;
    if (std::exchange(due_posted_, true)) return;
    asio::post(executor_, Handler{*this, &Poller::run_due, due_memory_});
}

void Poller::run_due() {
    due_posted_ = false;
    Calls calls;
    // Those that become due meanwhile come after the others of the event loop.
    for (Waiter* next = std::exchange(due_first_, nullptr); next != nullptr;) {
        Waiter& waiter = *std::exchange(next, next->next_);
        calls([&] { waiter.ready(waiter.error_); });
    }
    calls.end();
}

void Poller::shutdown() {
    is_shut_ = true;
    while (due_first_ != nullptr) {
        Waiter& waiter = *std::exchange(due_first_, due_first_->next_);
        waiter.abandon();
    }
    while (watched_ != nullptr) {
        Watched& watched = *watched_;
        unlist(watched);
        watched.abandon_waiters();
    }
}

}  // namespace inout
