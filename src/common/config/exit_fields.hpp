// The keys of an exit, a network of out whose clients say where they want to go. backend_fields.hpp
// alone includes this. Pure; keeps nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"

namespace inout {

/// What a backend may be that is no address.
enum class BackendKind { socks5 };
inline constexpr std::string_view kBackendKindNames[] = {"socks5"};

inline constexpr Range kDestinations{0, 1'000};

template <class Fields>
void visit(Fields& exit, ExitOptions& options) {
    exit.values("allow", options.rules.allow, kDestinations);
    exit.values("deny", options.rules.deny, kDestinations);
    exit.text("users_file", options.users_file, check_file_name);
    exit.flag("open", options.open);
}

/// True: the network is an exit, and has no other backend.
template <class Fields>
bool visit_exit(Fields& entry, OutNetwork& network) {
    auto kind = network.exit ? std::optional(BackendKind::socks5) : std::nullopt;
    entry.choice("backend", kind, kBackendKindNames);
    if (!kind) {
        if (entry.is_there("exit", false) && entry.good({"backend"})) {
            entry.complain("exit", "has no meaning without \"backend\": \"socks5\"");
        }
        return false;
    }
    if (!network.exit) network.exit.emplace();
    entry.object("exit", network.exit,
                 [](auto& fields, ExitOptions& options) { visit(fields, options); });
    for (const std::string_view key :
         {"backend_host", "backend_port", "backend_ports", "backend_allow", "backend_unix",
          "backends", "balance", "fail_timeout", "health"}) {
        if (entry.is_there(key, false)) {
            entry.complain(key, "has no meaning beside \"backend\": \"socks5\"");
        }
    }
    // What is dialled is a stranger's service, which would take the header for its client's words.
    if (network.proxy_protocol != ProxyProtocol::off) {
        entry.complain("proxy_protocol", "can not be had with \"backend\": \"socks5\"");
    }
    return true;
}

/// An exit for whoever asks is an open proxy. To be asked when all of the network is read.
template <class Fields>
void check_exit(Fields& entry, const OutNetwork& network) {
    if (!network.exit || !entry.good({"backend", "exit", "e2e"})) return;
    if (network.e2e || !network.exit->users_file.empty() || network.exit->open) return;
    entry.complain("",
                   "would be an open proxy: whoever may use this topic gets to the network behind "
                   "out. Give it \"e2e\", or \"users_file\" in \"exit\"; to have it all the same: "
                   "\"open\": true in \"exit\"");
}

}  // namespace inout
