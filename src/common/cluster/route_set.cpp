#include "common/cluster/route_set.hpp"

#include <algorithm>

#include "common/cluster/cluster_limits.hpp"

namespace inout::cluster {
namespace {

/// The place of its next word in the order, and the text without it. A pattern that has ended can
/// only meet words behind the other one's `#`, which make that one more specific, or a `#`.
int take_rank(std::string_view& text, bool& is_over) {
    if (is_over) return 2;
    const auto word = text.substr(0, text.find('.'));
    is_over = word.size() == text.size();
    text.remove_prefix(is_over ? word.size() : word.size() + 1);
    return word == "#" ? 3 : word == "*" ? 1 : 0;
}

}  // namespace

bool is_more_specific(std::string_view pattern, std::string_view other) {
    bool is_over = false, other_is_over = false;
    while (!is_over || !other_is_over) {
        const int rank = take_rank(pattern, is_over), other_rank = take_rank(other, other_is_over);
        if (rank != other_rank) return rank < other_rank;
    }
    return false;
}

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
