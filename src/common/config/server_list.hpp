// The servers of a network as a configuration lists them: values. Pure; any thread reads them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/host_port.hpp"
#include "common/base/result.hpp"

namespace inout {

/// More than anybody has relays for one network: beyond, a balancer or SRV records are in place.
inline constexpr std::size_t kServersMax = 16;

/// One entry of such a list: HOST:PORT, the URL of a WebSocket (base/websocket_url), or the name of
/// a service in DNS (RFC 2782), as `_inout._tcp.example.com`.
class ServerAddress {
  public:
    explicit ServerAddress(HostPort place) : place_(std::move(place)) {}
    static Result<ServerAddress, std::string> parse(std::string_view text);

    /// Of a service its name, of a WebSocket its URL, and port 0.
    const HostPort& place() const { return place_; }
    bool is_service() const { return is_service_name(place_); }
    bool is_websocket() const { return is_websocket_url(place_); }
    std::string text() const { return to_string(place_); }
    /// One spelling for each place, to compare by.
    HostPort key() const;
    /// What is dialled; of a service what place() is.
    HostPort target() const;

    bool operator==(const ServerAddress&) const = default;

  private:
    HostPort place_;
};

/// With a comma between each two.
std::string text_of(const std::vector<ServerAddress>& servers);

/// What appears twice in such a list, in whatever spelling; nothing: all differ.
std::string find_duplicate(const std::vector<ServerAddress>& servers);

}  // namespace inout
