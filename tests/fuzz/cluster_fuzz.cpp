// A subject of NATS, a line feed and a message, as whoever may publish there could send them: what
// is read is written again as it was, and a node that asks and answers stays within its bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/node.hpp"
#include "common/rules/topic.hpp"
#include "demand.hpp"

namespace {

using namespace inout;
using namespace inout::cluster;

void read_tokens(std::string_view tokens) {
    if (const auto topic = topic_of(tokens)) {
        demand(!check_topic(*topic));
        demand(tokens_of(*topic) == tokens);
    }
    if (const auto pattern = pattern_of(tokens)) demand(tokens_of(*pattern) == tokens);
    if (!check_topic(tokens)) demand(topic_of(tokens_of(tokens)) == tokens);
}

template <class M>
void read_again(const std::optional<M>& message, std::optional<M> (*decode)(std::string_view)) {
    if (!message) return;
    const auto body = encode(*message);
    demand(body.size() <= kMessageMaxBytes);
    demand(decode(body) == message);
}

void send_to_node(std::string_view subject, std::string_view body) {
    Clock::time_point now{std::chrono::hours(1)};
    Effects effects;
    Node node({"c", "me", "box"}, [] { return 0.5; });
    node.start(effects);
    node.up(now, effects);
    node.registered({"db.a"}, effects);
    node.registered({"#", true}, effects);
    for (StreamId stream = 1; stream <= 2; ++stream) {
        node.find(stream, "db.b", now + Milliseconds(1'000), now, effects);
        node.heard(subject, body, now, effects);
        node.nobody_listens(subject, now, effects);
        if (const auto topic = node.asked(subject, "reply", body)) demand(!check_topic(*topic));
        now += Milliseconds(50);
        node.tick(now, effects);
    }
    now += Milliseconds(2'000);
    for (int i = 0; i < 10; ++i) node.tick(now, effects);
    for (StreamId stream = 1; stream <= 2; ++stream) {
        node.report(stream, Node::Outcome::open, now, effects);
    }
    demand(node.streams() == 0 && node.running_lookups() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = text_of(data, size);
    const auto subject = input.substr(0, input.find('\n'));
    const auto body = input.substr(std::min(subject.size() + 1, input.size()));
    read_tokens(subject);
    read_tokens(body);
    read_again(decode_question(body), decode_question);
    read_again(decode_answer(body), decode_answer);
    read_again(decode_news(body), decode_news);
    send_to_node(subject, body);
    return 0;
}
