// Engine: the directory of a cluster at work: a node, NATS, and the streams that search.
//
// What the node decides is done here: messages go to NATS over a thread of its own (nats_client.
// hpp), and a stream that has got a route is woken on its own executor. Nobody waits for NATS under
// a lock, so a server that does not answer stands in nobody's way. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/cluster/nats_options.hpp"
#include "common/cluster/node.hpp"
#include "common/net/asio.hpp"

namespace inout::cluster {

class Engine {
  public:
    struct Options {
        NatsOptions nats;
        std::string cluster;  ///< a name (rules/cluster_name.hpp)
        std::string proxy;    ///< this proxy's id, a name that no other one has
        std::string address;  ///< HOST:PORT, where the others reach it
    };
    /// What this proxy says of a topic; who says it is filled in. Called on any thread, with no
    /// lock of the engine held; must be quick.
    using Answers = std::function<Answer(const std::string& topic)>;

    /// Begins to connect in the background, and goes on for ever. The failure: a file that can not
    /// be used, or no NATS in this program.
    static Result<std::shared_ptr<Engine>, std::string> make(const Options& options,
                                                             Answers answers);
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine();

    /// A topic or pattern has one registration more here, or one less.
    void registered(const Presence::Name& name);
    void unregistered(const Presence::Name& name);

    bool is_up() const;
    /// As it is now; what is counted has been since the start.
    struct Facts {
        bool is_up = false;
        std::string server{};                 ///< HOST:PORT it is connected to
        std::int64_t since_ms = 0;            ///< in that state; Unix time
        std::uint64_t found = 0, absent = 0;  ///< streams that got a route first, or none
        std::uint64_t cut_off = 0;            ///< the same, because NATS could not be reached
        std::uint64_t lookups = 0;            ///< questions that were sent
        std::uint64_t answers = 0;            ///< answers that were given
        std::uint64_t lost = 0;               ///< messages for which there was no room
        std::size_t cached_topics = 0, subscriptions = 0, searches = 0;
        std::chrono::microseconds round_trip{};  ///< to the server of NATS and back
    };
    Facts facts() const;

    /// Where the proxy of that id is reached, HOST:PORT. Nothing: nobody of that id has answered in
    /// time. An answer is remembered for kAddressFresh.
    Task<std::optional<std::string>> address_of(Executor executor, std::string proxy,
                                                Clock::time_point deadline);

    /// Searches end without a route from now on. Waits for the thread of NATS, which may be in the
    /// middle of something: at most some seconds.
    void stop();

  private:
    friend class Search;
    class Core;
    explicit Engine(std::shared_ptr<Core> core);
    const std::shared_ptr<Core> core_;
};

/// One stream's way to its topic, on the executor of its session, in whose frame it lives. If it
/// ends before a route was reported, nobody wants the stream any more.
class Search {
  public:
    Search(Engine& engine, const Executor& executor, const std::string& topic,
           Clock::time_point deadline);
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
    ~Search();

    /// The first route, or after report() the next one.
    Task<Result<Route, NoRoute>> next();
    /// How the last route went.
    void report(Node::Outcome outcome);
    /// next() returns, with NoRoute::left.
    void give_up();

  private:
    class State;
    const std::unique_ptr<State> state_;
};

}  // namespace inout::cluster
