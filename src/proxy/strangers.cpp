#include "proxy/strangers.hpp"

#include <algorithm>
#include <atomic>

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

}  // namespace

class Strangers::Place {
  public:
    Place(const Executor& e, const IpAddress& s, bool t) : executor(e), source(s), trusted(t) {}

    SourceRules::Verdict verdict{};  // as it came; then read only

    const Executor executor;
    std::atomic<bool> evicted{false};  // written under the lock

    // Under the lock of Strangers.
    std::weak_ptr<Connection> connection;  // nothing: gone, or not here yet
    const IpAddress source;
    const bool trusted;
    bool waits = true;  // in the queues
    bool silent = true;
    bool shook_hands = false;
    std::list<Place*>::iterator in_all, in_source;
};

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

Strangers::Strangers(const ProxyConfig& config)
    : config_(config),
      descriptors_(all_connections(config.limits)),
      places_max_(std::clamp<std::size_t>(descriptors_ / 2, 1, config.limits.handshakes)),
      rules_(config.limits.per_source) {}

Strangers::Admission Strangers::admit(const Executor& executor, const IpAddress& peer) {
    if (!may_connect(config_.access.allow, config_.access.deny, peer)) {
        return {nullptr, "allow and deny"};
    }
    const ProxyLimits& limits = config_.limits;
    if (limits.connections > 0 && counters().sockets > limits.connections) {
        return {nullptr, "limits.connections"};
    }
    const bool trusted = any_contains(config_.trusted, peer);
    auto place = std::make_shared<Place>(executor, peer.source(), trusted);
    bool crowded = false;
    const std::lock_guard lock(mutex_);
    if (!trusted) {
        place->verdict = rules_.arrives(place->source, Clock::now());
        if (place->verdict.treatment == SourceRules::Treatment::drop) {
            return {nullptr, "repeated failures", false, place->verdict.penalty};
        }
        crowded = make_room_of(place->source, place->verdict.places);
        auto& silent = by_source_[place->source].silent;
        place->in_source = silent.insert(silent.end(), place.get());
    }
    for (int i = 0; i < 2 && all_.size() >= places_now(); ++i) {
        evict_from(all_);
        crowded = true;
    }
    place->in_all = all_.silent.insert(all_.silent.end(), place.get());
    return {place, {}, crowded};
}

void Strangers::forget(Place& place) {
    const std::lock_guard lock(mutex_);
    remove(place);
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
    Place& oldest = *from.front();
    remove(oldest);
    counters().evicted_total.add();
    oldest.evicted = true;
    close_soon(oldest.executor, oldest.connection, CloseIf::always);
    return oldest.shook_hands;
}

bool Strangers::remove(Place& place) {
    if (!std::exchange(place.waits, false)) return false;
    (place.silent ? all_.silent : all_.speaking).erase(place.in_all);
    if (place.trusted) return true;
    const auto found = by_source_.find(place.source);
    (place.silent ? found->second.silent : found->second.speaking).erase(place.in_source);
    if (found->second.size() == 0) by_source_.erase(found);
    return true;
}

Strangers::Stay::Stay(Strangers& strangers, std::shared_ptr<Place> place,
                      const ConnectionPtr& connection)
    : strangers_(strangers), place_(std::move(place)), lent_(lend(connection)) {
    const std::lock_guard lock(strangers_.mutex_);
    place_->connection = lent_;
    if (place_->evicted) connection->close();
}

void Strangers::Stay::has_spoken() {
    silent_ = false;
    const std::lock_guard lock(strangers_.mutex_);
    Place& place = *place_;
    if (!place.waits || !std::exchange(place.silent, false)) return;
    const auto move = [](Queue& queue, std::list<Place*>::iterator at) {
        queue.speaking.splice(queue.speaking.end(), queue.silent, at);
    };
    move(strangers_.all_, place.in_all);
    if (!place.trusted) move(strangers_.by_source_[place.source], place.in_source);
}

void Strangers::Stay::shakes_hands() {
    const std::lock_guard lock(strangers_.mutex_);
    place_->shook_hands = true;
}

void Strangers::Stay::leave() {
    lent_.reset();
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.remove(*place_);
}

void Strangers::Stay::failed() {
    if (place_->trusted) return;
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.rules_.failed(place_->source, Clock::now(), place_->shook_hands);
}

bool Strangers::Stay::monitored() {
    if (place_->trusted) return true;
    const std::lock_guard lock(strangers_.mutex_);
    return strangers_.rules_.monitored(place_->source, Clock::now());
}

std::shared_ptr<Strangers::Acquaintance> Strangers::Stay::recognised() {
    if (place_->trusted) return nullptr;
    auto known = std::make_shared<Acquaintance>(strangers_, place_->source);
    const std::lock_guard lock(strangers_.mutex_);
    strangers_.rules_.came(place_->source);
    return known;
}

bool Strangers::Stay::may_shake_hands() const {
    return place_->verdict.treatment == SourceRules::Treatment::read;
}

long long Strangers::Stay::penalty_s() const {
    return std::chrono::ceil<std::chrono::seconds>(place_->verdict.penalty).count();
}

bool Strangers::Stay::has_turn() const {
    if (!place_->verdict.turns) return true;
    const std::lock_guard lock(strangers_.mutex_);
    return strangers_.rules_.has_turn(place_->source, Clock::now());
}

bool Strangers::Stay::evicted() const {
    // Until it is closed it may fail by itself.
    return place_->evicted && lent_ && !lent_->is_open();
}

}  // namespace inout::proxy
