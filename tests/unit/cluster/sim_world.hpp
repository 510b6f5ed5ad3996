// The simulated cluster: proxies, servers of NATS, outs that register and move, streams, and what
// must always hold of them. What goes wrong is in sim_trouble.hpp.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/rules/pattern_order.hpp"
#include "sim_events.hpp"
#include "sim_nats.hpp"
#include "sim_proxy.hpp"

namespace inout::cluster::sim {

struct Sizes {
    std::size_t proxies, servers, outs, topics;
};

class World {
  public:
    static constexpr Micros kOpenTimeout{5'000'000}, kSecond{1'000'000};
    /// A lost message costs a look-up's whole patience, and the next one waits for exact answers.
    static constexpr Micros kLate{1'300'000};

    World(std::uint64_t seed, const Sizes& sizes)
        : events(seed),
          nats(events, sizes.servers),
          sizes_(sizes),
          patterns_(events.by_chance(0.2) ? 0.6 : 0.15),
          unready_(events.by_chance(0.2) ? 0.7 : 0.3) {
        for (std::size_t slot = 0; slot < sizes.proxies; ++slot) begin_proxy(slot);
        for (OutId out = 0; out < sizes.outs; ++out) {
            outs_.push_back({name_for(out)});
            events.after(events.between(Micros(0), kSecond), [this, out] { register_out(out); });
        }
        disturbed();
    }

    Events events;
    Nats nats;
    /// What is wrong with the checks that failed.
    std::vector<std::string> broken;
    struct Totals {
        std::size_t opened = 0, failed = 0, over_a_hop = 0;
        std::size_t demanded = 0, demanded_without_nats = 0;  ///< streams that had to be opened
        Totals& operator+=(const Totals& other) {
            opened += other.opened;
            failed += other.failed;
            over_a_hop += other.over_a_hop;
            demanded += other.demanded;
            demanded_without_nats += other.demanded_without_nats;
            return *this;
        }
    } totals;

    std::size_t proxies() const { return sizes_.proxies; }
    std::size_t servers() const { return sizes_.servers; }
    Proxy& proxy(std::size_t slot) { return *proxies_[slot]; }
    std::string topic(std::size_t number) const {
        return (number % 3 == 0 ? "db." : "web.a.") + std::to_string(number);
    }

    /// Something changes who reaches whom; what is demanded begins a second later.
    void disturbed() { last_disturbance_ = events.now(); }
    void kill_proxy(std::size_t slot) {
        if (!proxies_[slot]->is_alive) return;
        disturbed();
        proxies_[slot]->die();
        for (OutId out = 0; out < outs_.size(); ++out) {
            if (outs_[out].slot == slot) out_lost_its_proxy(out);
        }
        for (auto& [id, stream] : streams_) {
            if (stream.at == slot) stream.is_over = true;  // its client is cut too
        }
        events.after(events.between(Micros(50'000), Micros(800'000)), [this, slot] {
            begin_proxy(slot);
            disturbed();
        });
    }
    /// Between proxies, not to NATS.
    void part(std::size_t a, std::size_t b, bool apart) {
        disturbed();
        parted_.erase(std::minmax(a, b));
        if (apart) parted_.insert(std::minmax(a, b));
    }

