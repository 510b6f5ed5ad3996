// The keys of where the streams of a network of out go, as fields.hpp has the others. fields.hpp
// alone includes this. Pure; keeps nothing.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "common/config/exit_fields.hpp"
#include "common/config/reader.hpp"
#include "common/config/types.hpp"

namespace inout {

// The names of the enumerators, in their order.
inline constexpr std::string_view kBalanceNames[] = {"round_robin", "least_streams", "random",
                                                     "source"};

inline constexpr std::string_view kProxyProtocolNames[] = {"off", "v1", "v2"};

inline constexpr Range kBackends{1, 64};
inline constexpr Range kWeight{1, 100};
/// Of failures or successes in a row.
inline constexpr Range kInARow{1, 100};
/// One question is answered, or not, before the next one.
inline constexpr Range kHealthInterval{100, 86'400'000};
inline constexpr Range kHealthTimeout{10, 600'000};
/// 0: none rests.
inline constexpr Range kFailTimeout{0, 86'400'000};

/// What a backend says first is read so far.
inline constexpr std::size_t kExpectMaxBytes = 256;

inline std::optional<std::string> check_expect(std::string_view text) {
    if (text.empty()) return "must not be empty";
    if (text.size() <= kExpectMaxBytes) return std::nullopt;
    return "must be at most " + std::to_string(kExpectMaxBytes) + " bytes long, not " +
           std::to_string(text.size());
}

template <class Fields>
void visit(Fields& health, HealthOptions& options) {
    health.duration("interval", options.interval, kHealthInterval);
    health.duration("timeout", options.timeout, kHealthTimeout);
    health.count("rise", options.rise, kInARow);
    health.count("fall", options.fall, kInARow);
    health.text("expect", options.expect, check_expect);
}

template <class Fields>
void complain_beside(Fields& entry, std::initializer_list<std::string_view> keys,
                     std::string_view beside) {
    for (const std::string_view key : keys) {
        if (!entry.absent(key)) {
            entry.complain(key, "has no meaning beside \"" + std::string(beside) + "\"");
        }
    }
}

template <class Fields>
void visit(Fields& entry, BackendOptions& backend) {
    if (entry.is_there("unix", !backend.address.unix_path.empty())) {
        entry.text("unix", backend.address.unix_path, check_unix_path);
        complain_beside(entry, {"host", "port"}, "unix");
    } else {
        entry.host("host", backend.address.host.host, Need::required);
        entry.port("port", backend.address.host.port, 1, Need::required);
    }
    entry.count("weight", backend.weight, kWeight);
    entry.flag("backup", backend.backup);
}

/// Demands that each is named once, and that one of them is there before all others fail.
template <class Fields>
void check_backends(Fields& entry, const std::vector<BackendOptions>& backends) {
    if (!entry.good({"backends"}) || backends.empty()) return;
    std::set<std::string> seen;
    bool any_primary = false;
    for (const BackendOptions& backend : backends) {
        BackendAddress address = backend.address;
        if (address.unix_path.empty()) address.host.host = canonical_host(address.host.host);
        if (!seen.insert(to_string(address)).second) {
            entry.complain("backends", "has " + to_string(backend.address) + " twice");
            return;
        }
        any_primary = any_primary || !backend.backup;
    }
    if (!any_primary) entry.complain("backends", "must not all be \"backup\"");
}

inline constexpr Range kBackendAllow{1, 1'000};

/// Nobody but the list of addresses says where a client's words may lead.
template <class Fields>
void visit_template(Fields& entry, OutNetwork& network) {
    if (!network.backend_template) network.backend_template.emplace();
    BackendTemplate& made = *network.backend_template;
    entry.value("backend_host", made.host, Need::required);
    entry.value("backend_port", made.port, Need::required);
    const bool any_port = !made.port.is_constant();
    if (any_port || !entry.absent("backend_ports")) {
        entry.value("backend_ports", made.ports, any_port ? Need::required : Need::optional);
    } else if (auto only = PortRange::parse(made.port.text())) {
        made.ports = *only;
    } else if (entry.good({"backend_port"})) {
        entry.complain("backend_port", only.error());
    }
    entry.values("backend_allow", made.allow, kBackendAllow);
    network.backend = {made.host.text(), any_port ? std::uint16_t{0} : made.ports.first};
    for (const std::string_view key : {"balance", "fail_timeout", "health"}) {
        if (entry.is_there(key, false)) {
            entry.complain(key,
                           "has no meaning with a template in \"backend_host\" or "
                           "\"backend_port\"");
        }
    }
}

template <class Fields>
void visit_backends(Fields& entry, OutNetwork& network) {
    entry.choice("proxy_protocol", network.proxy_protocol, kProxyProtocolNames);
    if (visit_exit(entry, network)) return;
    const bool written = network.backend_template.has_value();
    if (entry.has_place("backend_host", written) || entry.has_place("backend_port", written)) {
        return visit_template(entry, network);
    }
    if (entry.is_there("backends", !network.backends.empty())) {
        complain_beside(entry, {"backend_host", "backend_port", "backend_unix"}, "backends");
        entry.list("backends", network.backends, kBackends,
                   [](auto& fields, BackendOptions& backend) { visit(fields, backend); });
        entry.choice("balance", network.balance, kBalanceNames);
        entry.duration("fail_timeout", network.fail_timeout, kFailTimeout);
        check_backends(entry, network.backends);
    } else {
        if (entry.is_there("backend_unix", !network.backend_unix.empty())) {
            entry.text("backend_unix", network.backend_unix, check_unix_path);
            complain_beside(entry, {"backend_host", "backend_port"}, "backend_unix");
        } else {
            entry.host("backend_host", network.backend.host, Need::required);
            entry.port("backend_port", network.backend.port, 1, Need::required);
        }
        for (const std::string_view key : {"balance", "fail_timeout"}) {
            if (entry.is_there(key, false)) {
                entry.complain(key, "has no meaning without \"backends\"");
            }
        }
    }
    entry.object("health", network.health,
                 [](auto& fields, HealthOptions& options) { visit(fields, options); });
}

}  // namespace inout
