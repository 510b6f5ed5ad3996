#include "out/backends.hpp"

#include <algorithm>
#include <array>

namespace inout::out {
namespace {

Select select_of(Balance balance) {
    switch (balance) {
        case Balance::round_robin: break;
        case Balance::least_streams: return Select::least_streams;
        case Balance::random: return Select::random;
        case Balance::source: return Select::source;
    }
    return Select::round_robin;
}

RestRule rest_rule_of(const OutNetwork& network) {
    return {.failures = 1, .fail_timeout = network.fail_timeout};
}

HealthRule health_rule_of(const std::optional<HealthOptions>& health) {
    return health ? HealthRule{health->rise, health->fall} : HealthRule{};
}

std::string text_of(const std::vector<BackendOptions>& options) {
    std::string text;
    for (const BackendOptions& each : options) {
        text += (text.empty() ? "" : ", ") + to_string(each.address);
    }
    return text;
}

}  // namespace

Backends::Backends(const OutNetwork& network, Backends* before)
    : topic_(network.topic),
      options_(backends_of(network)),
      balance_(network.balance),
      rest_rule_(rest_rule_of(network)),
      health_(network.health),
      proxy_protocol_(network.proxy_protocol),
      text_(text_of(options_)) {
    members_.reserve(options_.size());
    for (const BackendOptions& each : options_) {
        auto backend = std::make_shared<Backend>(each.address);
        Candidate candidate(backend->name, each.weight, each.backup, rest_rule_);
        members_.push_back({std::move(backend), candidate, Health(health_rule_of(health_))});
        if (before != nullptr) take_over(members_.back(), *before);
    }
    all_down_ = has_none_up();
}

/// What was learned by other rules counts, until something else is learned.
void Backends::take_over(Member& member, Backends& before) const {
    const std::lock_guard lock(before.mutex_);
    for (const Member& each : before.members_) {
        if (each.backend->name != member.backend->name) continue;
        member.backend = each.backend;
        if (before.rest_rule_ == rest_rule_) member.candidate.rest = each.candidate.rest;
        if (!health_ || !before.health_) return;
        member.health = each.health;
        member.health.set_rule(health_rule_of(health_));
        return;
    }
}

bool Backends::is_like(const OutNetwork& network) const {
    return topic_ == network.topic && options_ == backends_of(network) &&
           balance_ == network.balance && rest_rule_ == rest_rule_of(network) &&
           health_ == network.health && proxy_protocol_ == network.proxy_protocol;
}

bool Backends::has_none_up() const {
    return std::none_of(members_.begin(), members_.end(),
                        [](const Member& member) { return member.health.is_up(); });
}

std::optional<std::size_t> Backends::choose(const Tried& tried, std::string_view source,
                                            Clock::time_point now, double chance) {
    const std::lock_guard lock(mutex_);
    std::array<Offer, kMax> offers{};
    std::array<std::size_t, kMax> indices{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (tried[i] || !members_[i].health.is_up()) continue;
        indices[count] = i;
        offers[count++] = {&members_[i].candidate, members_[i].backend->streams};
    }
    // One of 0.0.1 does not tell who the client is: not all of its streams to the same one.
    const Select select =
        balance_ == Balance::source && source.empty() ? Select::random : select_of(balance_);
    const auto chosen = inout::choose(select, {offers.data(), count}, now, source, chance);
    if (!chosen) return std::nullopt;
    return indices[*chosen];
}

bool Backends::has_failed(std::size_t index, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    return members_[index].candidate.rest.failed(now);
}

Clock::time_point Backends::rests_until(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return members_[index].candidate.rest.until();
}

bool Backends::has_worked(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return members_[index].candidate.rest.succeeded();
}

Backends::Change Backends::was_asked(std::size_t index, bool well) {
    const std::lock_guard lock(mutex_);
    Member& member = members_[index];
    if (!member.health.answered(well)) return Change::nothing;
    if (well) member.candidate.rest.succeeded();
    const bool all_down = has_none_up();
    return all_down_.exchange(all_down) == all_down ? Change::of_it : Change::of_all;
}

std::vector<Backends::Shown> Backends::shown(Clock::time_point now) {
    std::vector<Shown> all;
    all.reserve(members_.size());
    const std::lock_guard lock(mutex_);
    for (const Member& member : members_) {
        const bool rests = member.candidate.rest.is_resting(now);
        const State state = !member.health.is_up() ? State::down
                            : rests                ? State::resting
                                                   : State::up;
        all.push_back({member.backend, state, member.candidate.weight, member.candidate.backup});
    }
    return all;
}

std::string_view to_string(Backends::State state) {
    switch (state) {
        case Backends::State::up: return "up";
        case Backends::State::resting: return "resting";
        case Backends::State::down: break;
    }
    return "down";
}

}  // namespace inout::out
