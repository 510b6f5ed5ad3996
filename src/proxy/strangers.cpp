#include "proxy/strangers.hpp"

#include <algorithm>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/os/descriptors.hpp"

namespace inout::proxy {
namespace {

/// As many connections as there can be.
std::size_t all_connections(const ProxyLimits& limits) {
    const std::size_t all = descriptor_limit();
    return limits.connections > 0 ? std::min(all, limits.connections) : all;
}

std::size_t places_for(const ProxyLimits& limits) {
    return std::clamp<std::size_t>(all_connections(limits) / 2, 1, limits.handshakes);
}

}  // namespace

class Strangers::Acquaintance {
  public:
    Acquaintance(Strangers& strangers, const IpAddress& source)
        : strangers_(strangers), source_(source) {}
    Acquaintance(const Acquaintance&) = delete;
    Acquaintance& operator=(const Acquaintance&) = delete;
    ~Acquaintance() {
        const std::lock_guard lock(strangers_.mutex_);
        try {
            strangers_.rules_.left(source_, Clock::now());
        } catch (const std::bad_alloc&) {
            log::lose_line();  // its source is forgotten
        }
    }

  private:
    Strangers& strangers_;
    const IpAddress source_;
};

Strangers::Strangers(const ProxyLimits& limits)
    : descriptors_(all_connections(limits)),
      places_max_(places_for(limits)),
      rules_(limits.per_source) {}

void Strangers::set_limits(const ProxyLimits& limits) {
    const std::lock_guard lock(mutex_);
    descriptors_ = all_connections(limits);
    places_max_ = places_for(limits);
    rules_.set_places(limits.per_source);
}

Strangers::Admission Strangers::admit(const ConnectionPtr& connection, const ProxyConfig& config,
                                      Speaks speaks) {
    const IpAddress peer = connection->peer_address();
    const bool trusted = any_contains(config.trusted, peer);
    const bool for_others = trusted && config.proxy_protocol && speaks == Speaks::for_unknown;
    if (!for_others && !may_connect(config.access.allow, config.access.deny, peer)) {
        return {nullptr, "allow and deny"};
    }
    const ProxyLimits& limits = config.limits;
    if (limits.connections > 0 && counters().sockets > limits.connections) {
        return {nullptr, "limits.connections"};
    }
    auto stay = std::make_unique<Stay>(*this, connection, trusted, for_others);
    std::list<Stay*> newcomer{stay.get()};  // now: nothing may fail when it is in one queue
    bool crowded = false;
    const std::lock_guard lock(mutex_);
    if (!stay->trusted_) {
        stay->verdict_ = rules_.arrives(stay->source_, Clock::now());
        if (stay->verdict_.treatment == SourceRules::Treatment::drop) {
            return {nullptr, "repeated failures", false, stay->verdict_.penalty};
        }
        crowded = make_room_of(stay->source_, stay->verdict_.places);
    }
    for (int i = 0; i < 2 && all_.size() >= places_now(); ++i) {
        evict_from(all_);
        crowded = true;
    }
    if (!stay->trusted_) {
        auto& silent = by_source_[stay->source_].silent;
        stay->in_source_ = silent.insert(silent.end(), stay.get());
    }
    stay->in_all_ = newcomer.begin();
    all_.silent.splice(all_.silent.end(), newcomer);
    stay->here_ = true;
    return {std::move(stay), {}, crowded};
}

/// The more others have, the fewer there are: strangers never have more than half of what is left.
std::size_t Strangers::places_now() const {
    const std::size_t used = counters().sockets + 2 * counters().pipes;
    const std::size_t others = used - std::min(used, all_.size());
    const std::size_t left = descriptors_ - std::min(descriptors_, others);
    return std::clamp<std::size_t>(left / 2, 1, places_max_);
}

/// Its own have to make room for one more. That counts as a failure: whoever sends more than it has
/// places for would else never fail, because none of them gets the time for it. True: some had to.
bool Strangers::make_room_of(const IpAddress& source, std::size_t places) {
    // Two, because a penalty makes the places fewer than there are.
    bool crowded = false;
    for (int i = 0; i < 2; ++i) {
        const auto found = by_source_.find(source);  // evicting its last one forgets it
        if (found == by_source_.end() || found->second.size() < places) break;
        const bool shook_hands = evict_from(found->second);
        rules_.failed(source, Clock::now(), shook_hands);
        crowded = true;
    }
    return crowded;
}

/// Whether we had shaken hands with it.
bool Strangers::evict_from(const Queue& queue) {
    // Of the silent ones only if they are as many: the newcomers are among them.
    const auto& from = queue.silent.size() >= queue.speaking.size() ? queue.silent : queue.speaking;
    Stay& oldest = *from.front();
    remove(oldest);
    counters().evicted_total.add();
    oldest.evicted_ = true;
    close_soon(oldest.executor_, oldest.closable_, CloseIf::always);
    return oldest.shook_hands_;
}

void Strangers::remove(Stay& stay) {
    if (!std::exchange(stay.waits_, false)) return;
    (stay.silent_ ? all_.silent : all_.speaking).erase(stay.in_all_);
    if (stay.trusted_) return;
    const auto found = by_source_.find(stay.source_);
    (stay.silent_ ? found->second.silent : found->second.speaking).erase(stay.in_source_);
    if (found->second.size() == 0) by_source_.erase(found);
}

Strangers::Stay::Stay(Strangers& strangers, const ConnectionPtr& connection, bool trusted,
                      bool speaks_for_others)
    : strangers_(strangers),
      executor_(connection->executor()),
      source_(connection->peer_address().source()),
      trusted_(trusted),
      speaks_for_others_(speaks_for_others),
      lent_(lend(connection)),
      closable_(lent_) {}

void Strangers::Stay::has_spoken() {
    const std::lock_guard lock(strangers_.mutex_);
    if (!waits_ || !std::exchange(silent_, false)) return;
    const auto move = [](Queue& queue, std::list<Stay*>::iterator at) {
        queue.speaking.splice(queue.speaking.end(), queue.silent, at);
    };
    move(strangers_.all_, in_all_);
    if (!trusted_) move(strangers_.by_source_[source_], in_source_);
}

void Strangers::Stay::shakes_hands() {
    if (trusted_) return;
    const std::lock_guard lock(strangers_.mutex_);
    shook_hands_ = true;
}

void Strangers::Stay::leave() {
    if (!std::exchange(here_, false)) return;
    lent_.reset();
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.remove(*this);
}

void Strangers::Stay::leave_known() {
    if (trusted_) return leave();
    here_ = false;
    lent_.reset();
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.remove(*this);
    strangers_.rules_.came(source_);
    strangers_.rules_.left(source_, Clock::now());
}

std::shared_ptr<Strangers::Acquaintance> Strangers::Stay::recognised() {
    if (trusted_) {
        leave();
        return nullptr;
    }
    auto known = std::make_shared<Acquaintance>(strangers_, source_);
    here_ = false;
    lent_.reset();
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.remove(*this);
    strangers_.rules_.came(source_);
    return known;
}

void Strangers::Stay::failed() {
    if (trusted_) return;
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.rules_.failed(source_, Clock::now(), shook_hands_);
}

bool Strangers::Stay::monitored() {
    if (trusted_) return true;
    const std::lock_guard lock(strangers_.mutex_);
    return !shook_hands_ || strangers_.rules_.monitored(source_, Clock::now());
}

bool Strangers::Stay::may_shake_hands() const {
    return verdict_.treatment == SourceRules::Treatment::read;
}

long long Strangers::Stay::penalty_s() const {
    return std::chrono::ceil<std::chrono::seconds>(verdict_.penalty).count();
}

bool Strangers::Stay::has_turn() const {
    if (!verdict_.turns) return true;
    const std::lock_guard lock(strangers_.mutex_);
    return strangers_.rules_.has_turn(source_, Clock::now());
}

bool Strangers::Stay::evicted() const {
    // Until it is closed it may fail by itself.
    return evicted_ && lent_ && !lent_->is_open();
}

}  // namespace inout::proxy
