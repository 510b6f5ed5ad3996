// A node that a test asks, answers and lets time pass for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "common/cluster/node.hpp"

namespace inout::cluster {

using Outcome = Node::Outcome;
using Kind = Operation::Kind;

class NodeByHand : public testing::Test {
  protected:
    NodeByHand() {
        node.start(effects);
        node.round_trip(kRoundTrip);
        node.up(now, effects);
        effects = {};
    }

    void find(StreamId stream, const std::string& topic = "t") {
        node.find(stream, topic, now + Milliseconds(5'000), now, effects);
    }
    void report(StreamId stream, Outcome outcome) { node.report(stream, outcome, now, effects); }
    /// All that is due until then.
    void pass(Clock::duration time) {
        const auto end = now + time;
        while (const auto next = node.next_tick()) {
            if (*next > end) break;
            now = std::max(now, *next);
            node.tick(now, effects);
        }
        now = end;
    }
    /// Where the answers to the newest question go.
    std::string reply() const {
        for (auto at = effects.operations.rbegin(); at != effects.operations.rend(); ++at) {
            if (!at->reply.empty()) return at->reply;
        }
        ADD_FAILURE() << "nothing was asked";
        return {};
    }
    void answer(Answer answer, const std::string& to = {}) {
        answer.address = "10.0.0.1:" + std::to_string(answer.proxy.size());
        node.heard(to.empty() ? reply() : to, encode(answer), now, effects);
    }
    void answer_exact(const std::string& proxy) { answer({.proxy = proxy, .match = Match::exact}); }
    /// Asks, is answered by these and knows them from then on.
    void learn(const std::vector<std::string>& proxies, const std::string& topic = "t") {
        find(900, topic);
        for (const auto& proxy : proxies) answer_exact(proxy);
        pass(kRoundTrip);
        report(900, Outcome::open);
        effects = {};
    }
    std::size_t questions() const {
        std::size_t count = 0;
        for (const auto& each : effects.operations) count += each.reply.empty() ? 0 : 1;
        return count;
    }
    /// Of a stream since it was asked last: proxies, and why there was none at the end.
    std::vector<std::string> way(StreamId stream) {
        std::vector<std::string> list;
        for (const auto& each : effects.resolutions) {
            if (each.stream != stream) continue;
            const auto* const route = std::get_if<Route>(&each.way);
            static const char* const kWords[] = {"no topic", "no directory", "tried"};
            list.push_back(route != nullptr
                               ? route->proxy
                               : kWords[static_cast<int>(std::get<NoRoute>(each.way))]);
        }
        std::erase_if(effects.resolutions, [&](const auto& each) { return each.stream == stream; });
        return list;
    }
    std::vector<std::string> subjects(Kind kind) const {
        std::vector<std::string> list;
        for (const auto& each : effects.operations) {
            if (each.kind == kind) list.push_back(each.subject);
        }
        return list;
    }
    using Words = std::vector<std::string>;

    static constexpr Milliseconds kRoundTrip{2};
    Clock::time_point now{std::chrono::hours(1)};
    Effects effects;
    Node node{{"c", "me", "box"}, [] { return 0.0; }};
};

}  // namespace inout::cluster
