// A look-up of a topic at another proxy, through the engine and a real nats-server on loopback,
// beside a bare request over NATS in the same run; and one whose route is remembered.
#include <benchmark/benchmark.h>
#include <nats/nats.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "../../tests/unit/cluster/nats_process.hpp"
#include "common/cluster/engine.hpp"

namespace inout::cluster {
namespace {

/// Two proxies of a cluster; all topics are at the second one.
class Cluster {
  public:
    Cluster() : runs_([this] { context_.run(); }) {
        asker = engine("asker");
        holder = engine("holder");
        while (!asker->is_up() || !holder->is_up()) {
            std::this_thread::sleep_for(Milliseconds{1});
        }
    }
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;
    ~Cluster() {
        asker->stop();
        holder->stop();
        guard_.reset();
        runs_.join();
    }

    /// How many of these, one behind the other, have found a route: topic.FIRST and so on; `step` 0
    /// asks for the same one each time.
    int find(int first, int count, int step) {
        std::promise<int> found;
        asio::co_spawn(context_.get_executor(), find_all(first, count, step),
                       [&found](const std::exception_ptr&, int n) { found.set_value(n); });
        return found.get_future().get();
    }

    test::NatsProcess nats;
    std::shared_ptr<Engine> asker, holder;

  private:
    std::shared_ptr<Engine> engine(const std::string& id) const {
        const Engine::Options options{.nats = {.servers = {nats.url()}},
                                      .cluster = "bench",
                                      .proxy = id,
                                      .address = "127.0.0.1:1"};
        return Engine::make(
                   options,
                   [](const std::string&) { return Answer{.proxy = {}, .match = Match::exact}; })
            .value();
    }
    Task<int> find_all(int first, int count, int step) {
        int found = 0;
        for (int i = 0; i < count; ++i) {
            Search search(*asker, context_.get_executor(),
                          "topic." + std::to_string(first + i * step),
                          Clock::now() + Milliseconds{5'000});
            const auto route = co_await search.next();
            if (route) ++found;
            search.report(Node::Outcome::open);
        }
        co_return found;
    }

    asio::io_context context_;
    asio::executor_work_guard<Executor> guard_{context_.get_executor()};
    std::thread runs_;
};

constexpr int kTopics = 20'000, kAtOnce = 100;

void ClusterLookUp(benchmark::State& state) {
    Cluster cluster;
    for (int i = 0; i < kTopics; ++i) {
        cluster.holder->registered({"topic." + std::to_string(i), false});
    }
    std::this_thread::sleep_for(Milliseconds{2'000});
    int first = 0;
    for (auto _ : state) {
        if (cluster.find(first, kAtOnce, 1) != kAtOnce) state.SkipWithError("not found");
        first += kAtOnce;
    }
    state.SetItemsProcessed(state.iterations() * kAtOnce);
}

void ClusterRemembered(benchmark::State& state) {
    Cluster cluster;
    cluster.holder->registered({"topic.0", false});
    std::this_thread::sleep_for(Milliseconds{200});
    for (auto _ : state) {
        if (cluster.find(0, kAtOnce, 0) != kAtOnce) state.SkipWithError("not found");
    }
    state.SetItemsProcessed(state.iterations() * kAtOnce);
}

/// One that sends at once, as ours does.
natsConnection* connect(const std::string& url) {
    natsOptions* options = nullptr;
    natsConnection* connection = nullptr;
    if (natsOptions_Create(&options) != NATS_OK ||
        natsOptions_SetURL(options, url.c_str()) != NATS_OK ||
        natsOptions_SetSendAsap(options, true) != NATS_OK ||
        natsConnection_Connect(&connection, options) != NATS_OK) {
        throw std::runtime_error("no NATS");
    }
    natsOptions_Destroy(options);
    return connection;
}

/// The least that a look-up can be: who asks waits for the first answer.
void NatsRequest(benchmark::State& state) {
    const test::NatsProcess nats;
    natsConnection *const asker = connect(nats.url()), *const holder = connect(nats.url());
    natsSubscription* subscription = nullptr;
    const auto answer = [](natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
        natsConnection_PublishString(connection, natsMsg_GetReply(message), "here");
        natsMsg_Destroy(message);
    };
    if (natsConnection_Subscribe(&subscription, holder, "topic.>", answer, nullptr) != NATS_OK ||
        natsConnection_Flush(holder) != NATS_OK) {
        throw std::runtime_error("no NATS");
    }
    for (auto _ : state) {
        for (int i = 0; i < kAtOnce; ++i) {
            natsMsg* message = nullptr;
            if (natsConnection_RequestString(&message, asker, "topic.1", "who", 5'000) != NATS_OK) {
                state.SkipWithError("no answer");
                break;
            }
            natsMsg_Destroy(message);
        }
    }
    state.SetItemsProcessed(state.iterations() * kAtOnce);
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(asker);
    natsConnection_Destroy(holder);
}

BENCHMARK(NatsRequest)->UseRealTime()->Iterations(kTopics / kAtOnce);
BENCHMARK(ClusterLookUp)->UseRealTime()->Iterations(kTopics / kAtOnce);
BENCHMARK(ClusterRemembered)->UseRealTime();

}  // namespace
}  // namespace inout::cluster
