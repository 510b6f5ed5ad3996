#include "common/net/resolver.hpp"

#include <netdb.h>

#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <optional>

namespace inout {
namespace {

using Address = asio::ip::address;

struct Lookup {
    std::vector<Address> addresses;
    std::string error;
};

/// One coroutine that waits for a look-up; the timer is its condition variable and its deadline.
struct Waiter {
    explicit Waiter(const Executor& executor) : timer(executor) {}
    Timer timer;
    std::optional<Lookup> answer;
};

Lookup look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    Lookup result;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
        result.error = ::gai_strerror(error);
        return result;
    }
    for (const addrinfo* a = list; a != nullptr && result.addresses.size() < kAddressesMax;
         a = a->ai_next) {
        Endpoint endpoint;
        if (a->ai_addrlen > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), a->ai_addr, a->ai_addrlen);
        endpoint.resize(a->ai_addrlen);
        result.addresses.push_back(endpoint.address());
    }
    ::freeaddrinfo(list);
    return result;
}

class Resolver {
  public:
    /// Never destroyed: a look-up that hangs must not hold up the end of the process.
    static Resolver& instance() {
        static auto* resolver = new Resolver;
        return *resolver;
    }

    std::optional<Lookup> fresh(const std::string& host) {
        const std::lock_guard lock(mutex_);
        const auto found = names_.find(host);
        if (found == names_.end() || !found->second.at) return {};
        if (Clock::now() - *found->second.at > kResolveFresh) return {};
        return Lookup{found->second.good, {}};
    }

    std::vector<Address> last_good(const std::string& host) {
        const std::lock_guard lock(mutex_);
        const auto found = names_.find(host);
        return found == names_.end() ? std::vector<Address>{} : found->second.good;
    }

    void start(const std::string& host, const std::shared_ptr<Waiter>& waiter) {
        {
            const std::lock_guard lock(mutex_);
            Name& name = names_[host];
            name.waiters.push_back(waiter);
            if (name.waiters.size() > 1) return;  // this name is being looked up
        }
        asio::post(threads_, [this, host] { finish(host, look_up(host)); });
    }

  private:
    struct Name {
        std::vector<Address> good;
        std::optional<Clock::time_point> at{};  // of the last good answer
        std::list<std::shared_ptr<Waiter>> waiters;
    };

    void finish(const std::string& host, const Lookup& lookup) {
        const std::lock_guard lock(mutex_);
        Name& name = names_[host];
        if (!lookup.addresses.empty()) {
            name.good = lookup.addresses;
            name.at = Clock::now();
        }
        for (auto& waiter : name.waiters) {
            const Executor executor = waiter->timer.get_executor();
            asio::post(executor, [waiter, lookup] {
                waiter->answer = lookup;
                waiter->timer.cancel();
            });
        }
        name.waiters.clear();
    }

    std::mutex mutex_;
    std::map<std::string, Name> names_;  // only names from the configuration: bounded by it
    asio::thread_pool threads_{kResolverThreads};
};

Resolved with_port(const std::vector<Address>& addresses, std::uint16_t port) {
    Resolved resolved;
    for (const Address& address : addresses) resolved.endpoints.emplace_back(address, port);
    return resolved;
}

}  // namespace

Task<Resolved> resolve(Executor executor, const HostPort& target, Clock::time_point deadline) {
    std::error_code not_literal;
    const Address literal = asio::ip::make_address(target.host, not_literal);
    if (!not_literal) co_return with_port({literal}, target.port);

    Resolver& resolver = Resolver::instance();
    if (const auto known = resolver.fresh(target.host)) {
        co_return with_port(known->addresses, target.port);
    }
    // A name server that is silent must not cost a connection that old addresses can make.
    const std::vector<Address> last_good = resolver.last_good(target.host);
    auto waiter = std::make_shared<Waiter>(executor);
    waiter->timer.expires_at(
        last_good.empty() ? deadline : std::min(deadline, Clock::now() + kLookupPatience));
    resolver.start(target.host, waiter);
    co_await waiter->timer.async_wait(use_result);
    if (waiter->answer && !waiter->answer->addresses.empty()) {
        co_return with_port(waiter->answer->addresses, target.port);
    }
    Resolved resolved = with_port(last_good, target.port);
    if (resolved.endpoints.empty()) {
        resolved.error = waiter->answer ? waiter->answer->error : "look-up timed out";
    }
    co_return resolved;
}

}  // namespace inout
