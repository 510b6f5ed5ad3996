#include "common/app/doctor.hpp"

#include <algorithm>
#include <optional>

#include "common/base/random.hpp"
#include "common/base/wall_clock.hpp"
#include "common/config/rules.hpp"
#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/net/resolver.hpp"
#include "common/open/ask.hpp"

namespace inout {
namespace {

/// For all of it, for each proxy before it is asked, and for one question, which waits for the
/// out's backend.
constexpr Milliseconds kDoctorTime{60'000}, kServerTime{10'000}, kQuestionTimeout{10'000};
/// Proxies, or backends, at the same time; and connections to one proxy.
constexpr std::size_t kChecksAtOnce = 16, kAskingAtOnce = 4;
/// A proxy answers only so many questions a second, and says so.
constexpr Milliseconds kAskAgain{200};

std::int64_t now_s() { return unix_time_ms() / 1'000; }

Milliseconds since(Clock::time_point begun) {
    return std::chrono::duration_cast<Milliseconds>(Clock::now() - begun);
}

/// Jobs of which some run at the same time, and who waits for all of them.
class Jobs {
  public:
    Jobs(const Executor& executor, std::vector<DoctorCheck> checks, std::size_t at_once)
        : executor_(executor),
          checks_(std::move(checks)),
          found_(checks_.size()),
          at_once_(std::min(at_once, checks_.size())),
          over_(executor) {}

    /// What each has found, in their order.
    Task<Findings> run() {
        over_.expires_at(Clock::time_point::max());
        for (running_ = at_once_; begun_ < at_once_; ++begun_) {
            spawn(executor_, "check", work());
        }
        if (running_ > 0) co_await over_.async_wait(use_result);
        Findings all;
        for (Findings& some : found_) {
            all.insert(all.end(), std::make_move_iterator(some.begin()),
                       std::make_move_iterator(some.end()));
        }
        co_return std::move(all);
    }

  private:
    /// Whoever is here goes however it ends.
    struct Here {
        explicit Here(Jobs& j) : jobs(j) {}
        Here(const Here&) = delete;
        Here& operator=(const Here&) = delete;
        ~Here() {
            if (--jobs.running_ == 0) jobs.over_.cancel();
        }
        Jobs& jobs;
    };

    Task<> work() {
        const Here here(*this);
        while (next_ < checks_.size()) {
            const std::size_t index = next_++;
            Task<> check = checks_[index](executor_, found_[index]);
            co_await std::move(check);
        }
    }

    const Executor executor_;
    const std::vector<DoctorCheck> checks_;
    std::vector<Findings> found_;
    const std::size_t at_once_;
    std::size_t begun_ = 0, next_ = 0, running_ = 0;
    Timer over_;
};

/// One proxy: the way there, and the questions that it is asked.
class ServerCheck {
  public:
    ServerCheck(const Executor& executor, const DoctorServer& server, Milliseconds step,
                Clock::time_point until, Findings& findings)
        : executor_(executor),
          server_(server),
          link_(*server.proxy_link),
          name_(to_string(link_.server())),
          step_(step),
          until_(until),
          deadline_(std::min(until, Clock::now() + kServerTime)),
          findings_(findings) {}

    Task<> run() {
        if (Clock::now() >= until_) {
            add("proxy", Finding::State::warning, "not looked at: no time is left");
            co_return;
        }
        std::optional<Look> look;
        const bool is_there = co_await find();
        if (server_.depth == DoctorDepth::reach) {
            if (is_there) co_await reach();
            co_return;
        }
        if (is_there) look = co_await introduce_us();
        const Look none{.what = Look::What::unreachable, .reason = {}, .connection = {}};
        const Look& seen = look ? *look : none;
        if (!may_probe(seen) || server_.questions.empty()) {
            for (const ProbeQuestion& question : server_.questions) {
                add(judge_not_asked(seen), question.topic);
            }
            if (seen.connection && seen.connection->is_open()) {
                co_await say_farewell(*seen.connection);
            }
            co_return;
        }
        co_await ask_all(std::move(look->connection));
    }

  private:
    void add(Finding finding, const std::string& topic = {}) {
        finding.server = name_;
        finding.topic = topic;
        findings_.push_back(std::move(finding));
    }
    void add(const char* check, Finding::State state, std::string found, const char* advice = "") {
        add({.check = check, .state = state, .found = std::move(found), .advice = advice});
    }
    Milliseconds left(Milliseconds most) const {
        const auto rest = std::chrono::duration_cast<Milliseconds>(deadline_ - Clock::now());
        return std::clamp(rest, Milliseconds{1}, most);
    }
    bool serves() const { return std::ranges::any_of(server_.questions, &ProbeQuestion::serves); }

    /// Its name, and whether anything listens; of the forward proxy where there is one, and then
    /// whether that opens the way.
    Task<bool> find() {
        using enum Finding::State;
        const Via* const via = link_.via();
        const HostPort first = via != nullptr ? via->place() : link_.target();
        const auto resolved = co_await resolve(executor_, first, Clock::now() + left(step_));
        if (resolved.endpoints.empty()) {
            add("name", wrong, resolved.error,
                "see whether the name is right, and what this machine's resolver says");
            co_return false;
        }
        std::string addresses;
        for (const Endpoint& each : resolved.endpoints) {
            addresses += (addresses.empty() ? "" : ", ") + to_ip_address(each).text();
        }
        const std::string whose = via != nullptr ? " (forward proxy)" : "";
        add("name", ok, addresses + whose);
        const auto begun = Clock::now();
        auto dialled = co_await dial(executor_, first, DialOrder::racing, left(step_));
        if (!dialled) {
            const bool refused = dialled.error().kind == DialError::Kind::refused;
            add("tcp", wrong, dialled.error().detail + whose, advice_for_tcp(refused, via));
            co_return false;
        }
        add("tcp", ok,
            "connects to " + (*dialled)->peer() + whose + " in " +
                std::to_string(since(begun).count()) + " ms");
        (*dialled)->close_clean();
        if (via == nullptr && !is_websocket_url(link_.server())) co_return true;
        const bool is_open = co_await go_through(via);
        co_return is_open;
    }

    static const char* advice_for_tcp(bool refused, const Via* via) {
        if (via != nullptr) {
            return refused ? "see whether this is the forward proxy's port (\"via\")"
                           : "see whether \"via\" names the right forward proxy for this network";
        }
        return refused ? "see whether the proxy runs, and whether this is its port"
                       : "see whether the proxy's machine is there, and what a firewall drops";
    }

    /// What the forward proxy answers, and the web server in front of the proxy.
    Task<bool> go_through(const Via* via) {
        const char* const check = via != nullptr ? "via" : "websocket";
        const auto begun = Clock::now();
        auto reached = co_await link_.reach(executor_, begun + left(step_));
        if (!reached) {
            add(check, Finding::State::wrong, reached.error().detail,
                via != nullptr
                    ? "see what is said there, and what the forward proxy's log says"
                    : "see how the web server passes that path on, and what its log says");
            co_return false;
        }
        add(check, Finding::State::ok,
            (via != nullptr ? via->name() + " opens the way in " : "is opened in ") +
                std::to_string(since(begun).count()) + " ms");
        co_await say_farewell(**reached);
        co_return true;
    }

    /// As a start does. Nothing: no connection on which anything could be said.
    Task<ConnectionPtr> shake_hands() {
        const Milliseconds time = left(step_);
        auto dialled = co_await link_.dial(executor_, time, DialFor::control, time);
        if (!dialled) {
            add(judge_tls_failure(dialled.error().detail));
            co_return nullptr;
        }
        co_return std::move(*dialled);
    }

    void say_tls(const Connection& connection) {
        const TlsSession* const tls = connection.tls();
        if (tls == nullptr) {
            const bool near = is_loopback(connection.peer_address().text());
            add("tls", near ? Finding::State::ok : Finding::State::warning,
                "off: what travels can be read and changed on the way",
                near ? "" : "give the proxy \"tls\", and this program too");
            return;
        }
        const auto& options = *link_.tls();
        const bool goes_by_key = !options.pin.empty() && options.ca.empty();
        const Validity validity = tls->peer_validity().value_or(Validity{});
        add(judge_certificate(validity, tls->version(), goes_by_key, now_s()));
    }

    Task<> reach() {
        ConnectionPtr connection = co_await shake_hands();
        if (!connection) co_return;
        say_tls(*connection);
        co_await say_farewell(*connection);
    }

    Task<std::optional<Look>> introduce_us() {
        ConnectionPtr connection = co_await shake_hands();
        if (!connection) co_return std::nullopt;
        say_tls(*connection);
        const auto begun = Clock::now();
        auto looking = look_at(link_, std::move(connection), left(step_), true);
        Look look = co_await std::move(looking);
        const Milliseconds round_trip = since(begun);
        for (Finding& each : judge_look(look, link_.has_key(), serves(), round_trip)) {
            if (link_.is_for_hops() && each.state == Finding::State::wrong &&
                each.check == "identity") {
                each.advice = "compare \"cluster\" here and there: key_file, id and peers";
            }
            add(std::move(each));
        }
        if (look.response.time_ms) {
            add(judge_clock(*look.response.time_ms, unix_time_ms(), round_trip));
        }
        co_return std::move(look);
    }

    /// Over a few connections, each of which takes the next question when it has an answer.
    Task<> ask_all(ConnectionPtr first) {
        const std::size_t count = server_.questions.size();
        std::vector<DoctorCheck> askers;
        for (std::size_t i = 0; i < std::min(kAskingAtOnce, count); ++i) {
            askers.emplace_back([this, connection = i == 0 ? first : nullptr](
                                    const Executor&, Findings&) { return ask_some(connection); });
        }
        answers_.resize(count);
        deadline_ = until_;
        first.reset();
        Jobs jobs(executor_, std::move(askers), kAskingAtOnce);
        (void)co_await jobs.run();
        for (std::size_t i = 0; i < count; ++i) {
            const ProbeQuestion& question = server_.questions[i];
            if (!answers_[i]) {
                add({.check = "topic",
                     .state = Finding::State::warning,
                     .found = "not asked: no time is left, or the proxy has ended its connections"},
                    question.topic);
                continue;
            }
            for (Finding& each : *answers_[i]) add(std::move(each), question.topic);
        }
    }

    Task<> ask_some(ConnectionPtr connection) {
        if (!connection) connection = co_await another();
        while (connection && connection->is_open() && next_ < answers_.size()) {
            const std::size_t index = next_++;
            answers_[index] = co_await ask(*connection, server_.questions[index]);
        }
        if (connection && connection->is_open()) co_await say_farewell(*connection);
    }

    /// The first one has told all that is to be told of them.
    Task<ConnectionPtr> another() {
        const Milliseconds time = left(step_);
        auto dialled = co_await link_.dial(executor_, time, DialFor::spare, time);
        if (!dialled) co_return nullptr;
        auto looking = look_at(link_, std::move(*dialled), time, true);
        Look look = co_await std::move(looking);
        if (!may_probe(look)) co_return nullptr;
        co_return std::move(look.connection);
    }

    /// Nothing: it has not answered, and answers no more here.
    Task<std::optional<Findings>> ask(Connection& connection, const ProbeQuestion& question) {
        const auto give_up = Clock::now() + left(kQuestionTimeout);
        Deadline deadline(connection);
        deadline.expires_at(give_up);
        Timer pause(executor_);
        while (true) {
            const auto begun = Clock::now();
            const Message request = ProbeRequest{.magic = random_hex(kMagicDigits),
                                                 .topic = question.topic,
                                                 .serves = question.serves,
                                                 .pattern = question.pattern};
            const auto heard = co_await inout::exchange(connection, request);
            const Response* const answer = heard.response_to("ProbeRequest");
            if (answer == nullptr) {
                const bool is_nonsense = heard.answer || heard.answer.error().is_garbage();
                connection.close();
                if (!is_nonsense) co_return std::nullopt;
                co_return Findings{judge_no_probe_answer()};
            }
            const bool too_soon = answer->code == Code::limit && !answer->took;
            if (!too_soon || Clock::now() + kAskAgain >= give_up) {
                co_return judge_probe(question, *answer, since(begun));
            }
            pause.expires_after(kAskAgain);
            co_await pause.async_wait(use_result);
        }
    }

    const Executor executor_;
    const DoctorServer& server_;
    const ProxyLink& link_;
    const std::string name_;
    const Milliseconds step_;
    const Clock::time_point until_;
    Clock::time_point deadline_;  // of what is done now
    Findings& findings_;
    std::vector<std::optional<Findings>> answers_;
    std::size_t next_ = 0;
};

Task<> check_server(Executor executor, const DoctorServer& server, Milliseconds step,
                    Clock::time_point until, Findings& findings) {
    ServerCheck check(executor, server, step, until, findings);
    co_await check.run();
}

}  // namespace

DoctorServer& DoctorPlan::server_of(const std::shared_ptr<const ProxyLink>& proxy_link,
                                    DoctorDepth depth) {
    auto found = std::ranges::find(servers_, proxy_link, &DoctorServer::proxy_link);
    if (found == servers_.end()) {
        found = servers_.insert(found, DoctorServer{.proxy_link = proxy_link});
    }
    found->depth = std::max(found->depth, depth);
    return *found;
}

void DoctorPlan::ask(const std::shared_ptr<const ProxyLink>& proxy_link, ProbeQuestion question) {
    server_of(proxy_link, DoctorDepth::introduce).questions.push_back(std::move(question));
}

void DoctorPlan::look_at(std::vector<Validity> certificates) {
    std::ranges::sort(certificates);
    certificates.erase(std::unique(certificates.begin(), certificates.end()), certificates.end());
    for (const Validity& each : certificates)
        known_.push_back(judge_own_certificate(each, now_s()));
}

Findings DoctorPlan::run(Workers& workers) {
    const auto until = Clock::now() + kDoctorTime;
    std::vector<DoctorCheck> all;
    for (const DoctorServer& server : servers_) {
        all.emplace_back(
            [&server, until, step = step_](const Executor& executor, Findings& findings) {
                return check_server(executor, server, step, until, findings);
            });
    }
    all.insert(all.end(), checks_.begin(), checks_.end());
    Findings found = known_;
    Jobs jobs(workers.main().executor(), std::move(all), kChecksAtOnce);
    const auto run_all = [](Workers& of, Jobs& which, Findings& into) -> Task<> {
        Findings more = co_await which.run();
        into.insert(into.end(), more.begin(), more.end());
        of.stop();
    };
    spawn(workers.main().executor(), "doctor", run_all(workers, jobs, found));
    workers.run();
    return found;
}

}  // namespace inout
