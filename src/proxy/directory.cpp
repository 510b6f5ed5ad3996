#include "proxy/directory.hpp"

#include <algorithm>

#include "common/base/log.hpp"

namespace inout::proxy {
namespace {

/// What a data connection of it shows: its ticket, or that of a 0.0.1 out its topic only.
std::string ended_name(const std::string& topic, const std::string& ticket) {
    return ticket.empty() ? "topic " + topic : ticket;
}

std::string named(std::string_view topic, const Identity& identity) {
    return to_string(identity) + '\n' + std::string(topic);
}

void log_change(std::string_view event, const Registration& registration) {
    log::limited(log::Level::info, log::Kind::change, event, registration.topic,
                 {{"topic", registration.topic}, {"out", registration.out}});
}

}  // namespace

std::optional<std::size_t> Directory::add(const std::shared_ptr<Registration>& registration,
                                          const std::string& instance, bool standby) {
    const std::lock_guard lock(mutex_);
    const RegistrationId id = next_id_++;
    registration->id = id;
    // The registry comes last: it may name nobody who is not here, also if memory runs out.
    registrations_.emplace(id, registration);
    TopicRegistry::Added added;
    try {
        if (!registration->ticket.empty()) tickets_.emplace(registration->ticket, registration);
        const TopicRegistry::Claim claim{.id = id,
                                         .instance = instance,
                                         .standby = standby,
                                         .shared = registration->share,
                                         .candidate = &registration->choice,
                                         .running = &registration->given};
        added = registry_.add(registration->name_in_line(), claim);
        if (!added.accepted && push_out_silent(*registration)) {
            added = registry_.add(registration->name_in_line(), claim);
        }
        if (added.accepted) take_its_place(*registration, added);
    } catch (...) {
        remove_locked(*registration);
        throw;
    }
    if (!added.accepted) {
        erase(id);
        return std::nullopt;
    }
    return added.position;
}

void Directory::take_its_place(Registration& registration, const TopicRegistry::Added& added) {
    count();
    announce(registration, true);
    if (added.replaced) {
        const auto old = registrations_.at(*added.replaced);
        old->replaced = true;
        erase(*added.replaced);
        count();
        old->pool->close();
        asio::post(old->channel->executor(), [channel = old->channel] { channel->close(); });
    }
    follow(added.changes, "displaced by " + registration.out);
    share_pools(registry_.line(registration.name_in_line()));
    if (registration.pattern) {
        wake_all(*registration.pattern);
    } else {
        wake(registration.topic);
    }
}

/// Does what the registry has decided.
void Directory::follow(TopicRegistry::Changes changes, const std::string& why) {
    for (const auto& [id, kind] : changes) {
        const auto& each = registrations_.at(id);
        switch (kind) {
            case TopicRegistry::Change::Kind::displaced:
                each->notify(NoticeCode::displaced, why);
                log_change("displaced", *each);
                break;
            case TopicRegistry::Change::Kind::promoted:
                each->notify(NoticeCode::promoted, why);
                log_change("promoted", *each);
                break;
            case TopicRegistry::Change::Kind::opened: each->pool->open(); break;
            case TopicRegistry::Change::Kind::closed: each->pool->close(); break;
        }
    }
}

std::size_t Directory::kick(std::string_view topic) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    const auto end = [&count](Registration& registration) {
        registration.kicked = true;
        registration.end();
        ++count;
    };
    // From the last one, so that none is promoted who goes as well.
    for (const bool is_pattern : {false, true}) {
        while (true) {
            const auto line = registry_.line({topic, is_pattern});
            if (line.empty()) break;
            const auto each = registrations_.at(line.back().id);
            end(*each);
            remove_locked(*each);
        }
    }
    for (const auto& [name, some] : draining_) {
        if (some.front()->topic != topic) continue;
        for (const auto& each : some) end(*each);
    }
    return count;
}

bool Directory::drain(const std::shared_ptr<Registration>& registration) {
    const std::lock_guard lock(mutex_);
    std::string name = named(registration->topic, registration->identity());
    if (!remove_locked(*registration)) return false;
    // A key that registers, drains and stays would else take one connection after the other.
    auto& others = draining_[name];
    others.push_back(registration);
    registration->drains_as = std::move(name);
    ++draining_count_;
    // All that are too many: they stay here until their sessions have ended.
    for (std::size_t i = 0; i + kDrainingMax < others.size(); ++i) {
        const auto channel = others[i]->channel;
        asio::post(channel->executor(), [channel] { channel->close(); });
    }
    count();
    return true;
}

void Directory::forget(const std::shared_ptr<Registration>& registration) {
    const std::lock_guard lock(mutex_);
    remove_locked(*registration);
    registration->topic_of_key.reset();
    const auto found = draining_.find(registration->drains_as);
    if (found != draining_.end()) {
        draining_count_ -= std::erase(found->second, registration);
        if (found->second.empty()) draining_.erase(found);
    }
    count();
}

bool Directory::remove_locked(Registration& registration) {
    const auto removed = registry_.remove(registration.name_in_line(), registration.id);
    erase(registration.id);
    count();
    registration.pool->close();
    follow(removed.changes, "the holder ended");
    if (!removed.found) return false;
    const auto line = registry_.line(registration.name_in_line());
    if (line.empty()) {
        remember_topic(registration);
    } else {
        share_pools(line);
    }
    return true;
}

void Directory::remember_topic(const Registration& last) {
    try {
        if (last.pattern) {
            if (ended_patterns_.size() >= kEndedPatternsMax) ended_patterns_.pop_front();
            ended_patterns_.push_back({*last.pattern, Clock::now()});
        } else {
            ended_topics_.add(last.topic, Clock::now());
        }
    } catch (const std::bad_alloc&) {
        log::lose_line();  // who asks for it fails at once
    }
}

