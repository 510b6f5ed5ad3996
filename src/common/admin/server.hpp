// Server: answers over HTTP how a program is, on a thread of its own, so that a look at ten
// thousand streams holds up none of them, and nobody who asks can.
//
// Whoever connects costs at most one of kAdminConnectionsMax connections and its deadlines. A
// configuration that is taken into use opens, moves or closes the listener: open() does all that
// can fail. Owned by the daemon; its functions are for the main thread, all else is its own
// thread's.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/admin/actions.hpp"
#include "common/admin/answer.hpp"
#include "common/admin/facts.hpp"
#include "common/admin/history.hpp"
#include "common/admin/request.hpp"
#include "common/admin/settings.hpp"
#include "common/net/acceptor.hpp"
#include "common/os/socket_file.hpp"

namespace inout::admin {

class Server {
  public:
    /// Who knows the answers, and who does what is asked for, must outlive it.
    Server(Source& source, Doer& doer) : source_(source), doer_(doer) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// A place where it listens, or will.
    struct Place {
        explicit Place(asio::io_context& context) : acceptor(context, Acceptor::Reserve::use) {}
        Acceptor acceptor;
        SocketFile file;
        std::vector<std::string> names;  ///< for the log
        SettingsPtr settings{};          ///< for who comes; the thread's own
    };
    struct Opened {
        SettingsPtr settings{};          ///< nothing: it will answer nobody
        std::shared_ptr<Place> place{};  ///< perhaps the one that there is
    };
    /// Listens there, if it does not yet; nobody is answered before take(). The failure says what
    /// is in the way; nothing was changed then.
    Result<Opened, std::string> open(SettingsPtr settings);
    /// From now on by these settings, and nowhere else. Who is connected already is let go.
    void take(Opened&& opened);
    /// Where it listens, for the next process of this program. The failure is the kernel's.
    std::error_code copy_sockets(std::vector<NamedDescriptor>& sockets) const;
    /// The next process answers there: this one does no more.
    void leave();
    /// Answers nobody any more, and is nowhere to be found.
    void stop();

  private:
    /// Who is connected.
    struct Visitor {
        ConnectionPtr connection;
        SettingsPtr settings;
        Clock::time_point since = Clock::now();  ///< this connection, or its last answer
        bool waited_for = false;                 ///< its answer is being made or taken
        bool last = false;                       ///< it ends with that
        bool leaving = false;
    };
    struct Stay;
    static std::string name_of(const Visitor& visitor);

    void start_thread();
    void run();
    void let_go();
    void make_room();
    Task<> remember_for_ever();
    Task<> accept_for_ever(std::shared_ptr<Place> place);
    Task<> accept(Place& place);
    Task<> session(ConnectionPtr connection, SettingsPtr settings);
    Task<> converse(Visitor& visitor);
    Task<bool> await_request(Visitor& visitor, RequestReader& reader, bool first,
                             Clock::time_point until);
    Task<bool> reply(Visitor& visitor, const RequestReader& reader, bool last);
    Task<Answer> answer_to(const Visitor& visitor, const RequestReader& reader);
    Task<> await_turn();
    Task<> punish(const Visitor& visitor);

    Source& source_;
    Doer& doer_;
    // The main thread's.
    SettingsPtr settings_;
    std::shared_ptr<Place> place_;
    std::thread thread_;

    // Its own thread's.
    std::list<Visitor> visitors_;
    Clock::time_point next_look_{};
    History history_;

    asio::io_context context_{1};
    asio::executor_work_guard<Executor> work_{context_.get_executor()};
};

}  // namespace inout::admin
