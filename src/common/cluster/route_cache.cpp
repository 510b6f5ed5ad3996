#include "common/cluster/route_cache.hpp"

#include <utility>

namespace inout::cluster {
namespace {

std::vector<Route*> pointers_to(RouteSet& set) {
    std::vector<Route*> list;
    list.reserve(set.routes().size());
    for (Route& route : set.routes()) list.push_back(&route);
    return list;
}

}  // namespace

void RouteCache::put(const std::string& topic, const RouteSet& routes, Clock::time_point now) {
    Entry& its = entry(topic);
    set_pattern(its.routes.pattern(), routes.pattern());
    its.routes = routes;
    its.fresh_until = routes.is_ready() ? now + kRoutesFresh : now;
    its.known_at = now;
    its.generation = generation_;
    its.is_outdated = false;
}

void RouteCache::add(const std::string& topic, const Answer& answer, Clock::time_point now) {
    if (answer.match == Match::none) return;
    Entry& its = entry(topic);
    const std::string before = its.routes.pattern();
    its.routes.add(answer);
    set_pattern(before, its.routes.pattern());
    its.known_at = now;
}

void RouteCache::drop(std::string_view topic, std::string_view proxy) {
    if (Entry* const its = find(topic)) its->routes.drop(proxy);
}

void RouteCache::is_there(const std::string& topic, Clock::time_point now) {
    entry(topic).known_at = now;
}

void RouteCache::outdate(std::string_view topic) {
    Entry* const its = find(topic);
    if (its != nullptr && !its->routes.is_exact()) its->is_outdated = true;
}

std::vector<Route*> RouteCache::fresh_routes(std::string_view topic, Clock::time_point now) {
    Entry* const its = find(topic);
    if (its == nullptr || now >= its->fresh_until || may_have_better(*its)) return {};
    return routes(topic);
}

std::vector<Route*> RouteCache::routes(std::string_view topic) {
    const auto found = by_topic_.find(topic);
    if (found == by_topic_.end()) return {};
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return pointers_to(found->second->routes);
}

bool RouteCache::knows(std::string_view topic, Clock::time_point now) const {
    const Entry* const its = find(topic);
    return its != nullptr && its->known_at != Clock::time_point::min() &&
           now - its->known_at < kKnownMemory;
}

std::vector<std::string> RouteCache::expected(std::string_view topic, Clock::time_point now) const {
    const Entry* const its = find(topic);
    if (its == nullptr || !knows(topic, now) || may_have_better(*its)) return {};
    std::vector<std::string> proxies;
    for (const Route& route : its->routes.routes()) proxies.push_back(route.proxy);
    return proxies;
}

bool RouteCache::may_have_better(const Entry& entry) const {
    return !entry.routes.is_exact() && (entry.is_outdated || entry.generation != generation_);
}

RouteCache::Entry& RouteCache::entry(const std::string& topic) {
    if (Entry* const its = find(topic)) return *its;
    if (by_use_.size() >= topics_max_) {
        set_pattern(by_use_.back().routes.pattern(), {});
        by_topic_.erase(by_use_.back().topic);
        by_use_.pop_back();
    }
    by_use_.push_front({.topic = topic});
    by_topic_.emplace(by_use_.front().topic, by_use_.begin());
    return by_use_.front();
}

const RouteCache::Entry* RouteCache::find(std::string_view topic) const {
    const auto found = by_topic_.find(topic);
    return found == by_topic_.end() ? nullptr : &*found->second;
}

RouteCache::Entry* RouteCache::find(std::string_view topic) {
    return const_cast<Entry*>(std::as_const(*this).find(topic));
}

void RouteCache::set_pattern(const std::string& before, const std::string& now) {
    if (before == now) return;
    if (!before.empty()) {
        const auto found = patterns_.find(before);
        if (--found->second == 0) {
            patterns_.erase(found);
            changes_.push_back({before, false});
        }
    }
    if (!now.empty() && ++patterns_[now] == 1) changes_.push_back({now, true});
}

}  // namespace inout::cluster
