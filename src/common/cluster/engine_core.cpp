#include "common/cluster/engine_core.hpp"

#include <algorithm>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/base/wall_clock.hpp"

namespace inout::cluster {

Engine::Core::Core(const Options& options, std::string inbox, Answers answers,
                   std::shared_ptr<NatsClient> nats)
    : proxy_(options.proxy),
      address_(options.address),
      inbox_(std::move(inbox)),
      subjects_(options.cluster),
      answers_(std::move(answers)),
      nats_(std::move(nats)),
      node_({options.cluster, proxy_, inbox_}, random_unit),
      book_(subjects_, proxy_, inbox_) {}

void Engine::Core::start() {
    event([this](Event& event) {
        node_.start(event.effects);
        for (auto& subject : {subjects_.proxy(proxy_), subjects_.proxies()}) {
            event.effects.operations.push_back({Operation::Kind::subscribe, subject});
        }
        facts_.since_ms = unix_time_ms();
    });
    const SignalsBlocked blocked;
    clock_ = std::thread([this] { run_clock(); });
    nats_->start(weak_from_this());
}

void Engine::Core::stop() {
    News news;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopping_, true)) return;
        for (auto& [stream, its] : streams_) {
            if (auto waiting = its.waiting.lock()) {
                news.ways.emplace_back(std::move(waiting), NoRoute::left);
            }
        }
        for (auto& [waiter, its] : askers_) {
            if (auto waiting = its.lock()) news.addresses.emplace_back(std::move(waiting), "");
        }
        streams_.clear();
        askers_.clear();
        clock_changed_.notify_one();
    }
    tell(std::move(news));
    nats_->stop();
    clock_.join();
}

template <class Change>
bool Engine::Core::event(Change change, StreamId own) {
    News news;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        Event event{Clock::now()};
        change(event);
        news = carry_out(event, own);
        const auto next = next_tick();
        if (next && *next < armed_) {
            armed_ = *next;
            clock_changed_.notify_one();
        }
    }
    tell(std::move(news));
    return true;
}

Engine::Core::News Engine::Core::carry_out(Event& event, StreamId own) {
    News news;
    for (const Operation& operation : event.effects.operations) {
        if (!operation.reply.empty()) ++facts_.lookups;
        if (!nats_->apply(operation)) ++facts_.lost;
    }
    for (Resolution& resolution : event.effects.resolutions) {
        const auto found = streams_.find(resolution.stream);
        if (found == streams_.end()) continue;
        count(found->second, resolution.way);
        auto waiting = found->second.waiting.lock();
        if (std::holds_alternative<NoRoute>(resolution.way)) streams_.erase(found);
        if (!waiting) continue;
        if (resolution.stream == own) {
            waiting->set(std::move(resolution.way));
        } else {
            news.ways.emplace_back(std::move(waiting), std::move(resolution.way));
        }
    }
    for (auto& [waiter, address] : event.told) {
        const auto found = askers_.find(waiter);
        if (found == askers_.end()) continue;
        if (auto waiting = found->second.lock()) {
            news.addresses.emplace_back(std::move(waiting), std::move(address));
        }
        askers_.erase(found);
    }
    return news;
}

void Engine::Core::tell(News&& news) {
    for (auto& [waiting, way] : news.ways) {
        Waiting<Way>::tell(std::move(waiting), std::move(way));
    }
    for (auto& [waiting, address] : news.addresses) {
        Waiting<std::string>::tell(std::move(waiting), std::move(address));
    }
}

void Engine::Core::count(Stream& stream, const Way& way) {
    if (std::exchange(stream.is_counted, true)) return;
    const auto* const none = std::get_if<NoRoute>(&way);
    if (none == nullptr) {
        ++facts_.found;
    } else if (*none == NoRoute::no_directory) {
        ++facts_.cut_off;
    } else {
        ++facts_.absent;
    }
}

std::optional<Clock::time_point> Engine::Core::next_tick() const {
    const auto of_node = node_.next_tick(), of_book = book_.next_tick();
    if (of_node && of_book) return std::min(*of_node, *of_book);
    return of_node ? of_node : of_book;
}

/// On a thread of its own.
void Engine::Core::run_clock() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto next = next_tick();
        armed_ = next.value_or(Clock::time_point::max());
        if (!next) {
            clock_changed_.wait(lock);
            continue;
        }
        if (Clock::now() < *next &&
            clock_changed_.wait_until(lock, *next) != std::cv_status::timeout) {
            continue;
        }
        if (stopping_) return;
        Event event{Clock::now()};
        node_.tick(event.now, event.effects);
        book_.tick(event.now, event.effects, event.told);
        News news = carry_out(event, 0);
        lock.unlock();
        tell(std::move(news));
        lock.lock();
    }
}