/// A line full of outs that hang would keep everybody else out until their heartbeats are over. Of
/// those that have missed theirs, the one that has been silent longest goes.
bool Directory::push_out_silent(const Registration& newcomer) {
    const auto now = Clock::now();
    std::shared_ptr<Registration> longest;
    for (const auto& member : registry_.line(newcomer.name_in_line())) {
        const auto& each = registrations_.at(member.id);
        if (!each->pulse.is_late(now)) continue;
        if (!longest || each->pulse.silence(now) > longest->pulse.silence(now)) longest = each;
    }
    if (!longest) return false;
    longest->pushed_out = true;
    remove_locked(*longest);
    asio::post(longest->channel->executor(), [channel = longest->channel] { channel->close(); });
    return true;
}

void Directory::erase(RegistrationId id) {
    const auto found = registrations_.find(id);
    if (found == registrations_.end()) return;
    const auto ended = std::move(found->second);
    tickets_.erase(ended->ticket);
    registrations_.erase(found);
    try {
        announce(*ended, false);
        ended_tickets_.add(ended_name(ended->topic, ended->ticket), Clock::now());
    } catch (const std::bad_alloc&) {
        // What its out still brings will count as failures, and others may ask here in vain.
        log::lose_line();
    }
}

void Directory::announce(Registration& registration, bool is_here) {
    if (!tell_ || registration.is_announced == is_here) return;
    tell_({registration.topic, registration.pattern.has_value()}, is_here);
    registration.is_announced = is_here;
}

void Directory::count() {
    topics_.set(registry_.topics());
    controls_.set(registrations_.size() + draining_count_);
}

void Directory::set_ready(const Registration& registration, bool ready) {
    const std::lock_guard lock(mutex_);
    follow(registry_.set_ready(registration.name_in_line(), registration.id, ready), {});
    share_pools(registry_.line(registration.name_in_line()));
}

void Directory::has_refused(Registration& registration) {
    const std::lock_guard lock(mutex_);
    registration.has_failed = true;
    if (!registration.choice.rest.failed(Clock::now())) return;
    const auto left =
        std::chrono::ceil<std::chrono::seconds>(registration.choice.rest.until() - Clock::now());
    log::limited(log::Level::warning, log::Kind::retry, "out rests", registration.topic,
                 {{"topic", registration.topic},
                  {"out", registration.out},
                  {"for_s", left.count()},
                  {"reason", "it refused streams; they go to the next in line if there is one"}});
}

void Directory::has_served(Registration& registration) {
    const std::lock_guard lock(mutex_);
    registration.has_failed = false;
    if (registration.choice.rest.succeeded()) log_change("out serves again", registration);
}

std::optional<std::size_t> Directory::position_of(const Registration& registration) {
    const std::lock_guard lock(mutex_);
    return TopicRegistry::position_of(registry_.line(registration.name_in_line()), registration.id);
}

bool Directory::take_topic(std::string_view topic, const Identity& identity, Quota& quota,
                           std::shared_ptr<Quota::Place>& place) {
    const std::lock_guard lock(mutex_);
    const auto held = places_.try_emplace(named(topic, identity)).first;
    place = held->second.lock();
    const bool taken = place || quota.take(to_string(identity), place);
    held->second = place;
    if (!place) places_.erase(held);
    if (places_.size() > 2 * places_swept_ + kPlacesSweep) {
        std::erase_if(places_, [](const auto& each) { return each.second.expired(); });
        places_swept_ = places_.size();
    }
    return taken;
}

/// Of 0.0.1 outs, which can not be told from one another: one for which a stream waits, else the
/// holder, else one that lends.
std::shared_ptr<Registration> Directory::taker_without_ticket(std::string_view topic) {
    std::shared_ptr<Registration> first;
    for (const auto& member : registry_.line({topic})) {
        const auto& each = registrations_.at(member.id);
        if (!each->ticket.empty()) continue;
        if (each->pool->is_awaited()) return each;
        if (!first && each->pool->is_open()) first = each;
    }
    return first;
}

std::shared_ptr<Registration> Directory::registration_of(const OutDataRequest& request) {
    if (request.ticket.empty()) {
        const std::lock_guard lock(mutex_);
        return taker_without_ticket(request.topic);
    }
    const std::lock_guard lock(mutex_);
    const auto found = tickets_.find(request.ticket);
    if (found == tickets_.end() || found->second->topic != request.topic) return nullptr;
    return found->second;
}

bool Directory::has_just_ended(const OutDataRequest& request) {
    const std::lock_guard lock(mutex_);
    if (Clock::now() < inherited_until_) return true;
    if (ended_tickets_.has(ended_name(request.topic, request.ticket), Clock::now())) return true;
    if (!request.ticket.empty()) return false;
    const auto line = registry_.line({request.topic});
    return std::any_of(line.begin(), line.end(), [this](const auto& member) {
        return registrations_.at(member.id)->ticket.empty();
    });
}

std::vector<std::shared_ptr<Registration>> Directory::all() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Registration>> list;
    for (const auto& [id, registration] : registrations_) list.push_back(registration);
    for (const auto& [name, some] : draining_) list.insert(list.end(), some.begin(), some.end());
    return list;
}

void Directory::set_limits(std::size_t topics_max, const PoolBounds& pools) {
    const std::lock_guard lock(mutex_);
    pools_ = pools;
    for (const auto& [id, registration] : registrations_) bound(*registration->pool, 1);
    registry_.each_line([this](TopicRegistry::Members line) { share_pools(line); });
    registry_.set_topics_max(topics_max);
    ended_topics_.set_max(topics_max);
}

}  // namespace inout::proxy
