// Acceptor: where a program listens, and what may go wrong with accepting there.
//
// A name's addresses are all listened on, each with a socket of its own. Whatever accept(2) says,
// accepting goes on: what concerns all clients (descriptors or memory have run out) is said once
// and makes a pause, in which clients wait in the kernel's queue; what concerns one client costs
// that one. Its context's thread only, but for what comes before accept().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/host_port.hpp"
#include "common/base/turn.hpp"
#include "common/net/connection.hpp"
#include "common/net/resolver.hpp"
#include "common/os/descriptor_channel.hpp"

namespace inout {

class Acceptor {
  public:
    enum class Reserve {
        keep,  ///< the descriptors that are kept back are not for its clients
        use,
    };
    explicit Acceptor(asio::io_context& context, Reserve reserve = Reserve::keep)
        : context_(context), reserve_(reserve), readable_(context), pause_(context) {}
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    ~Acceptor() { close(); }

    /// Listens on all addresses of the host, which resolve_now() has looked up; port 0 is the same
    /// port for all. Of a name, addresses that this machine does not have are left out, as long as
    /// it has one. The failure says what could not be bound; nothing is then. Where this process
    /// has inherited a socket, that is taken; `name` tells those whose port the kernel has chosen.
    Result<std::vector<Endpoint>, std::string> listen(const HostPort& address,
                                                      const Resolved& resolved,
                                                      const std::string& name = {});

    /// Takes a listening UNIX socket, which does not block; `name` as above.
    void adopt(UniqueFd listening, const std::string& name);

    /// The next connection, which will live in `context`; nothing after close(). May be called
    /// again after it has thrown for want of memory.
    Task<ConnectionPtr> accept(asio::io_context& context);
    bool is_open() const { return !listening_.empty(); }
    /// Whether connections wait in the kernel's queue from now on, and nobody takes them.
    void hold(bool held);
    /// Its sockets, under that name, for the next process. The failure is the kernel's.
    std::error_code copy_sockets(std::vector<NamedDescriptor>& sockets) const;
    void close();

  private:
    struct Listening {
        Listening(asio::io_context& context, Acceptor& acceptor)
            : socket(context), owner(&acceptor) {}
        ListenSocket socket;
        Acceptor* owner;  // nothing: it is closed, and may be gone
        bool waiting = false;
    };

    std::error_code add_all(const std::vector<Endpoint>& endpoints, std::vector<Endpoint>& places);
    std::error_code add(const Endpoint& endpoint);
    static std::error_code bind(ListenSocket& socket, const Endpoint& endpoint);
    UniqueFd accept_any(Endpoint& peer, int& error);
    void wait_for(const std::shared_ptr<Listening>& listening);
    void pause_for(const std::string& reason);
    Task<> pause();
    void note_success();

    asio::io_context& context_;
    const Reserve reserve_;
    std::string name_;
    std::vector<std::shared_ptr<Listening>> listening_;
    std::size_t next_ = 0;  // so that a busy address does not keep the others waiting
    Timer readable_;        // condition variable
    Timer pause_;
    Turn turn_of_worker_;
    unsigned refused_in_a_row_ = 0;
    bool pause_is_due_ = false, held_ = false;
    std::optional<Clock::time_point> exhausted_;  // last time; nothing: not lately
};

}  // namespace inout