void Engine::Core::registered(const Presence::Name& name, bool is_here) {
    event([&](Event& event) {
        if (is_here) {
            node_.registered(name, event.effects);
        } else {
            node_.unregistered(name, event.now, event.effects);
        }
    });
}

Engine::Facts Engine::Core::facts() const {
    const std::lock_guard lock(mutex_);
    Facts facts = facts_;
    facts.cached_topics = node_.cached_topics();
    facts.subscriptions = node_.subscriptions().size();
    facts.searches = node_.streams();
    return facts;
}

bool Engine::Core::is_up() const {
    const std::lock_guard lock(mutex_);
    return facts_.is_up;
}

StreamId Engine::Core::find(const WayPtr& waiting, const std::string& topic,
                            Clock::time_point deadline) {
    const StreamId stream = next_stream_++;
    const bool happened = event(
        [&](Event& event) {
            streams_[stream].waiting = waiting;
            node_.find(stream, topic, deadline, event.now, event.effects);
        },
        stream);
    if (!happened) waiting->set(NoRoute::left);
    return stream;
}

void Engine::Core::report(StreamId stream, const WayPtr& waiting, Node::Outcome outcome) {
    using enum Node::Outcome;
    const bool happened = event(
        [&](Event& event) {
            node_.report(stream, outcome, event.now, event.effects);
            if (outcome == open || outcome == lost || outcome == left) streams_.erase(stream);
        },
        stream);
    if (!happened) waiting->set(NoRoute::left);
}

StreamId Engine::Core::ask_address(const AddressPtr& waiting, const std::string& proxy) {
    const StreamId waiter = next_stream_++;
    const bool happened = event([&](Event& event) {
        askers_[waiter] = waiting;
        book_.ask(waiter, proxy, facts_.is_up, event.now, event.effects, event.told);
    });
    if (!happened) waiting->set("");
    return waiter;
}

void Engine::Core::leave_address(StreamId waiter) {
    event([&](Event&) {
        book_.leave(waiter);
        askers_.erase(waiter);
    });
}

// --- from NATS ---

void Engine::Core::connected(const std::string& server) {
    log::limited(log::Level::info, log::Kind::change, "cluster connected", server,
                 {{"server", server}});
    event([&](Event& event) {
        facts_.is_up = true;
        facts_.server = server;
        facts_.since_ms = unix_time_ms();
        node_.up(event.now, event.effects);
    });
}

void Engine::Core::disconnected(const std::string& server, const std::string& reason) {
    log::limited(log::Level::warning, log::Kind::change, "cluster disconnected", server,
                 {{"server", server}, {"reason", reason}});
    event([&](Event& event) {
        facts_.is_up = false;
        facts_.server.clear();
        facts_.since_ms = unix_time_ms();
        node_.down(event.now, event.effects);
    });
}

void Engine::Core::took(Clock::duration round_trip) {
    event([&](Event&) {
        facts_.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(round_trip);
        node_.round_trip(round_trip);
    });
}

void Engine::Core::heard(std::string_view subject, std::string_view reply, std::string_view body) {
    if (answer_own_address(subject, reply, body)) return;
    std::optional<std::string> topic;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        topic = node_.asked(subject, reply, body);
    }
    if (topic) {
        return say(reply, answers_(*topic));
    }
    event([&](Event& event) {
        const auto number = subjects_.number_of_answer(inbox_, subject);
        if (number && *number >= AddressBook::kFirst) {
            book_.heard(*number, body, event.now, event.told);
        } else {
            node_.heard(subject, body, event.now, event.effects);
        }
    });
}

bool Engine::Core::answer_own_address(std::string_view subject, std::string_view reply,
                                      std::string_view body) {
    if (subject != subjects_.proxy(proxy_) && subject != subjects_.proxies()) return false;
    if (!subjects_.is_answer(reply) || !decode_question(body)) return true;
    say(reply, {.proxy = {}, .match = Match::exact});
    return true;
}

void Engine::Core::say(std::string_view reply, Answer answer) {
    answer.address = address_;
    Effects effects;
    node_.answer(reply, std::move(answer), effects);  // knows who we are, which does not change
    const bool is_said = nats_->answer(effects.operations.front());
    const std::lock_guard lock(mutex_);
    ++(is_said ? facts_.answers : facts_.lost);
}

void Engine::Core::nobody_listens(std::string_view reply) {
    event([&](Event& event) { node_.nobody_listens(reply, event.now, event.effects); });
}

}  // namespace inout::cluster
