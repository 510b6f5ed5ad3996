// Where the streams of a network of out go, as its configuration has it: one backend or several,
// how they are chosen, and how it is found out that they work. Values; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/base/limits.hpp"
#include "common/rules/destination_rules.hpp"

namespace inout {

/// A service: a host with its port, or a UNIX socket.
struct BackendAddress {
    HostPort host;
    std::string unix_path{};  ///< empty: it is at `host`. `@name`: an abstract one (unix(7))
    bool is_exit = false;     ///< neither: wherever each client asks for

    bool operator==(const BackendAddress&) const = default;
};

/// `host:port`, or `unix:` and the path; `socks5` for an exit.
std::string to_string(const BackendAddress& address);

/// What is wrong with a path of a UNIX socket, worded to follow its key; nothing if it is fine.
/// Fine are absolute paths and abstract names, as long as the kernel takes them.
std::optional<std::string> check_unix_path(std::string_view path);

/// One of several.
struct BackendOptions {
    BackendAddress address;
    unsigned weight = 1;
    bool backup = false;  ///< gets streams only where no other one can be had

    bool operator==(const BackendOptions&) const = default;
};

enum class Balance { round_robin, least_streams, random, source };

/// As the configuration has it.
std::string_view to_string(Balance balance);

/// How a backend is told whose connection it gets (wire/proxy_protocol.hpp).
enum class ProxyProtocol { off, v1, v2 };

/// As the configuration has it.
std::string_view to_string(ProxyProtocol version);

/// Of a network whose clients say where they want to go (wire/forward_reader.hpp).
struct ExitOptions {
    DestinationRules rules;
    std::string users_file{};  ///< who may ask (rules/forward_users.hpp); empty: everybody
    bool open = false;         ///< everybody may, although no end-to-end key keeps others out

    bool operator==(const ExitOptions&) const = default;
};

/// How backends are asked whether they work.
struct HealthOptions {
    Milliseconds interval{2'000};
    Milliseconds timeout{1'000};
    unsigned rise = 2;     ///< so many successes in a row: one that is down is up
    unsigned fall = 3;     ///< so many failures in a row: one that is up is down
    std::string expect{};  ///< how what it says first begins; empty: a connection is enough

    bool operator==(const HealthOptions&) const = default;
};

}  // namespace inout
