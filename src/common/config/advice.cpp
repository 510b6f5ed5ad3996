#include "common/config/advice.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "common/base/utf8.hpp"
#include "common/config/document.hpp"
#include "common/config/nearest_word.hpp"
#include "common/config/rules.hpp"

namespace inout {
namespace {

constexpr std::size_t kLinesMax = 100;
constexpr std::size_t kItemsShown = 10;

std::string quoted(const std::string& text) { return '"' + visible(text) + '"'; }

/// What stands in the network, or at the top of the file.
template <class Option>
const std::optional<Option>& effective(const std::optional<Option>& own,
                                       const std::optional<Option>& top) {
    return own ? own : top;
}

template <class Network>
bool is_on_loopback(const Network& network) {
    const auto servers = servers_of(network);
    return std::all_of(servers.begin(), servers.end(), [](const ServerAddress& server) {
        return is_loopback(server.target().host);
    });
}

/// Of networks that go over WebSocket without TLS of our own: wss:// looks like more.
template <class Config>
std::vector<Advice> websocket_advice(const Config& config) {
    for (std::size_t i = 0; i < config.networks.size(); ++i) {
        const auto& network = config.networks[i];
        const auto servers = servers_of(network);
        const bool fronted = std::ranges::any_of(
            servers, [](const ServerAddress& server) { return server.is_websocket(); });
        if (!fronted || effective(network.tls, config.tls) || is_on_loopback(network)) continue;
        return {{"networks",
                 "networks[" + std::to_string(i) +
                     "] goes over WebSocket without \"tls\": the web "
                     "server at " +
                     text_of(servers) +
                     " can read and change all that is carried, and for it and the proxy we have "
                     "no certificate"}};
    }
    return {};
}

template <class Config>
std::vector<Advice> client_advice(const Config& config) {
    if (auto advice = websocket_advice(config); !advice.empty()) return advice;
    std::size_t count = 0, first = 0;
    for (std::size_t i = 0; i < config.networks.size(); ++i) {
        const auto& network = config.networks[i];
        const bool unprotected = effective(network.auth, config.auth) &&
                                 !effective(network.tls, config.tls) && !is_on_loopback(network);
        if (unprotected && count++ == 0) first = i;
    }
    if (count == 0) return {};
    std::string who = "networks[" + std::to_string(first) + "]";
    if (count > 1) who += " and " + std::to_string(count - 1) + " more";
    const bool top = config.auth.has_value() && !config.networks[first].auth;
    return {{top ? "auth" : "networks",
             who +
                 " have \"auth\" without \"tls\": the secret stays secret, but whoever is on the "
                 "way to " +
                 servers_text(config.networks[first]) +
                 " can read and change all that is carried"}};
}

template <class Network, class Config>
std::string protection(const Network& network, const Config& config) {
    const auto& tls = effective(network.tls, config.tls);
    const auto& auth = effective(network.auth, config.auth);
    std::string text = tls ? "TLS" : "plain";
    if (tls && !tls->cert.empty()) text += " with our certificate";
    text += auth ? ", as key " + quoted(auth->id) : tls && !tls->cert.empty() ? "" : ", anonymous";
    if (const auto& via = effective(network.via, config.via); via && via->url != kViaNone) {
        text += ", via " + (via->url == kViaEnvironment
                                ? std::string("what the environment names")
                                : to_string(parse_forward_url(via->url).value()));
    }
    if (network.e2e) text += ", encrypted end to end";
    return text + (network.compression != Compression::off ? ", compressed" : "");
}

/// Adds a line for each, up to kLinesMax.
template <class Items, class Line>
void append_lines(std::string& text, const Items& items, Line line) {
    std::size_t left = kLinesMax;
    for (const auto& item : items) {
        if (left-- == 0) {
            text += "  and " + std::to_string(items.size() - kLinesMax) + " more\n";
            return;
        }
        text += "  " + line(item) + "\n";
    }
}

/// The first ones, by `text_of` each, and how many more there are.
template <class Items, class TextOf>
std::string listed(const Items& items, TextOf text_of) {
    std::string text;
    for (std::size_t i = 0; i < std::min(items.size(), kItemsShown); ++i) {
        text += (i > 0 ? ", " : "") + text_of(items[i]);
    }
    if (items.size() > kItemsShown) {
        text += " and " + std::to_string(items.size() - kItemsShown) + " more";
    }
    return text;
}

std::string listed(const std::vector<TopicPattern>& patterns) {
    return listed(patterns, [](const TopicPattern& each) {
        return each.text() == "#" ? "every topic" : visible(each.text());
    });
}

std::string listed(const std::vector<DestinationRule>& rules) {
    return listed(rules, [](const DestinationRule& each) { return visible(each.text()); });
}

std::string allowed(const Permissions& permissions) {
    if (permissions.in.empty() && permissions.out.empty()) return "nothing";
    std::string text;
    if (!permissions.in.empty()) text = "in: " + listed(permissions.in);
    if (!permissions.out.empty()) {
        text += (text.empty() ? "out: " : "; out: ") + listed(permissions.out);
    }
    if (permissions.client) text += "; is believed whose its streams are";
    return text;
}

/// What is added to a line about it; empty without limits.
std::string limited(const std::optional<RateOptions>& rate) {
    std::string text;
    if (rate && rate->up) text += ", up " + rate->up->text() + "/s";
    if (rate && rate->down) text += ", down " + rate->down->text() + "/s";
    return text;
}

std::string limited(const AllowanceOptions& allowance) {
    std::string text = limited(allowance.rate);
    if (!allowance.quota) return text;
    text += ", " + allowance.quota->bytes->text();
    text += allowance.quota->per == QuotaPer::month ? " per month" : " in all";
    return text;
}

/// For whom an exit is, and where to.
std::string exit_shown(const OutNetwork& network) {
    const ExitOptions& exit = *network.exit;
    std::string text = "wherever its clients ask (SOCKS, HTTP CONNECT), for ";
    if (!exit.users_file.empty()) {
        text += "the users of " + visible(exit.users_file);
    } else {
        text += network.e2e ? "whoever has the end-to-end key" : "everybody";
    }
    text +=
        exit.rules.allow.empty() ? ", to all public addresses" : ", to " + listed(exit.rules.allow);
    if (!exit.rules.deny.empty()) text += ", but not to " + listed(exit.rules.deny);
    return text;
}

/// Where a network's streams go, how they are shared out, and whether backends are asked.
std::string backends_shown(const OutNetwork& network) {
    if (network.exit) return exit_shown(network);
    const auto backends = backends_of(network);
    std::string text;
    for (const BackendOptions& each : backends) {
        text += (text.empty() ? "" : ", ") + to_string(each.address);
        if (each.weight != 1) text += " weight " + std::to_string(each.weight);
        if (each.backup) text += " backup";
    }
    if (backends.size() > 1) text += " by " + std::string(to_string(network.balance));
    return network.health ? text + ", asked whether they work" : text;
}

bool has_every_topic(const std::vector<TopicPattern>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [](const TopicPattern& pattern) { return pattern.text() == "#"; });
}

/// With whom a proxy shares its topics, if with anybody.
std::string cluster_shown(const std::optional<ClusterOptions>& cluster) {
    if (!cluster) return "";
    std::string text =
        "cluster " + quoted(cluster->name) + ", reached at " + to_string(cluster->address) + ", ";
    text += cluster->tls ? "the others over TLS" : "the others without TLS, on loopback only";
    text += "; the directory is at";
    for (const NatsServer& server : cluster->nats) text += ' ' + server.text();
    text += ":\n";
    if (cluster->peers.empty()) return text + "  whoever has the key: everything\n";
    append_lines(text, cluster->peers, [](const ClusterPeer& peer) {
        const auto topics = [](const std::vector<TopicPattern>& patterns) {
            return patterns.empty() ? std::string("nothing") : listed(patterns);
        };
        return "proxy " + quoted(peer.id) + " at " + to_string(peer.address) +
               ": asks for: " + topics(peer.ask) + "; is believed to have: " + topics(peer.answer) +
               (peer.client ? "; is believed whose its streams are" : "");
    });
    return text;
}

/// What the clients of a network get to.
std::string topics_shown(const InNetwork& network) {
    if (!network.names) return "topic " + quoted(network.topic);
    const TopicNames& names = *network.names;
    std::string text = "names " + quoted(network.topic) + " of topics: " + listed(names.allow);
    if (!names.allow.empty() && !names.topics.empty()) text += ", ";
    text += listed(names.topics, [](const ListedTopic& each) {
        return visible(each.topic) + " (" + each.host + ")";
    });
    return text + (names.exit.empty() ? "" : "; all other hosts by " + quoted(names.exit));
}

/// Whoever stands in front and says for whom.
std::string in_front(const std::vector<AddressRange>& trusted) {
    return "the PROXY protocol of " +
           listed(trusted, [](const AddressRange& each) { return each.text(); });
}

std::string told(ProxyProtocol version) {
    if (version == ProxyProtocol::off) return {};
    return ", told clients' addresses by the PROXY protocol " + std::string(to_string(version));
}

bool encrypts(const ProxyConfig& config) { return config.tls && config.tls->mode != TlsMode::off; }

}  // namespace

