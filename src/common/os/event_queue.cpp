#include "common/os/event_queue.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace inout {
namespace {

epoll_event to_kernel(Events events, void* data) {
    epoll_event event{};
    event.events = EPOLLET | EPOLLRDHUP | EPOLLPRI;  // EPOLLERR and EPOLLHUP come anyway
    if ((events & kInput) != 0) event.events |= EPOLLIN;
    if ((events & kOutput) != 0) event.events |= EPOLLOUT;
    event.data.ptr = data;
    return event;
}

Events from_kernel(std::uint32_t told) {
    Events events = 0;
    if ((told & EPOLLIN) != 0) events |= kInput;
    if ((told & EPOLLOUT) != 0) events |= kOutput;
    if ((told & EPOLLPRI) != 0) events |= kUrgent;
    if ((told & EPOLLRDHUP) != 0) events |= kPeerEnded;
    if ((told & (EPOLLERR | EPOLLHUP)) != 0) events |= kOver;
    return events;
}

}  // namespace

EventQueue::EventQueue() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!fd_) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

int EventQueue::add(int fd, Events events, void* data) {
    epoll_event event = to_kernel(events, data);
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int EventQueue::change(int fd, Events events, void* data) {
    epoll_event event = to_kernel(events, data);
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void EventQueue::remove(int fd) { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::size_t EventQueue::take(std::span<Told, kTakenMax> told) {
    std::array<epoll_event, kTakenMax> events;
    const int n = ::epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        told[at] = {from_kernel(events[at].events), events[at].data.ptr};
    }
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace inout
