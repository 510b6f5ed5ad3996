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
using Ids = std::vector<RegistrationId>;
using Kind = TopicRegistry::Change::Kind;

struct Entry {
    RegistrationId id;
    std::string instance;
    bool shared;
    bool ready = true;
};
using Place = std::list<Entry>;

/// One line as one would write it on paper: a list of places, each a list of outs.
struct Line {
    std::list<Place> places;

    /// Takes out the entry, and the place if nobody is left; then neighbours that are groups join.
    void take_out(RegistrationId id) {
        for (auto& place : places) {
            place.remove_if([&](const Entry& entry) { return entry.id == id; });
        }
        places.remove_if([](const Place& place) { return place.empty(); });
        join_neighbours();
    }
    void join_neighbours() {
        for (auto it = places.begin(); it != places.end() && std::next(it) != places.end();) {
            const auto next = std::next(it);
            if (it->front().shared && next->front().shared) {
                it->splice(it->end(), *next);
                places.erase(next);
            } else {
                ++it;
            }
        }
    }
    void put_in_front(Entry entry) {
        if (entry.shared && !places.empty() && places.front().front().shared) {
            places.front().push_front(std::move(entry));
        } else {
            places.push_front({std::move(entry)});
        }
    }
    void put_behind(Entry entry) {
        if (entry.shared && !places.empty() && places.back().front().shared) {
            places.back().push_back(std::move(entry));
        } else {
            places.push_back({std::move(entry)});
        }
    }
    /// A new registration of one that is in line keeps its place, or takes the head.
    void replace(RegistrationId old, Entry entry, bool standby) {
        for (auto place = places.begin(); place != places.end(); ++place) {
            const auto it = std::find_if(place->begin(), place->end(),
                                         [&](const Entry& e) { return e.id == old; });
            if (it == place->end()) continue;
            if (!standby && place != places.begin()) {
                take_out(old);
                put_in_front(std::move(entry));
            } else if (entry.shared == it->shared || place->size() == 1) {
                *it = std::move(entry);
            } else {  // leaves its group, behind it
                place->erase(it);
                places.insert(std::next(place), {std::move(entry)});
            }
            join_neighbours();
            return;
        }
    }

    Ids all() const {
        Ids ids;
        for (const Place& place : places) {
            for (const Entry& entry : place) ids.push_back(entry.id);
        }
        return ids;
    }
    Ids holders() const {
        Ids ids;
        if (places.empty()) return ids;
        for (const Entry& entry : places.front()) ids.push_back(entry.id);
        return ids;
    }
    Ids serving() const {
        for (const Place& place : places) {
            Ids ids;
            for (const Entry& entry : place) {
                if (entry.ready) ids.push_back(entry.id);
            }
            if (!ids.empty()) return ids;
        }
        return {};
    }
    std::size_t position(RegistrationId id) const {
        std::size_t at = 0;
        for (const Place& place : places) {
            for (const Entry& entry : place) {
                if (entry.id == id) return at;
            }
            ++at;
        }
        return at;
    }
    RegistrationId with_instance(const std::string& instance) const {
        for (const Place& place : places) {
            for (const Entry& entry : place) {
                if (!instance.empty() && entry.instance == instance) return entry.id;
            }
        }
        return 0;
    }
};

Ids without(Ids some, const Ids& others) {
    std::erase_if(some, [&](RegistrationId id) {
        return std::find(others.begin(), others.end(), id) != others.end();
    });
    return some;
}

Ids those(TopicRegistry::Changes changes, Kind kind) {
    Ids ids;
    for (const auto& change : changes) {
        if (change.kind == kind) ids.push_back(change.id);
    }
    return ids;
}

/// `fresh`: has come, or gone, itself.
void expect_changes(TopicRegistry::Changes changes, const Line& before, const Line& after,
                    RegistrationId fresh) {
    const Ids gone = without(before.all(), after.all());
    EXPECT_EQ(those(changes, Kind::promoted),
              without(without(after.holders(), before.holders()), {fresh}));
    EXPECT_EQ(
        without(those(changes, Kind::displaced), {}),
        without(without(after.all(), without(after.all(), before.holders())), after.holders()));
    EXPECT_EQ(those(changes, Kind::opened), without(after.serving(), before.serving()));
    Ids closed = without(without(before.serving(), after.serving()), gone);
    Ids told = those(changes, Kind::closed);
    std::sort(closed.begin(), closed.end());
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told, closed);
}

