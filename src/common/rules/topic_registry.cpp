#include "common/rules/topic_registry.hpp"

#include <algorithm>

#include "common/base/scale_limits.hpp"

namespace inout {
namespace {

using Member = TopicRegistry::Member;
using Members = TopicRegistry::Members;

bool is_same_place(const Member& one, const Member& next) { return one.shared && next.shared; }

std::size_t places_of(Members line) {
    std::size_t places = 0;
    for (; !line.empty(); line = line.subspan(TopicRegistry::first_place(line).size())) ++places;
    return places;
}

}  // namespace

Members TopicRegistry::first_place(Members line) {
    if (line.empty()) return line;
    std::size_t size = 1;
    while (size < line.size() && is_same_place(line[size - 1], line[size])) ++size;
    return line.first(size);
}

std::optional<std::size_t> TopicRegistry::position_of(Members line, RegistrationId id) {
    for (std::size_t place = 0; !line.empty(); ++place) {
        const Members here = first_place(line);
        for (const Member& member : here) {
            if (member.id == id) return place;
        }
        line = line.subspan(here.size());
    }
    return std::nullopt;
}

/// Where a new one goes never joins two groups, nor cuts one in two.
bool TopicRegistry::fits(const Line& line, const Claim& claim) {
    if (line.size() >= kRegistrationsMax) return false;
    const bool joins =
        claim.shared && !line.empty() && (claim.standby ? line.back() : line.front()).shared;
    return joins || places_of(line) < kLineMax;
}

TopicRegistry::Added TopicRegistry::add(const Name& name, const Claim& claim) {
    // What needs memory comes first: a line must never be empty or lose somebody half-way.
    Member member{.id = claim.id,
                  .instance = std::string(claim.instance),
                  .shared = claim.shared,
                  .candidate = claim.candidate,
                  .running = claim.running};
    Line* const found = find_or_make(name);
    if (found == nullptr) return {};
    Line& line = *found;
    try {
        // Not one more each time: a thousand may come.
        if (line.size() == line.capacity()) line.reserve(line.empty() ? 1 : 2 * line.size());
        if (changes_.capacity() < 2 * line.capacity()) changes_.reserve(2 * line.capacity());
    } catch (...) {
        if (line.empty()) erase(name);
        throw;
    }

    Added added;
    added.accepted = true;
    const auto older = claim.instance.empty()
                           ? line.end()
                           : std::ranges::find(line, claim.instance, &Member::instance);
    if (older == line.end()) {
        if (!fits(line, claim)) return {};
        line.insert(claim.standby ? line.end() : line.begin(), std::move(member));
    } else {
        added.replaced = older->id;
        // Who holds the topic, and who stands by, keeps its place.
        const auto first = static_cast<std::ptrdiff_t>(first_place(line).size());
        const bool stays = claim.standby || older - line.begin() < first;
        if (stays && older->shared == claim.shared) {
            *older = std::move(member);
        } else {
            auto to = stays ? older : line.begin();
            // It leaves its group behind; within, it would cut that in two.
            while (stays && !claim.shared && to + 1 != line.end() && is_same_place(*to, to[1])) {
                ++to;
            }
            Member old = std::move(*older);
            if (to >= older) {
                std::move(older + 1, to + 1, older);
            } else {
                std::move_backward(to, older, older + 1);
            }
            *to = std::move(member);
            if (places_of(line) > kLineMax) {
                // As it was.
                if (to >= older) {
                    std::move_backward(older, to, to + 1);
                } else {
                    std::move(to + 1, older + 1, to);
                }
                *older = std::move(old);
                return {};
            }
        }
    }
    added.changes = settle(line, claim.id);
    added.position = position_of(line, claim.id).value_or(0);
    return added;
}

TopicRegistry::Removed TopicRegistry::remove(const Name& name, RegistrationId id) noexcept {
    Line* const line = find(name);
    if (line == nullptr) return {};
    const auto member = std::ranges::find(*line, id, &Member::id);
    if (member == line->end()) return {};
    line->erase(member);
    if (line->empty()) {
        erase(name);
        return {.found = true};
    }
    return {.found = true, .changes = settle(*line, id)};
}

TopicRegistry::Changes TopicRegistry::set_ready(const Name& name, RegistrationId id,
                                                bool ready) noexcept {
    Line* const line = find(name);
    if (line == nullptr) return {};
    const auto member = std::ranges::find(*line, id, &Member::id);
    if (member == line->end()) return {};
    member->ready = ready;
    return settle(*line, 0);
}

/// Sets who holds and who serves. `fresh`: is told where it stands in another way.
TopicRegistry::Changes TopicRegistry::settle(Line& line, RegistrationId fresh) noexcept {
    using enum Change::Kind;
    changes_.clear();
    const std::size_t first = first_place(line).size();
    std::size_t begin = 0, end = first;
    const auto is_ready = [](const Member& member) { return member.ready; };
    while (begin < line.size() &&
           std::none_of(line.begin() + static_cast<std::ptrdiff_t>(begin),
                        line.begin() + static_cast<std::ptrdiff_t>(end), is_ready)) {
        begin = end;
        end += first_place(Members(line).subspan(begin)).size();
    }
    for (std::size_t i = 0; i < line.size(); ++i) {
        Member& member = line[i];
        const bool holds = i < first;
        const bool serves = i >= begin && i < end && member.ready;
        if (holds != member.holds && member.id != fresh) {
            changes_.push_back({member.id, holds ? promoted : displaced});
        }
        if (serves != member.serves) {
            changes_.push_back({member.id, serves ? opened : closed});
        }
        member.holds = holds;
        member.serves = serves;
    }
    return changes_;
}

TopicRegistry::Line* TopicRegistry::find(const Name& name) {
    if (name.is_pattern) return patterns_.find(name.text);
    const auto found = lines_.find(name.text);
    return found != lines_.end() ? &found->second : nullptr;
}

/// nullptr: there are as many as there may be.
TopicRegistry::Line* TopicRegistry::find_or_make(const Name& name) {
    if (Line* const line = find(name)) return line;
    if (topics() >= topics_max_) return nullptr;
    if (!name.is_pattern) return &lines_.emplace(std::string(name.text), Line{}).first->second;
    if (patterns_.size() >= kPatternLinesMax) return nullptr;
    return &patterns_.emplace(name.text, Line{});
}

void TopicRegistry::erase(const Name& name) noexcept {
    if (name.is_pattern) {
        patterns_.erase(name.text);
    } else if (const auto found = lines_.find(name.text); found != lines_.end()) {
        lines_.erase(found);
    }
}

Members TopicRegistry::line(const Name& name) const {
    const Line* const line = const_cast<TopicRegistry*>(this)->find(name);
    return line != nullptr ? Members(*line) : Members();
}

Members TopicRegistry::line_for(std::string_view topic) const {
    const auto found = lines_.find(topic);
    if (found != lines_.end()) return found->second;
    const Line* const line = patterns_.best(topic);
    return line != nullptr ? Members(*line) : Members();
}

}  // namespace inout
