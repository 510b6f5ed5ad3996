#include "common/app/spare_pool.hpp"

#include <algorithm>
#include <utility>

#include "common/base/log.hpp"
#include "common/net/deadline.hpp"
#include "common/open/introduction.hpp"

namespace inout {
namespace {

PoolPolicy new_policy() { return {kSpareMin, kSpareMax, kSpareMax}; }

bool was_just_used(const Connection& connection) {
    const StreamFraming* const framing = connection.framing();
    return framing != nullptr && Clock::now() - framing->idle_since() < kSpareTrusted;
}

}  // namespace

SparePool::SparePool(Worker& worker, std::shared_ptr<const ProxyLink> proxy_link,
                     const Dialling& dialling, Budget& budget, std::size_t number)
    : worker_(worker),
      proxy_link_(std::move(proxy_link)),
      dialling_(dialling),
      budget_(budget),
      number_(number),
      policy_(new_policy()),
      idle_(std::make_shared<IdlePool>(counters().warm)),
      age_timer_(worker.context()) {}

ConnectionPtr SparePool::take(Milliseconds give_up) {
    last_client_ = Clock::now();
    Use use = Use::once;
    ConnectionPtr taken = idle_->take(worker_.executor(), &use);
    // Nearly all that can be used again come back, so that each needs no replacement.
    if (ahead_ && (!taken || use == Use::once)) policy_.stream_opened();
    refill();
    if (taken && !was_just_used(*taken)) taken->give_up_after(give_up);
    return taken;
}

void SparePool::give_back(ConnectionPtr connection, bool worn_out) {
    come_back_ = true;
    Budget::Places places;
    if (!worn_out && !closed_ && keep_ > Milliseconds{0} && idle_->size() < kSpareReturnedMax &&
        take_place(places)) {
        park(std::move(connection), std::move(places), Use::again);
    } else {
        close_idle(*connection, Use::again);
    }
}

void SparePool::learn(Connection& connection, const Response& response) {
    connection.give_up_after(Milliseconds{0});
    if (Clock::now() >= measure_at_) {
        measure_at_ = Clock::now() + kSpareMeasured;
        pays_ = round_trip(connection.fd()) >= kSpareRoundTripMin;
    }
    Milliseconds keep = std::min(kSpareQuiet, response.warm.value_or(Milliseconds{0}) / 2);
    if (keep < kSpareKeptMin) keep = Milliseconds{0};
    const bool sooner = keep < std::exchange(keep_, keep);
    if (ages_ && sooner) wait_for_age();
    const bool ahead = pays_ && keep > Milliseconds{0};
    if (std::exchange(ahead_, ahead) && !ahead) policy_ = new_policy();
    refill();
}

void SparePool::close() {
    closed_ = true;
    asio::post(worker_.context(), [self = shared_from_this()] {
        self->drop_all();
        self->age_timer_.cancel();
    });
}

void SparePool::refill() {
    const auto now = Clock::now();
    if (closed_ || !ahead_ || keep_ == Milliseconds{0} || now < refused_until_) return;
    const std::size_t count = policy_.request(idle_->size(), 0, now);
    const std::size_t room = kSpareMax - std::min(kSpareMax, idle_->size() + opening_);
    for (std::size_t i = 0; i < std::min(count, room); ++i) {
        Budget::Places places;
        if (!take_place(places)) return;
        spawn(worker_.executor(), "spare", open_spare(shared_from_this(), std::move(places)));
    }
}

/// Of the first half only: the rest is for clients.
bool SparePool::take_place(Budget::Places& places) {
    return budget_.used(number_) < budget_.most() / 2 && budget_.take(number_, 1, places);
}

Task<> SparePool::open_spare([[maybe_unused]] std::shared_ptr<SparePool> self,
                             Budget::Places places) {
    const CountedHere counted(opening_);
    const Milliseconds timeout = std::min(dialling_.connect_timeout, dialling_.open_timeout);
    auto dialled = co_await proxy_link_->dial(worker_.executor(), timeout, DialFor::spare, timeout);
    if (!dialled) co_return;  // the next client will say so
    ConnectionPtr owned = std::move(*dialled);
    Connection& connection = *owned;
    Deadline deadline(connection);
    deadline.expires_after(dialling_.connect_timeout);
    const auto heard = co_await introduce(*proxy_link_, connection);
    if (!heard.answer || closed_) co_return;
    const Response* response = heard.response_to(kIntroduction);
    if (response == nullptr || !response->ok()) {
        log::debug("no spare connection",
                   {{"server", to_string(proxy_link_->server())},
                    {"reason", response != nullptr ? response->message : "not an answer"}});
        refused_until_ = Clock::now() + kRequestExpiry;
        co_return;
    }
    if (heard.write_error) co_return;
    deadline.cancel();
    policy_.arrived();
    if (response->reuse) {
        connection.frame(StreamFraming::Role::requester);
        connection.framing()->nonce = response->nonce;
    }
    park(std::move(owned), std::move(places), response->reuse ? Use::again : Use::once);
}

void SparePool::park(ConnectionPtr connection, Budget::Places places, Use use) {
    connection->keep_alive();
    idle_->park(std::move(connection), std::make_shared<Budget::Places>(std::move(places)), {},
                use);
    if (!ages_) wait_for_age();
}

void SparePool::wait_for_age() {
    const auto oldest = idle_->oldest();
    ages_ = oldest.has_value();
    if (!oldest) return;
    age_timer_.expires_at(*oldest + keep_);
    age_timer_.async_wait([pool = weak_from_this()](std::error_code error) {
        if (error) return;
        if (const auto self = pool.lock()) self->drop_old();
    });
}

void SparePool::drop_old() {
    const auto now = Clock::now();
    // Of those that came back the policy knows nothing: they only age.
    const std::size_t surplus = policy_.surplus(idle_->size(), now);
    idle_->retire(come_back_ ? 0 : surplus, now - keep_);
    if (now - last_client_ < kSpareQuiet) {
        refill();
    } else {
        policy_ = new_policy();
    }
    wait_for_age();
}

}  // namespace inout
