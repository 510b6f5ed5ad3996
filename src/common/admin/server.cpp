#include "common/admin/server.hpp"

#include <algorithm>
#include <exception>
#include <tuple>

#include "common/admin/router.hpp"
#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/base/wall_clock.hpp"
#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"

namespace inout::admin {
namespace {

/// For a look at all streams, which workers may have to wait for a moment, at most a tenth of the
/// time goes.
constexpr int kLookShare = 9;

void say_failed(std::string_view task, const char* reason) {
    try {
        log::limited(log::Level::error, log::Kind::warning, "task failed", task,
                     {{"task", task}, {"reason", reason}});
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
}

}  // namespace

/// Counts a visitor for as long as its session lives.
struct Server::Stay {
    Stay(std::list<Visitor>& all, ConnectionPtr connection, SettingsPtr settings)
        : visitors(all),
          at(all.insert(all.end(), Visitor{std::move(connection), std::move(settings)})) {}
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() { visitors.erase(at); }

    std::list<Visitor>& visitors;
    const std::list<Visitor>::iterator at;
};

/// For the log.
std::string Server::name_of(const Visitor& visitor) {
    return visitor.settings->options.unix_path.empty() ? visitor.connection->peer() : "unix";
}

Server::~Server() {
    stop();
    place_.reset();  // before what its sockets belong to
}

Result<Server::Opened, std::string> Server::open(SettingsPtr settings) {
    if (!settings) return Opened{};
    if (settings_ && settings_->is_at(*settings)) return Opened{std::move(settings), place_};
    auto place = std::make_shared<Place>(context_);
    const AdminOptions& options = settings->options;
    if (options.unix_path.empty()) {
        const auto bound = place->acceptor.listen(options.listen, settings->address, "admin");
        if (!bound) return Failure{"admin: " + bound.error()};
        for (const Endpoint& endpoint : *bound) place->names.push_back(to_string(endpoint));
    } else {
        auto listening = place->file.listen(options.unix_path);
        if (!listening) return Failure{"admin: " + listening.error()};
        place->acceptor.adopt(std::move(*listening), place->file.handed_as("admin"));
        place->names.push_back(options.unix_path);
    }
    try {
        start_thread();
    } catch (const std::system_error& error) {
        return Failure{"admin: no threads: " + error.code().message()};
    }
    return Opened{std::move(settings), std::move(place)};
}

void Server::take(Opened&& opened) {
    auto& [settings, place] = opened;
    if (settings && settings_ && place == place_ && settings->is_like(*settings_)) return;
    if (place_ && place_ != place) {
        for (const auto& name : place_->names) log::info("admin closed", {{"address", name}});
        asio::post(context_, [this, old = std::move(place_)] {
            old->file.remove();  // first: while it listens nobody takes its place
            old->acceptor.close();
            let_go();
        });
        place_.reset();
    }
    settings_ = settings;
    if (place && place_) {
        asio::post(context_, [this, settings = std::move(settings), place = std::move(place)] {
            place->settings = settings;
            let_go();
        });
    } else if (place) {
        for (const auto& name : place->names) log::info("admin listening", {{"address", name}});
        place->settings = std::move(settings);
        place->file.keep();
        asio::co_spawn(context_.get_executor(), accept_for_ever(place),
                       [](const std::exception_ptr&) {});
        place_ = std::move(place);
    }
}

std::error_code Server::copy_sockets(std::vector<NamedDescriptor>& sockets) const {
    return place_ ? place_->acceptor.copy_sockets(sockets) : std::error_code();
}

void Server::leave() {
    if (place_) asio::post(context_, [place = place_] { place->file.leave(); });
    take({});
}

void Server::start_thread() {
    if (thread_.joinable()) return;
    asio::co_spawn(context_.get_executor(), remember_for_ever(), [](const std::exception_ptr&) {});
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

void Server::run() {
    while (true) {
        try {
            context_.run();
            return;
        } catch (const std::exception& error) {
            say_failed("admin", error.what());
        }
    }
}

void Server::stop() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    if (!place_) return;
    place_->file.remove();
    place_->acceptor.close();
}

/// Who waits for nothing goes now, the others with their answer.
void Server::let_go() {
    for (Visitor& visitor : visitors_) {
        visitor.last = true;
        if (!visitor.waited_for && !visitor.leaving) {
            visitor.leaving = true;
            close_idle(*visitor.connection, Use::again);
        }
    }
}

/// For one more: who has been waiting longest leaves, those last whose answer is under way.
void Server::make_room() {
    const auto stays = [](const Visitor& visitor) { return !visitor.leaving; };
    const auto count = std::count_if(visitors_.begin(), visitors_.end(), stays);
    if (static_cast<std::size_t>(count) < kAdminConnectionsMax) return;
    const auto before = [](const Visitor& a, const Visitor& b) {
        return std::tuple(a.leaving, a.waited_for, a.since) <
               std::tuple(b.leaving, b.waited_for, b.since);
    };
    Visitor& oldest = *std::min_element(visitors_.begin(), visitors_.end(), before);
    oldest.leaving = true;
    oldest.connection->close();
}

/// At the end of each step of the history, and soon after it where something was in the way.
Task<> Server::remember_for_ever() {
    Timer pause(context_);
    auto next = Clock::now();
    while (true) {
        try {
            history_.add(since_boot(), totals_now());
        } catch (const std::bad_alloc&) {
            say_failed("admin history", "out of memory");
        }
        next = std::max(next + kHistoryStep, Clock::now());
        pause.expires_at(next);
        co_await pause.async_wait(use_result);
    }
}

Task<> Server::accept_for_ever(std::shared_ptr<Place> place) {
    Timer pause(context_);
    while (true) {
        try {
            co_await accept(*place);
            co_return;
        } catch (const std::exception& error) {
            say_failed("admin", error.what());
        }
        pause.expires_after(kRestartPause);
        co_await pause.async_wait(use_result);
    }
}

Task<> Server::accept(Place& place) {
    while (true) {
        auto connection = co_await place.acceptor.accept(context_);
        if (!connection) co_return;
        make_room();
        asio::co_spawn(context_.get_executor(), session(std::move(connection), place.settings),
                       [](const std::exception_ptr& error) {
                           if (!error) return;
                           try {
                               std::rethrow_exception(error);
                           } catch (const std::exception& e) {
                               say_failed("admin request", e.what());
                           }
                       });
    }
}

Task<> Server::session(ConnectionPtr connection, SettingsPtr settings) {
    Stay stay(visitors_, std::move(connection), std::move(settings));
    co_await converse(*stay.at);
}

Task<> Server::converse(Visitor& visitor) {
    Connection& connection = *visitor.connection;
    const auto until = Clock::now() + kAdminRequest;
    if (visitor.settings->tls) {
        Deadline deadline(connection);
        deadline.expires_at(until);
        connection.secure(visitor.settings->tls->session());
        const auto error = co_await connection.handshake();
        if (error) co_return;
    }
    for (unsigned asked = 1; true; ++asked) {
        RequestReader reader;
        const bool whole = co_await await_request(visitor, reader, asked == 1, until);
        if (!whole) break;
        const bool more = co_await reply(visitor, reader, asked == kAdminRequestsMax);
        if (!more) break;
    }
    co_await say_farewell(connection);
}

/// False: it has gone, or has said nothing in time.
Task<bool> Server::await_request(Visitor& visitor, RequestReader& reader, bool first,
                                 Clock::time_point until) {
    Connection& connection = *visitor.connection;
    if (!first) {
        Deadline idle(connection, Use::again);
        idle.expires_after(kAdminIdle);
        const auto error = co_await connection.read_ahead(1);
        if (error) co_return false;
        until = Clock::now() + kAdminRequest;
    }
    Deadline deadline(connection);
    deadline.expires_at(until);
    while (!reader.is_over()) {
        const auto error = co_await connection.read_ahead(1);
        if (error) co_return false;
        connection.take(reader.feed(connection.unread()));
    }
    visitor.waited_for = true;
    co_return true;
}

/// True: it may ask for more.
Task<bool> Server::reply(Visitor& visitor, const RequestReader& reader, bool last) {
    Connection& connection = *visitor.connection;
    const Request& request = reader.request();
    const Answer answer = co_await answer_to(visitor, reader);
    // Who is refused need not stay.
    const bool welcome =
        answer.status < 400 || answer.status > 499 || answer.status == 404 || answer.status == 405;
    const bool close = !welcome || last || visitor.last || reader.failure() != 0 ||
                       request.has_body || !request.keep_alive || request.is_1_0;
    const std::string text = written(answer, request.method == "HEAD", close);
    std::string_view left = text;
    Deadline deadline(connection);
    while (!left.empty()) {
        deadline.expires_after(kAdminAnswer);
        const std::string_view piece = left.substr(0, kAdminPieceBytes);
        const auto error = co_await connection.write_all(piece);
        if (error) {
            connection.close();
            co_return false;
        }
        left.remove_prefix(piece.size());
    }
    visitor.waited_for = false;
    visitor.since = Clock::now();
    co_return !close && !visitor.last;
}

Task<Answer> Server::answer_to(const Visitor& visitor, const RequestReader& reader) {
    if (reader.failure() != 0) co_return refusal(reader.failure());
    const Request& request = reader.request();
    const Purpose purpose = is_action(request) ? Purpose::acting : Purpose::reading;
    if (auto refused = visitor.settings->gate.refuse(request, purpose)) {
        const bool has_tried = refused->status == 401 && request.count("authorization") > 0;
        if (has_tried) co_await punish(visitor);
        co_return std::move(*refused);
    }
    const auto made = [&] {
        return purpose == Purpose::acting ? act(request, doer_, name_of(visitor))
                                          : answer(request, source_, history_);
    };
    if (!asks_for_streams(request) && !is_kick(request)) co_return made();
    co_await await_turn();
    const auto begin = Clock::now();
    Answer looked = made();
    const auto end = Clock::now();
    next_look_ = end + kLookShare * (end - begin);
    co_return looked;
}

/// Its token is wrong: only this one waits for its answer.
Task<> Server::punish(const Visitor& visitor) {
    const std::string peer = name_of(visitor);
    const bool is_near = !visitor.settings->options.unix_path.empty();
    log::limited(log::Level::warning, log::Kind::warning, "admin token wrong",
                 is_near ? peer : visitor.connection->source(), {{"peer", peer}});
    Timer pause(context_);
    pause.expires_after(kAdminWrongToken);
    co_await pause.async_wait(use_result);
}

Task<> Server::await_turn() {
    Timer pause(context_);
    while (Clock::now() < next_look_) {
        pause.expires_at(next_look_);
        co_await pause.async_wait(use_result);
    }
}

}  // namespace inout::admin