    /// An out ends, or goes to another proxy, or takes no streams for a while.
    void move_out() {
        const OutId out = events.below(outs_.size());
        if (!outs_[out].slot) return;
        auto& places = proxies_[*outs_[out].slot]->places();
        if (events.by_chance(unready_)) {
            auto& place = places.at(out);
            place.is_ready = !place.is_ready;
            place.since = events.now();
            return;
        }
        proxies_[*outs_[out].slot]->remove(out);
        outs_[out].slot.reset();
        const bool is_quick = events.by_chance(0.7);
        events.after(events.between(Micros(0), is_quick ? Micros(20'000) : 2 * kSecond),
                     [this, out] { register_out(out); });
    }

    void open_stream() {
        const std::size_t at = events.below(proxies_.size());
        if (!proxies_[at]->is_alive) return;
        const StreamId id = next_stream_++;
        auto& stream = streams_[id];
        stream = {at, topic(events.below(sizes_.topics + 1)), events.now()};
        tell(id, "begins at " + proxies_[at]->name());
        Proxy& proxy = *proxies_[at];
        const auto local = proxy.out_for(stream.topic);
        stream.demand = local ? std::string(kLocal) : demand_for(stream, stream.demanded);
        if (local) {
            stream.got.push_back(*local);
            return ended(id, true);
        }
        proxy.find(id, stream.topic, kOpenTimeout);
        if (events.by_chance(0.02)) {
            events.after(events.between(Micros(0), Micros(50'000)), [this, id] { leave(id); });
        }
    }

    /// When all is quiet again.
    void check_nothing_is_left() {
        for (const auto& [id, stream] : streams_) {
            if (!stream.is_over) break_("a stream never ended: " + stream.topic);
        }
        for (auto& proxy : proxies_) {
            if (!proxy->is_alive) continue;
            if (proxy->node().streams() != 0) break_("a node keeps streams that are over");
            if (proxy->node().running_lookups() != 0) break_("a look-up never ended");
            const auto known = nats.known_of(proxy->client());
            if (known.size() != proxy->node().subscriptions().size()) {
                break_("NATS and " + proxy->name() + " do not agree on its subscriptions");
            }
        }
    }

  private:
    static constexpr auto kLocal = "its own proxy has it", kWithoutNats = "its route was known";
    struct Out {
        Presence::Name name;
        std::optional<std::size_t> slot{};
    };
    struct Stream {
        std::size_t at = 0;
        std::string topic{};
        Clock::time_point began{};
        std::string demand{};        ///< why it must be opened; empty: it need not
        std::set<OutId> demanded{};  ///< because of these
        std::vector<OutId> got{};    ///< outs that were given bytes
        std::optional<std::size_t> via{};
        bool is_over = false;
        std::string story{};
    };

    Presence::Name name_for(OutId out) {
        static const std::vector<std::string> kPatterns = {"db.*", "web.#", "#", "*.a.*",
                                                           "web.#.7"};
        if (events.by_chance(patterns_)) return {kPatterns[events.below(kPatterns.size())], true};
        return {topic(out % sizes_.topics), false};
    }
    void begin_proxy(std::size_t slot) {
        const std::string name = "p" + std::to_string(slot) + "-" + std::to_string(next_life_++);
        auto proxy =
            std::make_shared<Proxy>(events, nats, name, "10.0.0.1:" + std::to_string(slot + 1),
                                    [this](const Resolution& it) { resolved(it); });
        if (slot == proxies_.size()) proxies_.emplace_back();
        if (proxies_[slot]) graveyard_.push_back(proxies_[slot]);
        proxies_[slot] = proxy;
        proven_.erase(slot);
        proxy->start(proxy);
    }
    void register_out(OutId out) {
        const std::size_t slot = events.below(proxies_.size());
        if (!proxies_[slot]->is_alive) {
            events.after(Micros(50'000), [this, out] { register_out(out); });
            return;
        }
        outs_[out].slot = slot;
        proxies_[slot]->add(out, {outs_[out].name});
    }
    void out_lost_its_proxy(OutId out) {
        outs_[out].slot.reset();
        events.after(events.between(Micros(1'000), Micros(500'000)),
                     [this, out] { register_out(out); });
    }
    bool reach(std::size_t a, std::size_t b) const { return !parted_.contains(std::minmax(a, b)); }
    bool is_settled(Clock::time_point since) const { return events.now() - since >= kSecond; }

    /// Why this stream must be opened, as things are now, and which outs make it so.
    std::string demand_for(const Stream& stream, std::set<OutId>& there) {
        there.clear();
        if (!nats.is_answered(proxies_[stream.at]->client())) return demand_without_nats(stream);
        const Proxy& from = *proxies_[stream.at];
        if (nats.trouble.is_any() || !is_settled(last_disturbance_)) return {};
        if (!is_settled(from.since_up())) return {};
        const Place* best = nullptr;
        std::size_t unreachable = 0;
        for (std::size_t slot = 0; slot < proxies_.size(); ++slot) {
            if (!proxies_[slot]->is_alive) continue;
            for (const auto& [out, place] : proxies_[slot]->places()) {
                if (!place.serves(stream.topic)) continue;
                if (!best || is_better(place, *best)) {
                    best = &place;
                    there.clear();
                } else if (is_better(*best, place)) {
                    continue;
                }
                if (!reach(stream.at, slot)) ++unreachable;
                const bool is_joined = nats.are_joined(from.client(), proxies_[slot]->client());
                if (place.is_ready && is_settled(place.since) && reach(stream.at, slot) &&
                    is_settled(proxies_[slot]->since_up()) && is_joined) {
                    there.insert(out);
                }
            }
        }
        if (there.empty() || unreachable + 1 >= kTriesMax) return {};
        return "a proxy that it reaches has it";
    }
    static bool is_better(const Place& a, const Place& b) {
        if (a.name.is_pattern != b.name.is_pattern) return !a.name.is_pattern;
        return a.name.is_pattern && is_more_specific(a.name.text, b.name.text);
    }
    const Place& place_of(OutId out) { return proxies_[*outs_[out].slot]->places().at(out); }
    /// What went well there last, and was not asked for since, is known without NATS too.
    std::string demand_without_nats(const Stream& stream) {
        const bool is_asked = proxies_[stream.at]->asked.contains(stream.topic);
        return !is_asked && is_proven(stream) ? kWithoutNats : "";
    }
    bool is_proven(const Stream& stream) {
        const auto& proven = proven_[stream.at];
        const auto found = proven.find(stream.topic);
        if (found == proven.end()) return false;
        const auto& [slot, name] = found->second;
        const Proxy& there = *proxies_[slot];
        return there.is_alive && there.name() == name && reach(stream.at, slot) &&
               there.out_for(stream.topic);
    }

    void resolved(const Resolution& resolution) {
        const StreamId id = resolution.stream;
        const auto found = streams_.find(id);
        if (found == streams_.end()) return;
        if (found->second.is_over) {
            if (!found->second.got.empty()) break_("another route follows where bytes may be lost");
            return;
        }
        tell(id, std::holds_alternative<Route>(resolution.way)
                     ? std::get<Route>(resolution.way).proxy
                     : "no route");
        if (const auto* const route = std::get_if<Route>(&resolution.way)) return dial(id, *route);
        ended(id, false);
    }
    void dial(StreamId id, const Route& route) {
        const std::size_t slot = std::stoul(route.address.substr(route.address.find(':') + 1)) - 1;
        const std::size_t at = streams_.at(id).at;
        if (slot == at) break_("a route leads to its own proxy");
        if (!reach(at, slot)) {
            return later(id, Micros(200'000),
                         [=, this] { report(id, Node::Outcome::unreachable); });
        }
        later(id, events.between(Micros(100), Micros(5'000)), [=, this] { arrived(id, slot); });
    }
    /// At the proxy of the route.
    void arrived(StreamId id, std::size_t slot) {
        Stream& stream = streams_.at(id);
        Proxy& there = *proxies_[slot];
        if (!there.is_alive) return report(id, Node::Outcome::unreachable);
        const auto out = there.out_for(stream.topic);
        if (!out) return report(id, Node::Outcome::not_there);
        if (stream.demand.empty() && events.by_chance(0.02))
            return report(id, Node::Outcome::refused);
        // From here on, its bytes may be at the backend.
        stream.got.push_back(*out);
        stream.via = slot;
        later(id, events.between(Micros(100), Micros(5'000)), [=, this, name = there.name()] {
            const bool is_lost = proxies_[slot]->name() != name || !proxies_[slot]->is_alive ||
                                 !reach(streams_.at(id).at, slot);
            report(id, is_lost ? Node::Outcome::lost : Node::Outcome::open);
            if (is_lost) return ended(id, false);
            prove(streams_.at(id), slot);
            ended(id, true);
        });
    }
    void prove(const Stream& stream, std::size_t slot) {
        if (failed_[stream.at][stream.topic] >= stream.began) return;
        proven_[stream.at][stream.topic] = {slot, proxies_[slot]->name()};
        proxies_[stream.at]->asked.erase(stream.topic);
    }
    void later(StreamId id, Micros delay, std::function<void()> what) {
        events.after(delay, [=, this] {
            if (!streams_.at(id).is_over) what();
        });
    }
    void report(StreamId id, Node::Outcome outcome) {
        const Stream& stream = streams_.at(id);
        if (outcome != Node::Outcome::open) {
            proven_[stream.at].erase(stream.topic);
            failed_[stream.at][stream.topic] = events.now();
        }
        tell(id, "outcome " + std::to_string(static_cast<int>(outcome)));
        proxies_[stream.at]->report(id, outcome);
    }
    void leave(StreamId id) {
        if (streams_.at(id).is_over) return;
        streams_.at(id).is_over = true;
        report(id, Node::Outcome::left);
    }

    void ended(StreamId id, bool is_open) {
        Stream& stream = streams_.at(id);
        if (stream.is_over) break_("a stream ended twice");
        stream.is_over = true;
        const auto took = events.now() - stream.began;
        ++(is_open ? totals.opened : totals.failed);
        if (stream.via && is_open) ++totals.over_a_hop;
        if (stream.got.size() > 1) break_("bytes of one stream went to two backends");
        if (is_open && stream.got.size() != 1) break_("a stream is open that nobody got");
        if (took > kOpenTimeout + kSecond) break_("a stream took longer than it may");
        // What was so when it began has to have stayed so.
        if (stream.demand.empty() || stream.began < last_disturbance_ || is_changed(stream)) return;
        ++(stream.demand == kWithoutNats ? totals.demanded_without_nats : totals.demanded);
        if (!is_open)
            break_("not opened, though " + stream.demand + ": " + stream.topic + stream.story);
        if (is_open && took > kSecond)
            break_("opened late, though " + stream.demand + stream.story);
    }
    bool is_changed(const Stream& stream) {
        if (stream.demand == kLocal) return false;
        if (stream.demand == kWithoutNats) {
            return nats.is_answered(proxies_[stream.at]->client()) || !is_proven(stream);
        }
        std::set<OutId> still;
        if (demand_for(stream, still) != stream.demand) return true;
        return std::ranges::none_of(stream.demanded, [&](OutId out) {
            return still.contains(out) && place_of(out).since <= stream.began;
        });
    }
    Milliseconds time() const {
        return std::chrono::duration_cast<Milliseconds>(events.now() - Events::kBegin);
    }
    void tell(StreamId id, const std::string& what) {
        streams_.at(id).story += " [" + std::to_string(time().count()) + "] " + what;
    }
    void break_(const std::string& what) {
        if (broken.size() < 10) {
            broken.push_back(what + ", at " + std::to_string(time().count()) + " ms");
        }
    }

    const Sizes sizes_;
    const double patterns_, unready_;  // how many are patterns; how many changes are of that kind
    std::vector<std::shared_ptr<Proxy>> proxies_, graveyard_;
    std::vector<Out> outs_;
    std::map<StreamId, Stream> streams_;
    StreamId next_stream_ = 1;
    std::size_t next_life_ = 0;
    std::set<std::pair<std::size_t, std::size_t>> parted_;
    Clock::time_point last_disturbance_{};
    /// By proxy and topic: over whom a stream went last.
    std::map<std::size_t, std::map<std::string, std::pair<std::size_t, std::string>>> proven_;
    std::map<std::size_t, std::map<std::string, Clock::time_point>> failed_;
};

}  // namespace inout::cluster::sim
