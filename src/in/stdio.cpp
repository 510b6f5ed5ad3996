#include "in/stdio.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/app/daemon.hpp"
#include "common/app/link_budget.hpp"
#include "common/app/signals.hpp"
#include "common/base/log.hpp"
#include "common/net/resolver.hpp"
#include "common/os/standard_streams.hpp"
#include "common/relay/recent_ends.hpp"
#include "in/client_session.hpp"

namespace inout::in {
namespace {

constexpr int kStdin = 0, kStdout = 1;

enum Exit : int { kDone = 0, kCannotRun = 1, kNotOpened = 3, kCutOff = 4, kSignalled = 128 };

/// When who has called us has left, and says so by a signal, the last bytes get so long to arrive:
/// a few round trips. ssh waits for its ProxyCommand to end.
constexpr Milliseconds kLastBytes{2'000};
/// The same without a signal: nobody waits then, and slow lines may have more to carry.
constexpr Milliseconds kAbandoned{30'000};

/// The stream and its process. Made once, on the main thread, and never destroyed, because the two
/// threads may be in read(2) and write(2) until the process is gone; all else is the main thread's.
class Stdio {
  public:
    explicit Stdio(std::shared_ptr<const InConfig> config)
        : config_(std::move(config)),
          workers_(1, detail::relay_options(*config_)),
          main_(workers_.main()),
          signals_(main_.executor(), {SIGTERM, SIGINT, SIGHUP},
                   [this](int number) { on_signal(number); }),
          timer_(main_.executor()) {}

    int run() {
        ProxyLinks proxy_links;
        const ConfigProblems problems = load_networks(
            *config_, TlsSide::client, proxy_links,
            [this](const InNetwork& network,
                   const std::vector<std::shared_ptr<const ProxyLink>>& all,
                   std::shared_ptr<const TlsPsk> e2e) { make(network, all, std::move(e2e)); });
        if (!problems.empty()) return detail::report(problems);
        recent_ends().keep(1);  // which ended() asks
        signals_.start();
        const auto server = network_->servers->choose();
        if (!server) {
            say("not opened", to_string(Code::proxy_unreachable), service_problem_);
            return kNotOpened;
        }
        if (const auto problem = start(server)) {
            log::error("cannot start", {{"reason", *problem}});
            return kCannotRun;
        }
        workers_.run();
        return status_;
    }

  private:
    void make(const InNetwork& network,
              const std::vector<std::shared_ptr<const ProxyLink>>& proxy_links,
              std::shared_ptr<const TlsPsk> e2e) {
        const Dialling dialling = dialling_of(network, *config_);
        std::vector<ServerGroup::Entry> all;
        for (const auto& proxy_link : proxy_links) {
            if (is_service_name(proxy_link->server())) {
                all.push_back({nullptr, find(proxy_link, dialling)});
            } else {
                all.push_back({std::make_shared<Server>(workers_, proxy_link, dialling, budget_)});
                serves_one(*all.back().server);
            }
        }
        const Rates rates = rates_for(network.rate, {}, main_.executor());
        take_effect(network.rate, {}, rates);
        network_ = std::make_shared<const Network>(Network{
            config_, network, config_->access.allow, config_->access.deny, std::move(e2e),
            std::make_shared<ServerGroup>(select_of(network, *config_), std::move(all)), rates});
    }

    /// Asked once: who follows a service does so for as long as it runs.
    std::shared_ptr<ServiceTargets> find(const std::shared_ptr<const ProxyLink>& proxy_link,
                                         const Dialling& dialling) {
        auto service = std::make_shared<ServiceTargets>(workers_, proxy_link, dialling, budget_);
        const auto found = resolve_service_now(proxy_link->server().host, kStartLookup);
        service_problem_ = found ? "the service is not offered" : found.error();
        service->start(found);
        service->close();
        const std::lock_guard lock(Server::choosing());
        service->each([](const ServiceTargets::Target& target) { serves_one(*target.server); });
        return service;
    }

    /// No stream follows this one: no spare connections, nobody to ask in the background, and no
    /// frames, which would keep the connection for the next; but where a forward proxy is in
    /// between they are offered all the same.
    static void serves_one(Server& server) {
        server.close();
        server.took_frames(false);
    }

    std::optional<std::string> start(const std::shared_ptr<Server>& server) try {
        size_link_budget(budget_, {.threads = 1, .fixed = 0, .needed = kStreamDescriptors});
        auto places = server->client_places();
        SocketPair pair = make_socket_pair();
        if (places.count() == 0 || !pair.blocking) return "no file descriptors left";
        socket_ = std::move(pair.blocking);
        // Whoever has it last, the opening or the relay, has told its end before.
        ConnectionPtr client(new Connection(main_.executor(), std::move(pair.non_blocking),
                                            Endpoint(), Connection::Origin::local),
                             [this](Connection* connection) {
                                 delete connection;
                                 stream_ended();
                             });
        spawn(main_.executor(), "client",
              client_session(main_, network_, std::move(client),
                             ClientPlaces{server, std::move(places), nullptr}));
        std::thread([this] { read_stdin(); }).detach();
        std::thread([this] { write_stdout(); }).detach();
        return std::nullopt;
    } catch (const std::system_error& error) {
        return "no threads: " + error.code().message();
    }

    /// Its own thread.
    void read_stdin() {
        const int error = carry_input(kStdin, socket_.get());
        post([this, error] {
            if (error != 0) return cut_off("stdin", error);
            input_ended_ = true;
            look_for_caller();
        });
    }

    /// Its own thread.
    void write_stdout() {
        const int error = carry_output(socket_.get(), kStdout, [this] {
            post([this] {
                reader_left_ = true;
                look_for_caller();
            });
        });
        if (error != 0) return post([this, error] { cut_off("stdout", error); });
        post([this] { output_ended(); });
    }

    template <class F>
    void post(F f) {
        asio::post(main_.context(), std::move(f));
    }

    /// No more comes, and nobody reads: a service that does not end by itself would keep this for
    /// ever.
    void look_for_caller() {
        if (input_ended_ && reader_left_ && !output_ended_) reset_after(kAbandoned, SIGPIPE);
    }

    void on_signal(int number) {
        const bool is_first = !std::exchange(was_signalled_, true);
        const bool has_left = output_ended_ || has_reader_left(kStdout);
        reset_after(is_first && has_left ? kLastBytes : Milliseconds{0}, number);
    }

    /// As if by this signal.
    void reset_after(Milliseconds time, int number) {
        timer_.expires_after(time);
        timer_.async_wait([this, number](std::error_code error) {
            if (!error) reset(kSignalled + number);
        });
    }

    void cut_off(std::string_view stream, int error) {
        // As SIGPIPE would, and as silently: who has left need not be told, and ssh leaves so.
        if (error == EPIPE) return reset(kSignalled + SIGPIPE);
        if (!is_over_) {
            say("cut off", "stdio",
                std::string(stream) + ": " + std::generic_category().message(error));
        }
        reset(kCutOff);
    }

    void reset(int status) {
        end(status);
        main_.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "its process ends"});
    }

    /// All that came from the stream is written: it is over, or that direction is. What is wrong
    /// is said before stdout ends, because ssh kills its ProxyCommand then.
    void output_ended() {
        output_ended_ = true;
        if (stream_ended_) return ended();
        end_output(kStdout, kStdin);
    }
    void stream_ended() {
        stream_ended_ = true;
        if (output_ended_) ended();
    }

    void ended() {
        if (is_over_) return;
        const auto all = recent_ends().newest(0, std::numeric_limits<std::uint64_t>::max(), 1);
        if (all.empty()) return end(kCannotRun);  // memory has run out, which is in the log
        const RecentEnd& last = *all.front();
        if (!last.opened) {
            say("not opened", last.reason, last.detail);
            return end(kNotOpened);
        }
        if (last.reason == to_string(StreamEnd::Cause::done)) return end(kDone);
        say("cut off", last.reason, last.detail);
        end(kCutOff);
    }

    void say(std::string_view event, std::string_view code, const std::string& reason) const {
        log::error(event, {{"topic", network_->config.topic},
                           {"server", servers_text(network_->config)},
                           {"code", code},
                           {"reason", reason}});
    }

    /// The first end counts.
    void end(int status) {
        if (std::exchange(is_over_, true)) return;
        status_ = status;
        workers_.stop();
    }

    const std::shared_ptr<const InConfig> config_;
    Workers workers_;
    Worker& main_;
    Signals signals_;
    Timer timer_;
    Budget budget_{0, 0};
    std::shared_ptr<const Network> network_;
    std::string service_problem_;
    UniqueFd socket_;  // of the two threads
    bool input_ended_ = false, output_ended_ = false, stream_ended_ = false;
    bool reader_left_ = false, was_signalled_ = false, is_over_ = false;
    int status_ = kCannotRun;
};

}  // namespace

int run_stdio(std::shared_ptr<const InConfig> config) {
    if (!detail::begin("in", *config)) return kCannotRun;
    const detail::FlushAtEnd flush_at_end;
    static auto* const stdio = new Stdio(std::move(config));
    return stdio->run();
}

}  // namespace inout::in
