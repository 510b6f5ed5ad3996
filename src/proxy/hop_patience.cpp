#include "proxy/hop_patience.hpp"

#include "common/net/deadline.hpp"
#include "common/open/introduction.hpp"

namespace inout::proxy {
namespace {

/// Whether it answers who asks for nothing but that. What has run out here says nothing of it.
Task<bool> speaks(Worker& worker, const ProxyLink& proxy_link) {
    // Before the streams: where many of them wait for a turn, having had none says nothing of it.
    auto dialled =
        co_await proxy_link.dial(worker.executor(), kHopSilence, DialFor::control, kHopSilence);
    if (!dialled) co_return dialled.error().code == Code::limit;
    Connection& connection = **dialled;
    Deadline deadline(connection);
    deadline.expires_after(kHopSilence);
    const auto heard = co_await introduce(proxy_link, connection);
    deadline.cancel();
    if (!heard.answer) co_return false;
    co_await say_farewell(connection);
    co_return true;
}

}  // namespace

Task<> Cluster::Link::look(Worker& worker, std::shared_ptr<Link> self) {
    struct End {
        Link& link;
        ~End() { link.is_suspected_ = false; }
    } end{*self};
    const bool is_there = co_await speaks(worker, self->proxy_link());
    if (is_there) co_return;
    self->silent_ = Clock::now();
    self->shed();
}

void Cluster::Link::suspect(Worker& worker) {
    if (is_suspected_.exchange(true)) return;
    try {
        spawn(worker.executor(), "suspicion", look(worker, shared_from_this()));
    } catch (...) {
        is_suspected_ = false;
        throw;
    }
}

HopPatience::HopPatience(Worker& worker, std::shared_ptr<Cluster::Link> link, Connection& waiting)
    : watch_(std::make_shared<Watch>(worker, std::move(link), waiting)) {
    wait(watch_);
}

HopPatience::~HopPatience() {
    watch_->waiting = nullptr;
    watch_->timer.cancel();
}

void HopPatience::wait(const std::shared_ptr<Watch>& watch) {
    watch->timer.expires_after(kHopSilence);
    watch->timer.async_wait([watch](std::error_code error) {
        if (error || watch->waiting == nullptr) return;
        if (watch->link->was_silent(watch->since)) {
            watch->is_over = true;
            watch->waiting->close();
            return;
        }
        watch->link->suspect(watch->worker);
        wait(watch);
    });
}

}  // namespace inout::proxy
