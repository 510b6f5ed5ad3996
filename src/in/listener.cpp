#include "in/listener.hpp"

#include <cstddef>
#include <new>

#include "common/base/log.hpp"

namespace inout::in {
namespace {

/// Whether both are of one range, and `b` is at the next port.
bool follows(const Listener& a, const Listener& b) {
    const InNetwork &first = a.network->config, &next = b.network->config;
    return first.of_range && next.of_range && !first.of_range->topic.empty() &&
           *first.of_range == *next.of_range && first.listen.host == next.listen.host &&
           first.listen.port + 1 == next.listen.port && a.places.size() == b.places.size();
}

/// `last`: the same, or the last of those that follow `first`.
void say_run(std::string_view event, const Listener& first, const Listener& last) {
    const InNetwork& config = first.network->config;
    const bool is_one = &first == &last;
    const std::string more = is_one ? "" : "-" + std::to_string(last.network->config.listen.port);
    const std::string& topic = is_one ? config.topic : config.of_range->topic;
    for (const std::string& place : first.places) {
        log::info(event,
                  {{"address", place + more}, {"topic", topic}, {"server", servers_text(config)}});
    }
}

}  // namespace

std::optional<std::string> Listener::open(const InNetwork& config, const Resolved& address) {
    if (config.bind_unix.empty()) {
        const auto bound = acceptor.listen(config.listen, address, place_of(config));
        if (!bound) return bound.error();
        for (const Endpoint& place : *bound) places.push_back(to_string(place));
        return std::nullopt;
    }
    auto listening = file.listen(config.bind_unix, config.access);
    if (!listening) return listening.error();
    acceptor.adopt(std::move(*listening), file.handed_as("unix"));
    places.push_back(place_text(config));
    return std::nullopt;
}

void Listener::close() {
    file.remove();
    acceptor.close();
}

std::string place_of(const InNetwork& config) {
    std::string place = place_text(config);
    if (!config.bind_unix.empty() || config.listen.port != 0) return place;
    // A list of servers may change while its listener stays.
    place += ' ' + (config.servers.empty() ? to_string(config.server) : "servers");
    place += ' ' + config.topic;
    return place;
}

void say(std::string_view event, const Listeners& listeners) try {
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        const Listener& first = *listeners[i];
        while (i + 1 < listeners.size() && follows(*listeners[i], *listeners[i + 1])) ++i;
        say_run(event, first, *listeners[i]);
    }
} catch (const std::bad_alloc&) {
    log::lose_line();
}

}  // namespace inout::in
