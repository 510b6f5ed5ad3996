#include "common/rules/topic_registry.hpp"

#include <algorithm>

namespace inout {

TopicRegistry::Added TopicRegistry::add(std::string_view topic, RegistrationId id,
                                        std::string_view instance, bool standby) {
    // What needs memory comes first: a line must never be empty or lose somebody half-way.
    Entry entry{id, std::string(instance)};
    auto found = lines_.find(topic);
    if (found == lines_.end()) {
        if (lines_.size() >= topics_max_) return {};
        Line fresh;
        fresh.reserve(1);
        found = lines_.emplace(std::string(topic), std::move(fresh)).first;
    }
    Line& line = found->second;
    line.reserve(line.size() + 1);
    Added added{.accepted = true};

    const auto older = instance.empty()
                           ? line.end()
                           : std::find_if(line.begin(), line.end(), [&](const Entry& each) {
                                 return each.instance == instance;
                             });
    if (older != line.end()) {
        added.replaced = older->id;
        if (standby || older == line.begin()) {  // keeps its place
            older->id = id;
            added.position = static_cast<std::size_t>(older - line.begin());
            return added;
        }
        line.erase(older);
    } else if (line.size() >= kLineMax) {
        return {};
    }

    if (standby) {
        line.push_back(std::move(entry));
        added.position = line.size() - 1;
        return added;
    }
    if (!line.empty()) added.displaced = line.front().id;
    line.insert(line.begin(), std::move(entry));
    return added;
}

TopicRegistry::Removed TopicRegistry::remove(std::string_view topic, RegistrationId id) {
    const auto found = lines_.find(topic);
    if (found == lines_.end()) return {};
    Line& line = found->second;
    const auto entry =
        std::find_if(line.begin(), line.end(), [id](const Entry& e) { return e.id == id; });
    if (entry == line.end()) return {};
    Removed removed{.found = true};
    const bool was_holder = entry == line.begin();
    line.erase(entry);
    if (line.empty()) {
        lines_.erase(found);
    } else if (was_holder) {
        removed.promoted = line.front().id;
    }
    return removed;
}

std::optional<RegistrationId> TopicRegistry::holder(std::string_view topic) const {
    const auto found = lines_.find(topic);
    if (found == lines_.end()) return std::nullopt;
    return found->second.front().id;
}

std::vector<RegistrationId> TopicRegistry::line(std::string_view topic) const {
    std::vector<RegistrationId> ids;
    if (const auto found = lines_.find(topic); found != lines_.end()) {
        for (const Entry& entry : found->second) ids.push_back(entry.id);
    }
    return ids;
}

}  // namespace inout