std::vector<Advice> security_advice(const InConfig& config) {
    std::vector<Advice> advice = client_advice(config);
    for (std::size_t i = 0; i < config.networks.size(); ++i) {
        const InNetwork& network = config.networks[i];
        const auto& allow = network.allow ? *network.allow : config.access.allow;
        const bool is_near = !network.bind_unix.empty() || is_loopback(network.listen.host);
        if (!network.names || network.names->exit.empty() || is_near || !allow.empty()) continue;
        advice.push_back({"networks", "networks[" + std::to_string(i) +
                                          "] is an open proxy: everybody who reaches " +
                                          place_text(network) +
                                          " may use the exit, as there is no \"allow\""});
        break;
    }
    return advice;
}

std::vector<Advice> security_advice(const OutConfig& config) {
    std::vector<Advice> advice = client_advice(config);
    for (std::size_t i = 0; i < config.networks.size(); ++i) {
        const OutNetwork& network = config.networks[i];
        if (!network.exit || network.e2e || !network.exit->users_file.empty()) continue;
        advice.push_back(
            {"networks", "networks[" + std::to_string(i) + "] is an open proxy: whoever may use " +
                             quoted(network.topic) + " gets to the network behind out"});
        break;
    }
    return advice;
}

std::vector<Advice> security_advice(const ProxyConfig& config) {
    if (is_loopback(config.listen.host)) return {};
    const std::string everybody = "everybody who reaches " + to_string(config.listen) + " may ";
    const bool certificates = encrypts(config) && !config.tls->client_ca.empty();
    const bool plain = !encrypts(config) || config.tls->mode == TlsMode::optional;
    std::vector<Advice> advice;
    if (!config.auth) {
        if (!certificates) {
            advice.push_back({"bind", everybody +
                                          "use, register and take over every topic: there is "
                                          "neither \"auth\" nor \"tls.client_ca\" (proxy --setup "
                                          "makes a relay that is safe)"});
        }
        return advice;
    }
    const auto& anonymous = config.auth->anonymous;
    const bool uses = has_every_topic(anonymous.in), registers = has_every_topic(anonymous.out);
    if ((uses || registers) && !(certificates && !plain)) {
        const std::string what =
            uses ? registers ? "use, register and take over" : "use" : "register and take over";
        advice.push_back(
            {"auth", everybody + what + " every topic: \"anonymous\" is permitted \"#\""});
    }
    if (!config.auth->keys.empty() && plain) {
        advice.push_back({"auth", std::string("there are keys, but TLS is ") +
                                      (encrypts(config) ? "optional" : "off") +
                                      ": the secrets stay secret, but whoever is on the way of a "
                                      "plain peer can read and change all that is carried"});
    }
    return advice;
}

