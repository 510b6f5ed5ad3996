// How a stream finds an out: the part of the Directory that looks along the line of a topic.
#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "proxy/directory.hpp"

namespace inout::proxy {
namespace {

Reason no_way(const std::string& topic, std::optional<Clock::time_point> ended, bool tried) {
    if (tried) return {Code::no_out, "the topic's out has gone"};
    std::string words = "no out serves topic " + topic;
    if (ended) {
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - *ended);
        words += "; it was here " + std::to_string(age.count()) + " s ago";
    }
    return {Code::no_topic, std::move(words)};
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

/// The one of these members that a stream goes to; nullptr: none may be chosen. `at_rest`: those
/// that rest may be.
const TopicRegistry::Member* Directory::choose_in(TopicRegistry::Members members,
                                                  const Tried& tried, const Choice& choice,
                                                  Clock::time_point now, bool at_rest) {
    offers_.clear();
    offered_.clear();
    for (const auto& member : members) {
        if (!member.ready || (!at_rest && member.candidate->rest.is_resting(now))) continue;
        if (!tried.is_empty() && tried.has(member.id, registrations_.at(member.id)->name)) continue;
        offers_.push_back({member.candidate, *member.running});
        offered_.push_back(&member);
    }
    const auto chosen = choose(choice.by, offers_, now, choice.source,
                               choice.by == Select::random ? random_unit() : 0);
    return chosen ? offered_[*chosen] : nullptr;
}

/// Who gets a stream that was at those that are `tried`: in the first place of the line in which
/// there is anybody for it. A place in which there is not lends its streams to the next, where
/// pools open for them.
std::shared_ptr<Registration> Directory::next_for(std::string_view topic, const Tried& tried,
                                                  const Choice& choice) {
    const auto line = registry_.line_for(topic);
    const auto now = Clock::now();
    const TopicRegistry::Member* chosen = nullptr;
    for (auto left = line; chosen == nullptr && !left.empty();) {
        const auto place = TopicRegistry::first_place(left);
        chosen = choose_in(place, tried, choice, now, false);
        left = left.subspan(place.size());
    }
    if (chosen == nullptr) chosen = choose_in(line, tried, {.by = Select::first}, now, true);
    if (chosen == nullptr) return nullptr;
    const auto& registration = registrations_.at(chosen->id);
    if (!chosen->serves) registration->pool->lend_out(now);
    return registration;
}

/// Why nobody in a line that is not empty is left for a stream.
Reason Directory::nobody_left(TopicRegistry::Members line, const Tried& tried) const {
    const bool any_untried = std::any_of(line.begin(), line.end(), [&](const auto& member) {
        return !tried.has(member.id, registrations_.at(member.id)->name);
    });
    if (any_untried) return {Code::unready, "the topic's out has no backend now"};
    return {Code::no_out, "every out of the topic was tried"};
}

Task<Result<Route, Reason>> Directory::find(const std::string& topic, Clock::time_point deadline,
                                            const Tried& tried, Connection& in, Choice choice) {
    std::optional<Clock::time_point> ended;
    while (true) {
        Waiting waiting{*this, topic, in};
        {
            const std::lock_guard lock(mutex_);
            if (auto out = next_for(topic, tried, choice)) co_return Route{std::move(out)};
            if (const auto line = registry_.line_for(topic); !line.empty()) {
                co_return Failure{nobody_left(line, tried)};
            }
            const auto now = Clock::now();
            if (const auto last = last_end(topic, now)) ended = last;
            if (in.was_reset()) co_return Failure{Reason{Code::in_gone, "in reset its connection"}};
            if (!ended || now >= deadline) {
                co_return Failure{no_way(topic, ended, tried.had_one())};
            }
            if (auto why = begin_waiting(waiting); why.code != Code::none) {
                co_return Failure{std::move(why)};
            }
        }
        waiting.timer->expires_at(deadline);
        in.on_reset([timer = waiting.timer] { timer->cancel(); });
        co_await waiting.timer->async_wait(use_result);
    }
}

/// Under the lock. Code::none: it waits from now on.
Reason Directory::begin_waiting(Waiting& waiting) {
    if (closed_) return {Code::draining, "proxy is ending"};
    const auto others = waiting_.find(waiting.topic);
    if (others != waiting_.end() && others->second.size() >= pools_.waiting_max) {
        return {Code::limit, "too many streams wait for this topic"};
    }
    waiting.begin();
    return {Code::none, {}};
}

Task<Reason> Directory::wait_for(const std::string& topic, const Tried& tried,
                                 Clock::time_point deadline, Connection& in) {
    Waiting waiting{*this, topic, in};
    {
        const std::lock_guard lock(mutex_);
        if (in.was_reset()) co_return Reason{Code::in_gone, "in reset its connection"};
        // Who is here and can not be chosen ends no wait, or a stream would look again and again.
        const auto line = registry_.line_for(topic);
        if (choose_in(line, tried, {.by = Select::first}, Clock::now(), true) != nullptr) {
            co_return Reason{Code::none, {}};
        }
        auto why = begin_waiting(waiting);
        if (why.code != Code::none) co_return why;
    }
    waiting.timer->expires_at(deadline);
    in.on_reset([timer = waiting.timer] { timer->cancel(); });
    co_await waiting.timer->async_wait(use_result);
    co_return Reason{Code::none, {}};
}

bool Directory::was_here(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    return registry_.line_for(topic).empty() && last_end(topic, Clock::now()).has_value();
}

Result<std::shared_ptr<Registration>, Reason> Directory::look(const TopicRegistry::Name& name,
                                                              bool by_name) {
    const std::lock_guard lock(mutex_);
    const auto line = by_name ? registry_.line(name) : registry_.line_for(name.text);
    if (line.empty()) {
        const std::string text(name.text);
        return Failure{no_way(text, last_end(text, Clock::now()), false)};
    }
    if (by_name) return registrations_.at(line.front().id);
    const auto now = Clock::now();
    const TopicRegistry::Member* chosen = nullptr;
    for (auto left = line; chosen == nullptr && !left.empty();) {
        const auto place = TopicRegistry::first_place(left);
        chosen = choose_in(place, {}, {.by = Select::first}, now, false);
        left = left.subspan(place.size());
    }
    if (chosen == nullptr) chosen = choose_in(line, {}, {.by = Select::first}, now, true);
    if (chosen == nullptr) return Failure{nobody_left(line, {})};
    return registrations_.at(chosen->id);
}

cluster::Answer Directory::answer_of(std::string_view topic) {
    cluster::Answer answer;
    const std::lock_guard lock(mutex_);
    const auto line = registry_.line_for(topic);
    if (closed_ || line.empty()) return answer;
    const auto now = Clock::now();
    // Of the place that a stream would go to; of the first, if it would go to none.
    auto place = TopicRegistry::first_place(line);
    answer.ready = false;
    for (auto left = line; !answer.ready && !left.empty();) {
        const auto next = TopicRegistry::first_place(left);
        left = left.subspan(next.size());
        answer.ready = choose_in(next, {}, {.by = Select::first}, now, false) != nullptr;
        if (answer.ready) place = next;
    }
    const Registration& first = *registrations_.at(place.front().id);
    answer.match = first.pattern ? cluster::Match::pattern : cluster::Match::exact;
    if (first.pattern) answer.pattern = first.topic;
    answer.shared = first.share;
    unsigned weight = 0;
    std::size_t running = 0;
    for (const auto& member : place) {
        weight += member.candidate->weight;
        running += *member.running;
    }
    answer.weight = std::clamp(weight, 1U, cluster::kWeightMax);
    answer.running =
        static_cast<unsigned>(std::min<std::size_t>(running, std::size_t{cluster::kRunningMax}));
    return answer;
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

/// The same for all topics that it matches.
void Directory::wake_all(const TopicPattern& pattern) {
    for (auto each = waiting_.begin(); each != waiting_.end();) {
        const std::string topic = (each++)->first;
        if (pattern.matches(topic)) wake(topic);
    }
}

/// When the last one ended that served this topic, if that is less than kTopicReturn ago.
std::optional<Clock::time_point> Directory::last_end(const std::string& topic,
                                                     Clock::time_point now) {
    auto last = ended_topics_.last_end(topic, now);
    while (!ended_patterns_.empty() && now - ended_patterns_.front().when >= kTopicReturn) {
        ended_patterns_.pop_front();
    }
    for (const auto& [pattern, when] : ended_patterns_) {
        if (pattern.matches(topic)) last = std::max(last.value_or(when), when);
    }
    return last;
}

Directory::Names Directory::names() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    Names all{.topics = ended_topics_.names(now)};
    for (const auto& [pattern, when] : ended_patterns_) {
        if (now - when < kTopicReturn) all.patterns.push_back(pattern.text());
    }
    registry_.each_line([&](TopicRegistry::Members line) {
        const auto& first = registrations_.at(line.front().id);
        (first->pattern ? all.patterns : all.topics).push_back(first->topic);
    });
    return all;
}

void Directory::inherit(const Names& names) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    inherited_until_ = now + kTicketMemory;
    for (const auto& topic : names.topics) ended_topics_.add(topic, now);
    for (const auto& text : names.patterns) {
        auto pattern = TopicPattern::parse(text);
        if (pattern) ended_patterns_.push_back({std::move(*pattern), now});
    }
    while (ended_patterns_.size() > kPatternLinesMax) ended_patterns_.pop_front();
}

/// How much each of so many outs that serve one topic keeps parked, so that all together do not
/// keep more than one would: but each at least one, if any is to be.
void Directory::bound(DataPool& pool, std::size_t shared_by) {
    const auto part = [shared_by](std::size_t whole) {
        return (whole + shared_by - 1) / shared_by;
    };
    const std::size_t min =
        std::min(pools_.parked_min, part(std::max(pools_.parked_min, kGroupParked)));
    pool.set_bounds(min, std::max(min, part(pools_.parked_max)), pools_.waiting_max);
}

void Directory::share_pools(TopicRegistry::Members line) {
    const auto serving = static_cast<std::size_t>(
        std::count_if(line.begin(), line.end(), [](const auto& member) { return member.serves; }));
    for (const auto& member : line) {
        if (member.serves) bound(*registrations_.at(member.id)->pool, serving);
    }
}

}  // namespace inout::proxy
