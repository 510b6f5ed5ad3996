// The registry against a model that is too simple to be wrong, over random histories.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <string>

#include "common/rules/topic_registry.hpp"

namespace inout::topic_registry_model_test {
namespace {

constexpr std::size_t kTopics = 3;

/// The lines as one would write them on paper: take out, put in front or behind, look who leads.
class Model {
  public:
    TopicRegistry::Added add(const std::string& topic, RegistrationId id,
                             const std::string& instance, bool standby) {
        if (!lines_.contains(topic) && lines_.size() == kTopics) return {};
        auto line = lines_[topic];
        const auto holder_before = leader(line);
        TopicRegistry::Added added{.accepted = true};
        auto place = standby ? line.end() : line.begin();
        for (auto it = line.begin(); it != line.end(); ++it) {
            if (instance.empty() || it->second != instance) continue;
            added.replaced = it->first;
            const auto next = line.erase(it);
            place = standby ? next : line.begin();
            break;
        }
        place = line.insert(place, {id, instance});
        if (line.size() > kLineMax) return {};
        added.position = static_cast<std::size_t>(std::distance(line.begin(), place));
        if (leader(line) == id && holder_before && holder_before != added.replaced) {
            added.displaced = holder_before;
        }
        lines_[topic] = line;
        return added;
    }

    TopicRegistry::Removed remove(const std::string& topic, RegistrationId id) {
        if (!lines_.contains(topic)) return {};
        auto& line = lines_[topic];
        const auto holder_before = leader(line);
        TopicRegistry::Removed removed;
        removed.found = line.remove_if([&](const auto& entry) { return entry.first == id; }) > 0;
        if (leader(line) != holder_before) removed.promoted = leader(line);
        if (line.empty()) lines_.erase(topic);
        return removed;
    }

    std::vector<RegistrationId> line(const std::string& topic) const {
        std::vector<RegistrationId> ids;
        if (const auto found = lines_.find(topic); found != lines_.end()) {
            for (const auto& [id, instance] : found->second) ids.push_back(id);
        }
        return ids;
    }
    std::size_t topics() const { return lines_.size(); }

  private:
    using Line = std::list<std::pair<RegistrationId, std::string>>;
    static std::optional<RegistrationId> leader(const Line& line) {
        return line.empty() ? std::nullopt : std::optional(line.front().first);
    }
    std::map<std::string, Line> lines_;
};

void run_history(unsigned seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    // More instances than a line holds, one topic more than allowed; "" is a 0.0.1 out.
    const unsigned instances = 1 + below(2 * kLineMax);
    TopicRegistry registry(kTopics);
    Model model;
    RegistrationId next_id = 1;
    for (int step = 0; step < 400; ++step) {
        const std::string topic(1, static_cast<char>('a' + below(kTopics + 1)));
        if (below(3) > 0) {
            const unsigned who = below(instances);
            const std::string instance = who == 0 ? "" : std::to_string(who);
            const bool standby = below(2) == 0;
            const auto added = registry.add(topic, next_id, instance, standby);
            const auto expected = model.add(topic, next_id, instance, standby);
            ++next_id;
            ASSERT_EQ(added.accepted, expected.accepted) << "step " << step;
            ASSERT_EQ(added.position, expected.position) << "step " << step;
            ASSERT_EQ(added.displaced, expected.displaced) << "step " << step;
            ASSERT_EQ(added.replaced, expected.replaced) << "step " << step;
        } else {
            const auto line = model.line(topic);
            const RegistrationId id =
                line.empty() ? 0 : line[below(static_cast<unsigned>(line.size()))];
            const auto removed = registry.remove(topic, id);
            const auto expected = model.remove(topic, id);
            ASSERT_EQ(removed.found, expected.found) << "step " << step;
            ASSERT_EQ(removed.promoted, expected.promoted) << "step " << step;
        }
        const auto line = model.line(topic);
        ASSERT_EQ(registry.line(topic), line) << "step " << step;
        ASSERT_EQ(registry.holder(topic),
                  line.empty() ? std::nullopt : std::optional(line.front()));
        ASSERT_EQ(registry.topics(), model.topics()) << "step " << step;
    }
}

TEST(TopicRegistryModel, agrees_over_random_histories) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        run_history(seed);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace inout::topic_registry_model_test