std::string access_summary(const InConfig& config) {
    std::string text = "where clients get to:\n";
    append_lines(text, config.networks, [&](const InNetwork& network) {
        return place_text(network) + " -> " + topics_shown(network) + " at " +
               servers_text(network) + " (" + protection(network, config) + ")" +
               limited(network.rate) +
               (network.proxy_protocol ? ", behind " + in_front(config.trusted) : "");
    });
    return text;
}

std::string access_summary(const OutConfig& config) {
    std::string text = "what is offered:\n";
    append_lines(text, config.networks, [&](const OutNetwork& network) {
        return "topic " + quoted(network.topic) + " at " + servers_text(network) + " (" +
               protection(network, config) + ") -> " + backends_shown(network) +
               limited(network.rate) + told(network.proxy_protocol);
    });
    return text;
}

std::string access_summary(const ProxyConfig& config) {
    static constexpr std::array kTls{"no TLS", "plain or TLS", "TLS only"};
    const TlsMode mode = config.tls ? config.tls->mode : TlsMode::off;
    const bool certificates = encrypts(config) && !config.tls->client_ca.empty();
    std::string text = "who may do what at " + to_string(config.listen) + " (" +
                       kTls[static_cast<std::size_t>(mode)] +
                       (config.proxy_protocol ? ", behind " + in_front(config.trusted) : "") +
                       "):\n";
    if (!config.auth) {
        const bool others = !certificates || mode == TlsMode::optional;
        if (certificates) text += "  certificates of the CA: everything\n";
        text += others ? "  everybody: everything\n" : "  everybody else: nothing\n";
        return text + cluster_shown(config.cluster);
    }
    append_lines(text, config.auth->keys, [](const KeyEntry& key) {
        return "key " + quoted(key.id) + ": " + allowed(key.permissions) + limited(key.allowance);
    });
    append_lines(text, config.auth->certs, [](const CertEntry& cert) {
        return "certificate " + quoted(cert.name) + ": " + allowed(cert.permissions) +
               limited(cert.allowance);
    });
    return text + "  everybody else: " + allowed(config.auth->anonymous) + "\n" +
           cluster_shown(config.cluster);
}

