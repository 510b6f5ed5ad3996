// Via: the forward proxy by which a network of in or out gets to its proxies, and the way through
// it. The name of the proxy behind goes through unresolved.
//
// Made when a configuration is loaded, and its file is read; then read only. Any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/config/via_options.hpp"
#include "common/net/connection.hpp"
#include "common/rules/reason.hpp"
#include "common/wire/http_login.hpp"

namespace inout {

class Via {
  public:
    /// Nothing: there is none, or the environment names none. The failure names the key of the
    /// configuration, and the file or the variable, and says what is wrong with it.
    static Result<std::shared_ptr<const Via>, std::string> make(
        const std::optional<ViaOptions>& options);

    /// Whether this host is reached by it, or is one of NO_PROXY's.
    bool leads_to(const std::string& host) const;
    /// What is dialled.
    const HostPort& place() const { return url_.place; }
    /// For people: `http://proxy.example.com:3128`.
    std::string name() const { return to_string(url_); }
    /// A connection on which what is said is said to `target`: to the forward proxy, and through
    /// it, until then. What is framed on it stays so. The failure is as that of ProxyLink::dial(),
    /// and names both.
    Task<Result<ConnectionPtr, Reason>> dial(Executor executor, HostPort target,
                                             Clock::time_point until) const;

    /// Whether both lead through the same one in the same way.
    bool is_like(const Via& other) const;

  private:
    explicit Via(ForwardUrl url) : url_(std::move(url)) {}

    ForwardUrl url_;  // without a password
    std::optional<ForwardLogin> login_;
    std::string exceptions_;  // NO_PROXY
};

/// A stream begins on a connection without frames, as a proxy that does not know them has it. Where
/// that leads through a forward proxy there is a warning of what that may do to it.
void warn_if_unframed(const Connection& connection, const std::string& server,
                      const std::string& topic);

}  // namespace inout
