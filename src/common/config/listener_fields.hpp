// The keys of where the clients of a network of in come, and of who may, as fields.hpp has the
// others. fields.hpp alone includes this. Pure; keeps nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/access_fields.hpp"
#include "common/config/auth_fields.hpp"
#include "common/config/backend_fields.hpp"
#include "common/config/port_ranges.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"
#include "common/rules/topic.hpp"

namespace inout {

/// One place of three: a port, a range of them, or a UNIX socket.
template <class Fields>
void visit_listener(Fields& entry, InNetwork& network) {
    if (entry.is_there("bind_unix", !network.bind_unix.empty())) {
        entry.text("bind_unix", network.bind_unix, check_file_name);
        entry.amount("bind_mode", network.access.mode);
        entry.amount("bind_owner", network.access.owner);
        // No address comes there: the file says who may.
        complain_beside(entry, {"bind", "port", "ports", "allow", "deny", "proxy_protocol"},
                        "bind_unix");
        if (entry.good({"bind_unix"}) && network.bind_unix.starts_with('@')) {
            entry.complain("bind_unix",
                           "must be a path: an abstract name has no owner and no mode, so that "
                           "every user of this machine may connect");
        }
        return;
    }
    for (const std::string_view key : {"bind_mode", "bind_owner"}) {
        if (entry.is_there(key, false)) {
            entry.complain(key, "has no meaning without \"bind_unix\"");
        }
    }
    entry.listener("bind", network.listen.host);
    if (!entry.is_there("ports", network.ports.has_value())) {
        entry.port("port", network.listen.port, 0, Need::required);
        return;
    }
    if (!network.ports) network.ports.emplace();
    entry.value("ports", *network.ports);
    complain_beside(entry, {"port"}, "ports");
}

template <class Fields>
void visit_topic(Fields& entry, std::string& topic) {
    entry.text("topic", topic, check_topic);
    if (entry.good({"topic"}) && (topic.starts_with(' ') || topic.ends_with(' '))) {
        entry.warn("topic", "has a space at its end, which is a part of its name");
    }
}

inline constexpr std::string_view kTopicFormNames[] = {"{host}", "{host}.{port}"};
inline constexpr Range kListedTopics{0, 1'000};

template <class Fields>
void visit(Fields& fields, TopicNames& names) {
    fields.text("suffix", names.suffix, check_name_suffix, Need::required);
    fields.choice("topic", names.form, kTopicFormNames);
    fields.values("allow", names.allow, kPatterns);
    fields.list("topics", names.topics, kListedTopics, [](auto& entry, ListedTopic& each) {
        entry.text("host", each.host, check_listed_host, Need::required);
        entry.text("topic", each.topic, check_topic, Need::required);
    });
    fields.text("exit", names.exit, check_topic);
    if (!fields.good({"suffix", "topic", "allow", "topics", "exit"})) return;
    if (const auto problem = find_problem(names)) fields.complain(problem->key, problem->what);
}

/// The topic is one for all clients, or each says it.
template <class Fields>
void visit_topics(Fields& entry, InNetwork& network) {
    if (!entry.is_there("names", network.names.has_value())) {
        visit_topic(entry, network.topic);
        return;
    }
    entry.object("names", network.names,
                 [](auto& fields, TopicNames& names) { visit(fields, names); });
    complain_beside(entry, {"topic", "ports"}, "names");
    if (network.names) network.topic = "*" + network.names->suffix;
}

template <class Fields>
void visit_comers(Fields& entry, InNetwork& network) {
    if (!network.bind_unix.empty()) return;
    entry.values("allow", network.allow, kAddressRanges);
    entry.values("deny", network.deny, kAddressRanges);
    entry.flag("proxy_protocol", network.proxy_protocol);
}

/// Each port of a range is a place of its own. `places`: how many there are so far.
template <class Fields>
void own_places(Fields& entry, const InNetwork& network, Listeners& listeners,
                std::size_t& places) {
    if (!entry.good({"bind", "port", "ports", "bind_unix", "topic"})) return;
    if (network.ports && network.topic.find(kPortPlace) == std::string::npos) {
        entry.complain("topic", "must have " + std::string(kPortPlace) +
                                    " in it, which stands for the port of \"ports\"");
    }
    const PortRange only{network.listen.port, network.listen.port};
    const auto [first, last] = network.ports.value_or(only);
    places += static_cast<std::size_t>(last - first) + 1;
    if (network.ports && places > kListenersMax) {
        entry.complain("ports", "makes more than " + std::to_string(kListenersMax) +
                                    " listeners in all, which is the most");
        return;
    }
    for (unsigned port = first; port <= last; ++port) {
        const HostPort listen{network.listen.host, static_cast<std::uint16_t>(port)};
        const auto other = network.bind_unix.empty()
                               ? listeners.add(listen, entry.path())
                               : listeners.add_path(network.bind_unix, entry.path());
        if (!other) continue;
        const std::string place =
            network.bind_unix.empty() ? to_string(listen) : place_text(network);
        entry.complain("", "listens on " + place + ", which " + *other + " has already");
        return;
    }
}

}  // namespace inout
