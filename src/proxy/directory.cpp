#include "proxy/directory.hpp"

#include <algorithm>

#include "common/base/log.hpp"

namespace inout {
namespace {

/// What a data connection of it shows: its ticket, or that of a 0.0.1 out its topic only.
std::string ended_name(const std::string& topic, const std::string& ticket) {
    return ticket.empty() ? "topic " + topic : ticket;
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
        added = registry_.add(registration->topic, id, instance, standby);
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
    counters().topics = registry_.topics();
    counters().controls = registrations_.size();
    if (added.replaced) {
        const auto old = registrations_.at(*added.replaced);
        old->replaced = true;
        erase(*added.replaced);
        old->pool->close();
        asio::post(old->channel->executor(), [channel = old->channel] { channel->close(); });
    }
    if (added.displaced) {
        const auto old = registrations_.at(*added.displaced);
        old->pool->close();
        old->notify(NoticeCode::displaced, "displaced by " + registration.out);
        log_change("displaced", *old);
    }
    if (added.position == 0) registration.pool->open();
}

bool Directory::remove(const std::shared_ptr<Registration>& registration) {
    const std::lock_guard lock(mutex_);
    return remove_locked(*registration);
}

bool Directory::remove_locked(Registration& registration) {
    const auto removed = registry_.remove(registration.topic, registration.id);
    counters().topics = registry_.topics();
    erase(registration.id);
    registration.pool->close();
    if (removed.promoted) {
        const auto& next = registrations_.at(*removed.promoted);
        next->pool->open();
        next->notify(NoticeCode::promoted, "the holder ended");
        log_change("promoted", *next);
    }
    return removed.found;
}

void Directory::erase(RegistrationId id) {
    const auto found = registrations_.find(id);
    if (found == registrations_.end()) return;
    tickets_.erase(found->second->ticket);
    ended_.add(ended_name(found->second->topic, found->second->ticket), Clock::now());
    found->second->topic_of_key.reset();
    registrations_.erase(found);
    counters().controls = registrations_.size();
}

std::shared_ptr<Registration> Directory::holder(std::string_view topic) {
    const std::lock_guard lock(mutex_);
    const auto id = registry_.holder(topic);
    return id ? registrations_.at(*id) : nullptr;
}

std::shared_ptr<Quota::Place> Directory::place_of(std::string_view topic,
                                                  const Identity& identity) {
    const std::lock_guard lock(mutex_);
    for (const RegistrationId id : registry_.line(topic)) {
        const auto& registration = registrations_.at(id);
        if (registration->identity == identity) return registration->topic_of_key;
    }
    return nullptr;
}

std::shared_ptr<Registration> Directory::by_ticket(const std::string& ticket) {
    const std::lock_guard lock(mutex_);
    const auto found = tickets_.find(ticket);
    return found == tickets_.end() ? nullptr : found->second;
}

bool Directory::has_just_ended(const OutDataRequest& request) {
    const std::lock_guard lock(mutex_);
    if (ended_.has(ended_name(request.topic, request.ticket), Clock::now())) return true;
    if (!request.ticket.empty()) return false;
    const auto line = registry_.line(request.topic);
    return std::any_of(line.begin(), line.end(),
                       [this](RegistrationId id) { return registrations_.at(id)->ticket.empty(); });
}

std::vector<std::shared_ptr<Registration>> Directory::all() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Registration>> list;
    for (const auto& [id, registration] : registrations_) list.push_back(registration);
    return list;
}

}  // namespace inout
