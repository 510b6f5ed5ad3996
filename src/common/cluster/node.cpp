#include "common/cluster/node.hpp"

#include <algorithm>
#include <utility>

namespace inout::cluster {

Node::Node(const Names& names, std::function<double()> chance)
    : subjects_(names.cluster),
      proxy_(names.proxy),
      inbox_(names.inbox),
      chance_(std::move(chance)) {}

void Node::start(Effects& effects) {
    listen({subjects_.answers(inbox_), subjects_.pattern_news()}, true, effects);
}

void Node::up(Clock::time_point, Effects& effects) {
    is_up_ = true;
    cache_.outdate_patterns();  // who told of better ones meanwhile was not heard
    for (const auto& name : presence_.take_untold()) tell(name, effects);
}

void Node::down(Clock::time_point now, Effects& effects) {
    is_up_ = false;
    std::vector<std::uint64_t> numbers;
    for (const auto& [topic, number] : running_) numbers.push_back(number);
    for (const auto number : numbers) {
        change(number, [now](Lookup& lookup) { lookup.cut_off(now); });
    }
    std::vector<StreamId> pausing;
    for (const auto& [id, search] : searches_) {
        if (search.step == Search::Step::pausing) pausing.push_back(id);
    }
    for (const StreamId id : pausing) go_on(searches_.find(id), now, effects);
    tick(now, effects);
}

void Node::heard(std::string_view subject, std::string_view body, Clock::time_point now,
                 Effects& effects) {
    if (const auto number = subjects_.number_of_answer(inbox_, subject)) {
        heard_answer(*number, body, now, effects);
    } else {
        heard_news(subject, body);
    }
}

void Node::nobody_listens(std::string_view subject, Clock::time_point now, Effects& effects) {
    const auto number = subjects_.number_of_answer(inbox_, subject);
    if (!number) return;
    change(*number, [now](Lookup& lookup) { lookup.nobody_listens(now); });
    tick(now, effects);
}

void Node::heard_answer(std::uint64_t number, std::string_view body, Clock::time_point now,
                        Effects& effects) {
    const auto asked = lookups_.find(number);
    const auto answer = decode_answer(body);
    if (asked == lookups_.end() || !answer || answer->proxy == proxy_) return;
    const std::string topic = asked->second.topic;
    // Late ones too, or answers from afar would always be late.
    answer_time_.took(std::min<Clock::duration>(now - asked->second.at, kLookupMax), now);
    const auto running = running_.find(topic);
    if (running != running_.end()) {
        const bool is_usable = !peers_.is_unreachable(answer->proxy, now);
        change(running->second, [&](Lookup& lookup) {
            Route* const best = lookup.answered(*answer, is_usable, now);
            if (best != nullptr) go_first(topic, *best, effects);
        });
        tick(now, effects);
    } else if (answer->match != Match::none) {
        cache_.add(topic, *answer, now);
        listen_to_news(effects);
        wake(topic, now, effects);
    }
}

void Node::heard_news(std::string_view subject, std::string_view body) {
    const auto news = decode_news(body);
    if (!news || news->proxy == proxy_) return;
    if (subject == subjects_.pattern_news()) {
        cache_.outdate_patterns();
    } else if (const auto topic = subjects_.topic_of_news(subject)) {
        cache_.outdate(*topic);
    }
}

void Node::registered(const Presence::Name& name, Effects& effects) {
    if (!presence_.add(name)) return;
    listen(subjects_of(name), true, effects);
    if (is_up_) {
        tell(name, effects);
    } else {
        presence_.untold(name);
    }
}

void Node::unregistered(const Presence::Name& name, Clock::time_point now, Effects& effects) {
    if (!presence_.remove(name)) return;
    listen(subjects_of(name), false, effects);
    // Its outs may be on their way to another proxy.
    if (!name.is_pattern) cache_.is_there(name.text, now);
}

std::optional<std::string> Node::asked(std::string_view subject, std::string_view reply,
                                       std::string_view body) {
    if (!subjects_.is_answer(reply)) return std::nullopt;
    auto topic = subjects_.topic_of_lookup(subject);
    const auto question = decode_question(body);
    if (!topic || !question || question->proxy == proxy_) return std::nullopt;
    if (!presence_.is_first(reply)) return std::nullopt;
    return topic;
}

void Node::answer(std::string_view reply, Answer answer, Effects& effects) const {
    answer.proxy = proxy_;
    effects.operations.push_back(
        {Operation::Kind::publish, std::string(reply), {}, encode(answer)});
}

std::optional<Clock::time_point> Node::next_tick() const {
    std::optional<Clock::time_point> next;
    if (!lookups_due_.empty()) next = lookups_due_.begin()->first;
    if (streams_due_.empty()) return next;
    const auto stream = streams_due_.begin()->first;
    return next ? std::min(*next, stream) : stream;
}

void Node::tick(Clock::time_point now, Effects& effects) {
    while (!lookups_due_.empty() && lookups_due_.begin()->first <= now) {
        end_lookup(lookups_due_.begin()->second, now, effects);
    }
    while (!streams_due_.empty() && streams_due_.begin()->first <= now) {
        go_on(searches_.find(streams_due_.begin()->second), now, effects);
    }
}

void Node::listen_to_news(Effects& effects) {
    for (const auto& [text, is_used] : cache_.take_pattern_changes()) {
        listen(subjects_.news(TopicPattern::parse(text).value()), is_used, effects);
    }
}

void Node::listen(const std::vector<std::string>& subjects, bool is_needed, Effects& effects) {
    using Kind = Operation::Kind;
    for (const auto& subject : subjects) {
        if (is_needed ? subscriptions_.add(subject) : subscriptions_.remove(subject)) {
            effects.operations.push_back(
                {is_needed ? Kind::subscribe : Kind::unsubscribe, subject});
        }
    }
}

std::vector<std::string> Node::subjects_of(const Presence::Name& name) const {
    if (name.is_pattern) return subjects_.lookups(TopicPattern::parse(name.text).value());
    const auto subject = subjects_.lookup(name.text);
    return subject ? std::vector{*subject} : std::vector<std::string>{};
}

void Node::tell(const Presence::Name& name, Effects& effects) const {
    const auto subject = name.is_pattern ? subjects_.pattern_news() : subjects_.news(name.text);
    if (!subject) return;
    const News news{proxy_, name.is_pattern ? name.text : std::string()};
    effects.operations.push_back({Operation::Kind::publish, *subject, {}, encode(news)});
}

}  // namespace inout::cluster
