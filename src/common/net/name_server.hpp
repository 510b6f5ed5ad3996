// Look-ups by c-ares, on one event loop: the only door to that library.
//
// /etc/hosts, then the servers of /etc/resolv.conf with its search list, UDP and then TCP for what
// is truncated, IPv4 and IPv6 alike, sorted by RFC 6724 (c-ares does all that). Modules of
// nsswitch.conf(5) other than files and dns are not used. When one of these three files has
// changed, the next look-up begins with what it says now. "localhost" needs nobody (RFC 6761,
// 6.3). Bounded by kLookupTry and kLookupTries. On the loop's thread only; never destroyed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/net/name_table.hpp"
#include "common/net/service_records.hpp"

namespace inout {

/// What a look-up of a service brought.
struct ServiceLookup {
    std::optional<ServiceRecords> records;  ///< nothing: see error
    std::string error;
};

class NameServer {
  public:
    explicit NameServer(asio::io_context& context);
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;
    ~NameServer() = delete;

    /// Calls `done` once, maybe before it returns. Not to be called by a `done`.
    void look_up(const std::string& host, std::function<void(const Lookup&)> done);
    /// The same for the SRV records of a name, which is taken as it is, without the search list.
    void look_up_service(const std::string& name, std::function<void(const ServiceLookup&)> done);

  private:
    struct Channel;
    struct Question;
    struct Watch;

    void renew();
    void ask(std::unique_ptr<Question> question);
    void on_answer(std::unique_ptr<Question> question, int status, Lookup lookup);
    void on_socket_state(int fd, bool wants_read, bool wants_write);
    void wait(const std::shared_ptr<Watch>& watch);
    void wait_for_timeout();

    asio::io_context& context_;
    Timer timer_;
    std::unique_ptr<Channel> channel_;
    std::string files_;                                   // of the channel: how they looked
    std::map<int, std::shared_ptr<Watch>> watches_;       // c-ares' sockets: two for each server
    std::vector<std::unique_ptr<Question>> interrupted_;  // by a new channel
};

}  // namespace inout
