// The part of a node that finds a way for streams.
#include <algorithm>
#include <iterator>
#include <utility>

#include "common/cluster/node.hpp"

namespace inout::cluster {

void Node::find(StreamId stream, const std::string& topic, Clock::time_point deadline,
                Clock::time_point now, Effects& effects) {
    const auto search =
        searches_.emplace(stream, Search{.topic = topic, .deadline = deadline}).first;
    go_on(search, now, effects);
}

void Node::report(StreamId stream, Outcome outcome, Clock::time_point now, Effects& effects) {
    const auto search = searches_.find(stream);
    if (search == searches_.end()) return;
    const auto& [topic, route] = std::tie(search->second.topic, search->second.route);
    switch (outcome) {
        case Outcome::open:
            peers_.was_reached(route);
            cache_.is_there(topic, now);
            return leave(search);
        case Outcome::unreachable:
            peers_.could_not_be_reached(route, now);
            cache_.drop(topic, route);
            search->second.unfit.push_back(route);
            break;
        case Outcome::not_there:
            peers_.was_reached(route);
            cache_.drop(topic, route);
            break;
        case Outcome::refused:
            peers_.was_reached(route);
            search->second.unfit.push_back(route);
            search->second.is_refused = true;
            break;
        case Outcome::lost: cache_.drop(topic, route); return leave(search);
        case Outcome::left: return leave(search);
    }
    go_on(search, now, effects);
}

/// The next route, or the next question for one, or the end.
void Node::go_on(Searches::iterator search, Clock::time_point now, Effects& effects) {
    Search& its = search->second;
    stop_waiting(search);
    if (now < its.deadline && try_next(search, now, effects)) return;
    const auto again = cache_.knows(its.topic, now) ? std::size(kPauses) : kAskedAgainUnknown;
    const bool is_in_vain = its.questions > 0 && its.is_refused;
    if (its.questions > again && !is_in_vain && now < its.no_topic_at && is_up_) {
        pause(search, std::min(its.no_topic_at, its.deadline));
    } else if (is_in_vain && is_up_ && its.tries < kTriesMax && now < its.heard_at) {
        pause(search, std::min(its.heard_at, its.deadline));
    } else if (!is_up_ || now >= its.deadline || its.tries >= kTriesMax || its.questions > again ||
               is_in_vain) {
        const auto untried = is_up_ ? NoRoute::no_topic : NoRoute::no_directory;
        effects.resolutions.push_back({search->first, its.tries > 0 ? NoRoute::tried : untried});
        searches_.erase(search);
    } else if (its.questions == 0 || its.step == Search::Step::pausing) {
        ask(search, now, effects);
    } else {
        pause(search, std::min(now + kPauses[its.questions - 1], its.deadline));
    }
}

/// False: there is no route that was not tried.
bool Node::try_next(Searches::iterator search, Clock::time_point now, Effects& effects) {
    const Search& its = search->second;
    Route* const route = its.tries < kTriesMax ? next_route(its, now) : nullptr;
    if (route == nullptr) return false;
    go(search, *route, effects);
    return true;
}

void Node::go(Searches::iterator search, Route& route, Effects& effects) {
    Search& its = search->second;
    stop_waiting(search);
    ++route.running;
    ++its.tries;
    its.step = Search::Step::trying;
    its.route = route.proxy;
    its.tried.push_back(route.proxy);
    effects.resolutions.push_back({search->first, route});
}

/// One stream goes where the first answer came from. A crowd must not: the others wait for those
/// who have the topic too.
void Node::go_first(const std::string& topic, Route& route, Effects& effects) {
    const auto waiting = waiting_.find(topic);
    if (waiting == waiting_.end()) return;
    const auto search = searches_.find(*waiting->second.begin());
    if (search->second.tries == 0) go(search, route, effects);
}

/// Before the first question only what is fresh counts; behind one, or where none can be asked,
/// what was known last.
Route* Node::next_route(const Search& search, Clock::time_point now) {
    const bool any = search.questions > 0 || !is_up_;
    auto routes = any ? cache_.routes(search.topic) : cache_.fresh_routes(search.topic, now);
    std::erase_if(routes, [&](const Route* route) {
        return std::ranges::find(search.tried, route->proxy) != search.tried.end();
    });
    return routes.empty() ? nullptr : peers_.choose(routes, chance_(), now);
}

void Node::ask(Searches::iterator search, Clock::time_point now, Effects& effects) {
    Search& its = search->second;
    its.step = Search::Step::asking;
    ++its.questions;
    waiting_[its.topic].insert(search->first);
    its.until = its.deadline;
    its.heard_at = now + round_trips(now).patience();
    streams_due_.emplace(its.until, search->first);
    if (!running_.contains(its.topic)) begin_lookup(its.topic, now, effects);
}

void Node::pause(Searches::iterator search, Clock::time_point until) {
    Search& its = search->second;
    its.step = Search::Step::pausing;
    its.until = until;
    waiting_[its.topic].insert(search->first);
    streams_due_.emplace(its.until, search->first);
}

void Node::stop_waiting(const Searches::iterator& search) {
    Search& its = search->second;
    if (streams_due_.erase({its.until, search->first}) == 0) return;
    const auto waiting = waiting_.find(its.topic);
    waiting->second.erase(search->first);
    if (waiting->second.empty()) waiting_.erase(waiting);
}

void Node::leave(Searches::iterator search) {
    stop_waiting(search);
    searches_.erase(search);
}

void Node::begin_lookup(const std::string& topic, Clock::time_point now, Effects& effects) {
    const auto subject = subjects_.lookup(topic);
    forget_lookups(now);
    const std::uint64_t number = next_number_++;
    Lookup lookup(cache_.expected(topic, now), round_trips(now), now);
    if (!subject) lookup.cut_off(now);  // nobody listens to so long a one
    lookups_due_.emplace(lookup.ends_at(), number);
    lookups_.emplace(number, Asked{topic, now, std::move(lookup)});
    running_.emplace(topic, number);
    if (!subject) return;
    effects.operations.push_back({Operation::Kind::publish, *subject,
                                  subjects_.answer(inbox_, number), encode(Question{proxy_})});
}

RoundTrips Node::round_trips(Clock::time_point now) {
    const auto answer_time = std::chrono::duration<double>(answer_time_.value(now));
    return {round_trip_,
            std::max(round_trip_, std::chrono::duration_cast<Clock::duration>(answer_time))};
}

void Node::forget_lookups(Clock::time_point now) {
    while (!over_.empty()) {
        const auto oldest = lookups_.find(over_.front());
        if (lookups_.size() < kLookupsMax && now - oldest->second.at < kLateAnswers) return;
        lookups_.erase(oldest);
        over_.pop_front();
    }
}

/// What changes when it ends.
void Node::change(std::uint64_t number, const std::function<void(Lookup&)>& how) {
    const auto asked = lookups_.find(number);
    if (asked == lookups_.end() || !asked->second.running) return;
    Lookup& lookup = *asked->second.running;
    lookups_due_.erase({lookup.ends_at(), number});
    how(lookup);
    lookups_due_.emplace(lookup.ends_at(), number);
}

void Node::end_lookup(std::uint64_t number, Clock::time_point now, Effects& effects) {
    Asked& asked = lookups_.at(number);
    lookups_due_.erase({asked.running->ends_at(), number});
    running_.erase(asked.topic);
    over_.push_back(number);
    const std::string topic = asked.topic;
    const RouteSet found = asked.running->found();
    const auto no_topic_at = asked.running->is_denied() ? now : asked.at + kSilence;
    asked.running.reset();
    if (!found.is_empty()) {
        cache_.put(topic, found, now);
        listen_to_news(effects);
    }
    const auto waiting = waiting_.find(topic);
    if (waiting == waiting_.end()) return;
    for (const StreamId id : std::set(waiting->second)) {
        const auto search = searches_.find(id);
        if (search->second.step != Search::Step::asking) continue;
        forget_tried(search->second, found);
        search->second.no_topic_at = no_topic_at;
        go_on(search, now, effects);
    }
    wake(topic, now, effects);
}

/// Those that say they have the topic now may be tried again.
void Node::forget_tried(Search& search, const RouteSet& found) {
    std::erase_if(search.tried, [&](const std::string& proxy) {
        if (std::ranges::find(search.unfit, proxy) != search.unfit.end()) return false;
        return std::ranges::any_of(found.routes(), [&](const Route& route) {
            return route.ready && route.proxy == proxy;
        });
    });
}

/// Those that pause have a route now, if it is new to them.
void Node::wake(const std::string& topic, Clock::time_point now, Effects& effects) {
    const auto waiting = waiting_.find(topic);
    if (waiting == waiting_.end()) return;
    for (const StreamId id : std::set(waiting->second)) try_next(searches_.find(id), now, effects);
}

}  // namespace inout::cluster
