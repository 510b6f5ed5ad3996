#include "common/open/via.hpp"

#include <cstdlib>

#include "common/base/crypto.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/net/deadline.hpp"
#include "common/net/dial.hpp"
#include "common/os/secret_file.hpp"
#include "common/rules/no_proxy.hpp"
#include "common/wire/http_tunnel.hpp"
#include "common/wire/socks_client.hpp"

namespace inout {
namespace {

/// Digits of what keeps two logins of Digest apart (RFC 7616, 3.4).
constexpr std::size_t kCnonceDigits = 32;

/// One conversation with a forward proxy, as far as it goes on this connection.
template <class Machine>
Task<> talk(Connection& connection, Machine& machine) {
    std::string said = machine.output();
    while (machine.step() == ForwardStep::talk) {
        if (!said.empty()) {
            // If that fails, an answer may have come before.
            (void)co_await connection.write_all(said);
        }
        if (connection.unread().empty()) {
            const auto error = co_await connection.read_ahead(1);
            if (error) {
                if (!connection.has_expired()) machine.ended(error.message());
                co_return;
            }
        }
        connection.take(machine.take(connection.unread()));
        // What is said behind `redial` is said on the next one.
        said = machine.step() == ForwardStep::talk ? machine.output() : std::string();
    }
}

Reason unreachable(std::string detail) { return {Code::proxy_unreachable, std::move(detail)}; }

/// Through it, with as many connections as that takes: one more than the first at most for each
/// login.
template <class Machine>
Task<Result<ConnectionPtr, Reason>> go_through(Executor executor, const HostPort& place,
                                               Machine& machine, std::string words,
                                               Clock::time_point until) {
    while (true) {
        const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now());
        auto dialled = co_await inout::dial(executor, place, DialOrder::racing, left);
        if (!dialled) {
            const bool here = dialled.error().kind == DialError::Kind::lack;
            co_return Failure{Reason{here ? Code::limit : Code::proxy_unreachable,
                                     words + ": " + dialled.error().detail}};
        }
        ConnectionPtr owned = std::move(*dialled);
        Connection& connection = *owned;
        Deadline deadline(connection);
        deadline.expires_at(until);
        co_await talk(connection, machine);
        deadline.cancel();
        if (connection.has_expired()) co_return Failure{unreachable(words + ": no answer in time")};
        if (machine.step() == ForwardStep::redial) continue;
        if (machine.step() == ForwardStep::failed) {
            co_return Failure{unreachable(words + ": " + machine.failure())};
        }
        connection.stay_framed();
        co_return std::move(owned);
    }
}

}  // namespace

Result<std::shared_ptr<const Via>, std::string> Via::make(
    const std::optional<ViaOptions>& options) {
    if (!options || options->url == kViaNone) return std::shared_ptr<const Via>();
    std::string text = options->url, variable;
    std::string exceptions;
    if (text == kViaEnvironment) {
        ForwardInEnvironment found = forward_in_environment(
            [](const char* name) -> const char* { return std::getenv(name); });
        if (found.variable.empty()) return std::shared_ptr<const Via>();
        text = std::move(found.url);
        exceptions = std::move(found.exceptions);
        variable = ": the environment's " + found.variable;
    }
    auto url = parse_forward_url(text);
    wipe(text.data(), text.size());
    if (!url) return Failure{"via" + variable + " " + url.error()};
    std::shared_ptr<Via> via(new Via(std::move(*url)));
    via->exceptions_ = std::move(exceptions);
    if (via->url_.user.empty()) return std::shared_ptr<const Via>(std::move(via));

    via->login_ = ForwardLogin{via->url_.user, Secret(via->url_.password.value_or(""))};
    if (via->url_.password) wipe(via->url_.password->data(), via->url_.password->size());
    via->url_.password.reset();
    if (!options->password_file.empty()) {
        auto password = read_password_file(options->password_file, kSocksTextMaxBytes);
        if (!password) {
            return Failure{"via.password_file: " + options->password_file + ": " +
                           password.error()};
        }
        via->login_->password = std::move(*password);
    }
    if (auto problem = check_forward_password(via->url_.kind, via->login_->password.bytes())) {
        return Failure{(variable.empty() ? "via.password_file: " + options->password_file + ": "
                                         : "via" + variable + " has a password that ") +
                       *problem};
    }
    return std::shared_ptr<const Via>(std::move(via));
}

bool Via::leads_to(const std::string& host) const { return !is_exempt(exceptions_, host); }

bool Via::is_like(const Via& other) const {
    if (url_ != other.url_ || exceptions_ != other.exceptions_) return false;
    return !login_ || login_->password.bytes() == other.login_->password.bytes();
}

Task<Result<ConnectionPtr, Reason>> Via::dial(Executor executor, HostPort target,
                                              Clock::time_point until) const {
    std::string words = to_string(target) + " via " + name();
    if (target.host.find('%') != std::string::npos) {
        co_return Failure{
            unreachable(words + ": an address with a zone means something on this machine only")};
    }
    const ForwardLogin* const login = login_ ? &*login_ : nullptr;
    if (url_.kind == ForwardKind::socks5) {
        SocksClient machine(target, login);
        auto way = go_through(executor, url_.place, machine, std::move(words), until);
        co_return co_await std::move(way);
    }
    HttpTunnel machine(target, login, random_hex(kCnonceDigits));
    auto way = go_through(executor, url_.place, machine, std::move(words), until);
    co_return co_await std::move(way);
}

void warn_if_unframed(const Connection& connection, const std::string& server,
                      const std::string& topic) {
    if (!connection.stays_framed() || connection.framing() != nullptr) return;
    std::string reason =
        "the proxy has no frames for streams (an older one, or one with limits.warm 0): when one "
        "direction of a stream ends, the forward proxy may cut the other";
    if (connection.tls() == nullptr) {
        reason += ", and if it ends by itself the stream is taken for whole";
    }
    log::limited(log::Level::warning, log::Kind::warning, "not framed", server,
                 {{"server", server}, {"topic", topic}, {"reason", reason}});
}

}  // namespace inout