std::optional<std::string_view> written_for(const JsonValue& document) {
    struct Keys {
        std::string_view program;
        std::array<std::string_view, 9> top, network;
    };
    // Those that one program alone has; an empty name is none.
    static constexpr Keys kKeys[] = {
        {"in", {}, {"bind", "port", "allow", "deny", "select", "bind_unix", "ports", "names"}},
        {"out",
         {"retry_interval", "heartbeat_interval"},
         {"backend_host", "backend_port", "backend", "backends", "backend_unix", "balance",
          "health", "exit"}},
        {"proxy",
         {"bind", "port", "pool", "cluster", "handshake_timeout", "tls_timeout", "answer_timeout"},
         {}},
    };
    const auto has_one = [](const JsonValue& object, const auto& keys) {
        return std::any_of(object.members.begin(), object.members.end(), [&](const auto& member) {
            return std::any_of(keys.begin(), keys.end(), [&](std::string_view key) {
                return !key.empty() && same_but_for_case(member.key, key);
            });
        });
    };
    const auto networks =
        std::find_if(document.members.begin(), document.members.end(),
                     [](const auto& member) { return same_but_for_case(member.key, "networks"); });
    std::optional<std::string_view> only;
    for (const Keys& keys : kKeys) {
        bool found = has_one(document, keys.top);
        if (networks != document.members.end()) {
            const auto& entries = networks->value.elements;
            found = found || std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
                        return has_one(entry, keys.network);
                    });
        }
        if (!found) continue;
        if (only) return std::nullopt;
        only = keys.program;
    }
    return only;
}

}  // namespace inout
