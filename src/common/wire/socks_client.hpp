// The asking side of SOCKS5 (RFC 1928, CONNECT), with a user and a password where the server wants
// them (RFC 1929): the way through such a server to a host.
//
// Pure: a state machine without I/O. It says what to send, and takes of what comes exactly the
// server's answers. Everything has a length of its own, so nothing is kept but the few bytes of one
// answer.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/base/host_port.hpp"
#include "common/wire/forward_step.hpp"
#include "common/wire/http_login.hpp"

namespace inout {

/// What a user's name and a password may have at most (RFC 1929, 2); a host's name as well.
inline constexpr std::size_t kSocksTextMaxBytes = 255;

class SocksClient {
  public:
    /// To `target`, whose name the server resolves. `login`, which may be nothing, has 1 to
    /// kSocksTextMaxBytes bytes in each part and must outlive this.
    SocksClient(const HostPort& target, const ForwardLogin* login);

    // As HttpTunnel's; it never asks for another connection.
    ForwardStep step() const { return step_; }
    std::string output() { return std::exchange(output_, {}); }
    std::size_t take(std::string_view bytes);
    void ended(std::string_view how);
    const std::string& failure() const { return failure_; }

  private:
    enum class Awaits { method, login, answer };

    std::size_t wanted() const;
    void judge();
    void judge_method();
    void judge_answer();
    void ask_for_target();
    void fail(std::string why);

    const HostPort target_;
    const ForwardLogin* const login_;
    ForwardStep step_ = ForwardStep::talk;
    Awaits awaits_ = Awaits::method;
    std::string output_, answer_, failure_;
};

}  // namespace inout
