// The asking side of CONNECT (RFC 9110, 9.3.6): the way through an HTTP proxy to a host.
//
// Pure: a state machine without I/O. It says what to send, and takes of what comes what is the
// proxy's answer, never a byte behind it. Asked for a login (407) it asks once more, on the same
// connection where that goes on, and a third time if only its nonce was too old. All that the proxy
// can make it keep is bounded; how long that may take is the caller's to bound.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/wire/forward_step.hpp"
#include "common/wire/http_login.hpp"

namespace inout {

/// Of the heads of all its answers to one request; and of the page that comes with a 407, beyond
/// which another connection is cheaper.
inline constexpr std::size_t kTunnelHeadMaxBytes = 8'192, kTunnelPageMaxBytes = 65'536;

class HttpTunnel {
  public:
    /// To `target`, whose name the proxy resolves. `login`, which may be nothing, must outlive
    /// this. `cnonce`: hexadecimal digits at random, fresh ones for each.
    HttpTunnel(const HostPort& target, const ForwardLogin* login, std::string cnonce);

    ForwardStep step() const { return step_; }
    /// What is to be sent now; empty: nothing. Each is given once. Behind `redial` it is the first
    /// on another connection.
    std::string output();
    /// How many of the bytes that came are the proxy's answer. To be called while step() is `talk`.
    std::size_t take(std::string_view bytes);
    /// The connection has ended, or failed so.
    void ended(std::string_view how);
    /// Why it has failed, and what is to be done; what the proxy says in it is visible and short.
    const std::string& failure() const { return failure_; }

  private:
    bool add_to_head(char c);
    bool is_head_odd() const;
    void judge_head();
    void judge_demand(bool goes_on, std::optional<std::size_t> page);
    void refused(unsigned code, const std::string& status);
    void fail(std::string why);
    void ask_again(bool here);

    const HostPort target_;
    const std::string place_;  // as the request has it
    const ForwardLogin* const login_;
    const std::string cnonce_;
    ForwardStep step_ = ForwardStep::talk;
    std::string output_;
    std::string head_;           // of the answer that comes
    std::size_t heads_ = 0;      // bytes of those before, to this request
    std::size_t line_ = 0;       // where the head's last line begins
    std::size_t page_left_ = 0;  // behind a 407
    bool in_page_ = false;
    bool again_here_ = false;    // this request is not the connection's first
    unsigned logins_ = 0;        // chosen
    std::string authorization_;  // for the next request
    std::string failure_;
};

}  // namespace inout
