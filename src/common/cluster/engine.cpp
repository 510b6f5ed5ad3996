#include "common/cluster/engine.hpp"

#include <utility>

#include "common/base/random.hpp"
#include "common/cluster/engine_core.hpp"

namespace inout::cluster {
namespace {

/// Nobody can guess what answers go to.
constexpr std::size_t kInboxDigits = 32;

}  // namespace

Engine::Engine(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Engine::~Engine() { core_->stop(); }

Result<std::shared_ptr<Engine>, std::string> Engine::make(const Options& options, Answers answers) {
    std::string inbox = random_hex(kInboxDigits);
    auto nats = NatsClient::make(options.nats,
                                 Subjects(options.cluster).answer(random_hex(kInboxDigits), 0));
    if (!nats) return Failure{std::move(nats.error())};
    auto core =
        std::make_shared<Core>(options, std::move(inbox), std::move(answers), std::move(*nats));
    core->start();
    return std::shared_ptr<Engine>(new Engine(std::move(core)));
}

void Engine::registered(const Presence::Name& name) { core_->registered(name, true); }
void Engine::unregistered(const Presence::Name& name) { core_->registered(name, false); }
bool Engine::is_up() const { return core_->is_up(); }
Engine::Facts Engine::facts() const { return core_->facts(); }
void Engine::stop() { core_->stop(); }

Task<std::optional<std::string>> Engine::address_of(Executor executor, std::string proxy,
                                                    Clock::time_point deadline) {
    const auto core = core_;
    const auto waiting = std::make_shared<Waiting<std::string>>(executor);
    const StreamId waiter = core->ask_address(waiting, proxy);
    auto address = co_await waiting->take(deadline);
    if (!address) core->leave_address(waiter);
    if (address && address->empty()) address.reset();
    co_return address;
}

class Search::State {
  public:
    State(std::shared_ptr<Engine::Core> core, const Executor& executor, const std::string& topic,
          Clock::time_point deadline)
        : core_(std::move(core)),
          waiting_(std::make_shared<Waiting<Engine::Core::Way>>(executor)),
          stream_(core_->find(waiting_, topic, deadline)) {}

    Task<Result<Route, NoRoute>> next() {
        if (is_over_) co_return Failure{NoRoute::left};
        auto way = co_await waiting_->take(Clock::time_point::max());
        if (auto* const route = std::get_if<Route>(&*way)) co_return std::move(*route);
        is_over_ = true;
        co_return Failure{std::get<NoRoute>(*way)};
    }
    void report(Node::Outcome outcome) {
        using enum Node::Outcome;
        if (is_over_) return;
        is_over_ = outcome == open || outcome == lost || outcome == left;
        core_->report(stream_, waiting_, outcome);
    }
    void give_up() {
        if (is_over_) return;
        report(Node::Outcome::left);
        Waiting<Engine::Core::Way>::tell(waiting_, NoRoute::left);
    }

  private:
    const std::shared_ptr<Engine::Core> core_;
    const Engine::Core::WayPtr waiting_;
    const StreamId stream_;
    bool is_over_ = false;
};

Search::Search(Engine& engine, const Executor& executor, const std::string& topic,
               Clock::time_point deadline)
    : state_(std::make_unique<State>(engine.core_, executor, topic, deadline)) {}
Search::~Search() { state_->report(Node::Outcome::left); }

Task<Result<Route, NoRoute>> Search::next() { return state_->next(); }
void Search::report(Node::Outcome outcome) { state_->report(outcome); }
void Search::give_up() { state_->give_up(); }

}  // namespace inout::cluster
