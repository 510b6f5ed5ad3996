#include "proxy/directory.hpp"

#include <algorithm>

#include "common/base/log.hpp"

namespace inout::proxy {
namespace {

/// What a data connection of it shows: its ticket, or that of a 0.0.1 out its topic only.
std::string ended_name(const std::string& topic, const std::string& ticket) {
    return ticket.empty() ? "topic " + topic : ticket;
}

Reason no_way(const std::string& topic, std::optional<Clock::time_point> ended, bool tried) {
    if (tried) return {Code::no_out, "the topic's out has gone"};
    std::string words = "no out serves topic " + topic;
    if (ended) {
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - *ended);
        words += "; it was here " + std::to_string(age.count()) + " s ago";
    }
    return {Code::no_topic, std::move(words)};
}

std::string named(std::string_view topic, const Identity& identity) {
    return to_string(identity) + '\n' + std::string(topic);
}

void log_change(std::string_view event, const Registration& registration) {
    log::limited(log::Level::info, log::Kind::change, event, registration.topic,
                 {{"topic", registration.topic}, {"out", registration.out}});
}

}  // namespace

/// A stream that waits for its topic's return, until this goes. The timer is its condition variable
/// and its deadline: whatever ends the wait, the stream looks again.
struct Directory::Waiting {
    Directory& directory;
    const std::string& topic;
    Connection& in;
    std::uint64_t number = 0;
    std::shared_ptr<Timer> timer{};

