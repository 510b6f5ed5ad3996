#include "common/cluster/route_set.hpp"

#include <algorithm>

#include "common/cluster/cluster_limits.hpp"
#include "common/rules/pattern_order.hpp"

namespace inout::cluster {
bool RouteSet::add(const Answer& answer) {
    if (answer.match == Match::none) return false;
    if (!routes_.empty()) {
        if (is_exact() && answer.match != Match::exact) return false;
        if (!is_exact() && answer.match == Match::exact) routes_.clear();
        if (match_ == Match::pattern && answer.match == Match::pattern &&
            answer.pattern != pattern_) {
            if (!is_more_specific(answer.pattern, pattern_)) return false;
            routes_.clear();
        }
    }
    drop(answer.proxy);
    if (routes_.size() >= kRoutesMax) return false;
    match_ = answer.match;
    pattern_ = answer.pattern;
    routes_.push_back({answer.proxy, answer.address, answer.ready, answer.weight, answer.running});
    return true;
}

void RouteSet::drop(std::string_view proxy) {
    std::erase_if(routes_, [&](const Route& route) { return route.proxy == proxy; });
}

bool RouteSet::is_ready() const {
    return std::any_of(routes_.begin(), routes_.end(),
                       [](const Route& route) { return route.ready; });
}

}  // namespace inout::cluster