class History {
  public:
    explicit History(unsigned seed)
        : random_(seed), instances_(1 + below(2 * kLineMax)), shares_(below(4)) {}

    void step() {
        const std::string topic(1, static_cast<char>('a' + below(kTopics + 1)));
        const unsigned what = below(6);
        if (what < 3) {
            add(topic);
        } else if (what < 5) {
            remove(topic);
        } else {
            set_ready(topic);
        }
        const Line& line = lines_[topic];
        if (line.places.empty()) lines_.erase(topic);
        const Line now = lines_.contains(topic) ? lines_[topic] : Line{};
        Ids ids, serving;
        for (const auto& member : registry_.line({topic})) {
            ids.push_back(member.id);
            if (member.serves) serving.push_back(member.id);
        }
        ASSERT_EQ(ids, now.all());
        ASSERT_EQ(serving, now.serving());
        ASSERT_EQ(registry_.topics(), lines_.size());
        ASSERT_LE(now.places.size(), kLineMax);
    }

  private:
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

    void add(const std::string& topic) {
        // More instances than a line holds, one topic more than allowed; "" is a 0.0.1 out.
        const unsigned who = below(instances_);
        const bool shared = who > 0 && below(4) < shares_;
        const Entry entry{next_id_++, who == 0 ? "" : std::to_string(who), shared};
        const bool standby = below(2) == 0;
        const auto added = registry_.add(
            {topic},
            {.id = entry.id, .instance = entry.instance, .standby = standby, .shared = shared});
        const Line before = lines_.contains(topic) ? lines_[topic] : Line{};
        Line after = before;
        const RegistrationId old = before.with_instance(entry.instance);
        if (old != 0) {
            after.replace(old, entry, standby);
        } else if (standby) {
            after.put_behind(entry);
        } else {
            after.put_in_front(entry);
        }
        const bool fits =
            after.places.size() <= kLineMax && (lines_.contains(topic) || lines_.size() < kTopics);
        ASSERT_EQ(added.accepted, fits);
        if (!fits) return;
        ASSERT_EQ(added.position, after.position(entry.id));
        ASSERT_EQ(added.replaced.value_or(0), old);
        expect_changes(added.changes, before, after, entry.id);
        lines_[topic] = after;
    }

    /// Of this topic one, mostly; else one that is not there.
    RegistrationId some(const std::string& topic) {
        if (!lines_.contains(topic) || below(10) == 0) return next_id_ + 1;
        const Ids ids = lines_[topic].all();
        return ids[below(static_cast<unsigned>(ids.size()))];
    }

    void remove(const std::string& topic) {
        const RegistrationId id = some(topic);
        const Line before = lines_.contains(topic) ? lines_[topic] : Line{};
        Line after = before;
        after.take_out(id);
        const auto removed = registry_.remove({topic}, id);
        ASSERT_EQ(removed.found, after.all() != before.all());
        expect_changes(removed.changes, before, after, id);
        if (removed.found) lines_[topic] = after;
    }

    void set_ready(const std::string& topic) {
        const RegistrationId id = some(topic);
        const bool ready = below(2) == 0;
        const Line before = lines_.contains(topic) ? lines_[topic] : Line{};
        Line after = before;
        for (Place& place : after.places) {
            for (Entry& entry : place) {
                if (entry.id == id) entry.ready = ready;
            }
        }
        expect_changes(registry_.set_ready({topic}, id, ready), before, after, 0);
        if (!after.places.empty()) lines_[topic] = after;
    }

    std::mt19937 random_;
    const unsigned instances_, shares_;
    TopicRegistry registry_{kTopics};
    std::map<std::string, Line> lines_;
    RegistrationId next_id_ = 1;
};

TEST(TopicRegistryModel, agrees_over_random_histories) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        History history(seed);
        for (int step = 0; step < 400; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            history.step();
            if (testing::Test::HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace inout::topic_registry_model_test