    /// Under the directory's lock, which must be free when this goes.
    void begin() {
        number = directory.next_waiting_++;
        timer = std::make_shared<Timer>(in.executor());
        directory.waiting_[topic].emplace(number, timer);
    }
    ~Waiting() {
        if (!timer) return;
        in.on_reset({});
        const std::lock_guard lock(directory.mutex_);
        const auto found = directory.waiting_.find(topic);
        if (found == directory.waiting_.end()) return;
        found->second.erase(number);
        if (found->second.empty()) directory.waiting_.erase(found);
    }
};

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
        if (!added.accepted && push_out_silent(registration->topic)) {
            added = registry_.add(registration->topic, id, instance, standby);
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
    if (added.replaced) {
        const auto old = registrations_.at(*added.replaced);
        old->replaced = true;
        erase(*added.replaced);
        count();
        old->pool->close();
        asio::post(old->channel->executor(), [channel = old->channel] { channel->close(); });
    }
    if (added.displaced) {
        const auto old = registrations_.at(*added.displaced);
        old->pool->close();
        old->notify(NoticeCode::displaced, "displaced by " + registration.out);
        log_change("displaced", *old);
    }
    if (added.position == 0) {
        registration.pool->open();
        wake(registration.topic);
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
    const auto line = registry_.line(topic);
    for (auto at = line.rbegin(); at != line.rend(); ++at) {
        const auto each = registrations_.at(*at);
        end(*each);
        remove_locked(*each);
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
    const auto removed = registry_.remove(registration.topic, registration.id);
    erase(registration.id);
    count();
    registration.pool->close();
    if (removed.promoted) {
        const auto& next = registrations_.at(*removed.promoted);
        next->pool->open();
        next->notify(NoticeCode::promoted, "the holder ended");
        log_change("promoted", *next);
    } else if (removed.found && !registry_.holder(registration.topic)) {
        remember_topic(registration.topic);
    }
    return removed.found;
}

void Directory::remember_topic(const std::string& topic) {
    try {
        ended_topics_.add(topic, Clock::now());
    } catch (const std::bad_alloc&) {
        log::lose_line();  // who asks for it fails at once
    }
}

/// A line full of outs that hang would keep everybody else out until their heartbeats are over. Of
/// those that have missed theirs, the one that has been silent longest goes.
bool Directory::push_out_silent(const std::string& topic) {
    const auto now = Clock::now();
    std::shared_ptr<Registration> longest;
    for (const RegistrationId id : registry_.line(topic)) {
        const auto& each = registrations_.at(id);
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
        ended_tickets_.add(ended_name(ended->topic, ended->ticket), Clock::now());
    } catch (const std::bad_alloc&) {
        log::lose_line();  // what its out still brings will count as failures
    }
}

void Directory::count() {
    topics_.set(registry_.topics());
    controls_.set(registrations_.size() + draining_count_);
}

/// Which of a topic's line gets a stream that was at those that are `tried`. The head, as long as
/// nothing is wrong with it; else it lends its streams to the next, whose pool opens for them.
std::shared_ptr<Registration> Directory::next_for(std::string_view topic, const Tried& tried) {
    const auto id = registry_.holder(topic);
    if (!id) return nullptr;
    const auto& head = registrations_.at(*id);
    if (tried.is_empty() && !head->choice.rest.is_in_doubt() && !head->unready) return head;
    std::vector<Offer> offers;
    std::vector<std::shared_ptr<Registration>> whose;
    for (const RegistrationId each : registry_.line(topic)) {
        const auto& registration = registrations_.at(each);
        if (registration->unready || tried.has(each, registration->name)) continue;
        offers.push_back({&registration->choice});
        whose.push_back(registration);
    }
    const auto now = Clock::now();
    const auto chosen = choose(Select::first, offers, now, {}, 0);
    if (!chosen) return nullptr;
    if (whose[*chosen] != head) whose[*chosen]->pool->lend_out(now);
    return whose[*chosen];
}

/// Why no registration in a line that is not empty is left for a stream.
Reason Directory::nobody_left(std::string_view topic, const Tried& tried) const {
    for (const RegistrationId id : registry_.line(topic)) {
        if (!tried.has(id, registrations_.at(id)->name)) {
            return {Code::unready, "the topic's out has no backend now"};
        }
    }
    return {Code::no_out, "every out of the topic was tried"};
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
    const auto line = registry_.line(registration.topic);
    const auto at = std::find(line.begin(), line.end(), registration.id);
    if (at == line.end()) return std::nullopt;
    return static_cast<std::size_t>(at - line.begin());
}

Task<Result<Route, Reason>> Directory::find(const std::string& topic, Clock::time_point deadline,
                                            const Tried& tried, Connection& in) {
    std::optional<Clock::time_point> ended;
    while (true) {
        Waiting waiting{*this, topic, in};
        {
            const std::lock_guard lock(mutex_);
            if (auto out = next_for(topic, tried)) co_return Route{std::move(out)};
            if (registry_.holder(topic)) {
                co_return Failure{nobody_left(topic, tried)};
            }
            const auto now = Clock::now();
            if (const auto last = ended_topics_.last_end(topic, now)) ended = last;
            if (in.was_reset()) co_return Failure{Reason{Code::in_gone, "in reset its connection"}};
            if (!ended || now >= deadline) {
                co_return Failure{no_way(topic, ended, tried.had_one())};
            }
            if (closed_) co_return Failure{Reason{Code::draining, "proxy is ending"}};
            const auto others = waiting_.find(topic);
            if (others != waiting_.end() && others->second.size() >= waiting_max_) {
                co_return Failure{Reason{Code::limit, "too many streams wait for this topic"}};
            }
            waiting.begin();
        }
        waiting.timer->expires_at(deadline);
        in.on_reset([timer = waiting.timer] { timer->cancel(); });
        co_await waiting.timer->async_wait(use_result);
    }
}

/// All that wait for it look again, each on its own thread. Those that memory runs out for still
/// wait: for the next one, or their deadlines.
void Directory::wake(const std::string& topic) {
    const auto found = waiting_.find(topic);
    if (found == waiting_.end()) return;
    for (const auto& [number, timer] : found->second) {
        asio::post(timer->get_executor(), [timer = timer] { timer->cancel(); });
    }
    waiting_.erase(found);
}

void Directory::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (!waiting_.empty()) wake(waiting_.begin()->first);
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
    for (const RegistrationId id : registry_.line(topic)) {
        const auto& each = registrations_.at(id);
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
    if (ended_tickets_.has(ended_name(request.topic, request.ticket), Clock::now())) return true;
    if (!request.ticket.empty()) return false;
    const auto line = registry_.line(request.topic);
    return std::any_of(line.begin(), line.end(),
                       [this](RegistrationId id) { return registrations_.at(id)->ticket.empty(); });
}

std::vector<std::shared_ptr<Registration>> Directory::all() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Registration>> list;
    for (const auto& [id, registration] : registrations_) list.push_back(registration);
    for (const auto& [name, some] : draining_) list.insert(list.end(), some.begin(), some.end());
    return list;
}

void Directory::set_limits(std::size_t topics_max, std::size_t waiting_max) {
    const std::lock_guard lock(mutex_);
    registry_.set_topics_max(topics_max);
    ended_topics_.set_max(topics_max);
    waiting_max_ = waiting_max;
}

}  // namespace inout::proxy
