// A simulated proxy: the node under test, its outs, and what a stream meets that comes to it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "common/cluster/node.hpp"
#include "common/rules/pattern_order.hpp"
#include "common/rules/topic_pattern.hpp"
#include "sim_events.hpp"
#include "sim_nats.hpp"

namespace inout::cluster::sim {

using OutId = std::size_t;

/// Of an out at its proxy.
struct Place {
    Presence::Name name;
    bool is_ready = true;
    Clock::time_point since{};
    bool serves(const std::string& topic) const {
        if (!name.is_pattern) return name.text == topic;
        return TopicPattern::parse(name.text).value().matches(topic);
    }
};

class Proxy {
  public:
    using Resolve = std::function<void(const Resolution&)>;

    Proxy(Events& events, Nats& nats, std::string name, std::string address, Resolve resolve)
        : events_(events),
          nats_(nats),
          name_(std::move(name)),
          address_(std::move(address)),
          resolve_(std::move(resolve)),
          began_(events.now()),
          skew_(std::chrono::hours(events.below(2'000))),
          rate_(0.99 + 0.02 * events.unit()),
          node_({"c", name_, "i" + name_}, [&events] { return events.unit(); }) {}

    /// Calls of it come only while it lives.
    void start(const std::shared_ptr<Proxy>& self) {
        self_ = self;
        client_ = nats_.join({
            .up = guarded([this] {
                since_up_ = events_.now();
                node_.round_trip(nats_.round_trip());
                act([this](auto now, auto& effects) { node_.up(now, effects); });
            }),
            .down = guarded(
                [this] { act([this](auto now, auto& effects) { node_.down(now, effects); }); }),
            .heard =
                [weak = self_, this](const auto& subject, const auto& reply, const auto& body) {
                    if (weak.lock() && is_alive) heard(subject, reply, body);
                },
            .nobody_listens =
                [weak = self_, this](const auto& reply) {
                    if (!weak.lock() || !is_alive) return;
                    act([&](auto now, auto& effects) {
                        node_.nobody_listens(reply, now, effects);
                    });
                },
        });
        act([this](auto, auto& effects) { node_.start(effects); });
    }
    void die() {
        is_alive = false;
        nats_.leave(client_);
    }

    void add(OutId out, Place place) {
        place.since = events_.now();
        act([&](auto, auto& effects) { node_.registered(place.name, effects); });
        places_.emplace(out, std::move(place));
    }
    void remove(OutId out) {
        const auto found = places_.find(out);
        if (found == places_.end()) return;
        const auto name = found->second.name;
        places_.erase(found);
        act([&](auto now, auto& effects) { node_.unregistered(name, now, effects); });
    }
    std::map<OutId, Place>& places() { return places_; }
    /// The out that gets a stream of this topic here; nothing: none does.
    std::optional<OutId> out_for(const std::string& topic) const {
        const auto best = best_place(topic);
        if (!best || !places_.at(*best).is_ready) return std::nullopt;
        return best;
    }

    void find(StreamId stream, const std::string& topic, Clock::duration within) {
        act([&](auto now, auto& effects) {
            node_.find(stream, topic, now + within, now, effects);
        });
    }
    void report(StreamId stream, Node::Outcome outcome) {
        act([&](auto now, auto& effects) { node_.report(stream, outcome, now, effects); });
    }

    bool is_alive = true;
    const std::string& name() const { return name_; }
    const std::string& address() const { return address_; }
    ClientId client() const { return client_; }
    const Node& node() const { return node_; }
    Clock::time_point since_up() const { return since_up_; }
    Clock::time_point began() const { return began_; }
    /// Topics that it has asked NATS for since this was emptied.
    std::set<std::string> asked{};

  private:
    template <class F>
    std::function<void()> guarded(F what) {
        return [weak = self_, this, what] {
            if (weak.lock() && is_alive) what();
        };
    }
    /// Its clock is another one, and goes at another pace.
    Clock::time_point own_now() const { return own(events_.now()); }
    Clock::time_point own(Clock::time_point when) const {
        return when + skew_ +
               std::chrono::duration_cast<Clock::duration>((when - began_) * (rate_ - 1));
    }
    Clock::time_point events_time(Clock::time_point own_time) const {
        const auto passed = own_time - skew_ - began_;
        return began_ + std::chrono::duration_cast<Clock::duration>(passed / rate_) + Micros(1);
    }

    using Event = std::function<void(Clock::time_point now, Effects&)>;
    void act(const Event& event) {
        Effects effects;
        event(own_now(), effects);
        for (const auto& operation : effects.operations) operate(operation);
        for (const auto& resolution : effects.resolutions) {
            events_.after(Micros(0), guarded([this, resolution] { resolve_(resolution); }));
        }
        const auto next = node_.next_tick();
        if (!next || (due_ && *due_ <= *next)) return;
        due_ = next;
        events_.at(events_time(*next), guarded([this] {
                       due_.reset();
                       act([this](auto now, auto& its) { node_.tick(now, its); });
                   }));
    }
    void operate(const Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::subscribe: return nats_.subscribe(client_, operation.subject);
            case Operation::Kind::unsubscribe: return nats_.unsubscribe(client_, operation.subject);
            case Operation::Kind::publish:
                if (const auto topic = subjects_.topic_of_lookup(operation.subject))
                    asked.insert(*topic);
                return nats_.publish(client_, operation.subject, operation.reply, operation.body);
        }
    }
    void heard(const std::string& subject, const std::string& reply, const std::string& body) {
        if (const auto topic = node_.asked(subject, reply, body)) {
            act([&](auto, auto& effects) { node_.answer(reply, answer_for(*topic), effects); });
        } else {
            act([&](auto now, auto& effects) { node_.heard(subject, body, now, effects); });
        }
    }
    Answer answer_for(const std::string& topic) const {
        const auto best = best_place(topic);
        if (!best) return {.proxy = name_};
        const Place& place = places_.at(*best);
        return {.proxy = name_,
                .address = address_,
                .match = place.name.is_pattern ? Match::pattern : Match::exact,
                .pattern = place.name.is_pattern ? place.name.text : "",
                .ready = place.is_ready};
    }
    /// An exact one before a pattern, the most specific pattern, one that is ready.
    std::optional<OutId> best_place(const std::string& topic) const {
        std::optional<OutId> best;
        for (const auto& [out, place] : places_) {
            if (place.serves(topic) && (!best || is_better(place, places_.at(*best)))) best = out;
        }
        return best;
    }
    static bool is_better(const Place& a, const Place& b) {
        if (a.name.is_pattern != b.name.is_pattern) return !a.name.is_pattern;
        if (a.name.text != b.name.text) return is_more_specific(a.name.text, b.name.text);
        return a.is_ready && !b.is_ready;
    }

    Events& events_;
    Nats& nats_;
    const std::string name_, address_;
    const Resolve resolve_;
    const Clock::time_point began_;
    const Clock::duration skew_;
    const double rate_;
    const Subjects subjects_{"c"};
    Node node_;
    std::weak_ptr<Proxy> self_;
    ClientId client_ = 0;
    Clock::time_point since_up_{};
    std::map<OutId, Place> places_;
    std::optional<Clock::time_point> due_;
};

}  // namespace inout::cluster::sim
