// What an engine is made of. engine.cpp and engine_core.cpp alone include this. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/cluster/address_book.hpp"
#include "common/cluster/engine.hpp"
#include "common/cluster/nats_client.hpp"
#include "common/cluster/waiting.hpp"

namespace inout::cluster {

/// Node and address book under one lock, and the clock that they have not. What comes of an event
/// is handed to NATS in the order of events, and told to who waits when the lock is free.
class Engine::Core final : public NatsClient::Listener, public std::enable_shared_from_this<Core> {
  public:
    using Way = std::variant<Route, NoRoute>;
    using WayPtr = std::shared_ptr<Waiting<Way>>;
    using AddressPtr = std::shared_ptr<Waiting<std::string>>;

    Core(const Options& options, std::string inbox, Answers answers,
         std::shared_ptr<NatsClient> nats);
    void start();
    void stop();

    void registered(const Presence::Name& name, bool is_here);
    Facts facts() const;
    bool is_up() const;

    /// The number by which it is known from then on.
    StreamId find(const WayPtr& waiting, const std::string& topic, Clock::time_point deadline);
    void report(StreamId stream, const WayPtr& waiting, Node::Outcome outcome);
    StreamId ask_address(const AddressPtr& waiting, const std::string& proxy);
    void leave_address(StreamId waiter);

    // --- from NATS ---
    void connected(const std::string& server) override;
    void disconnected(const std::string& server, const std::string& reason) override;
    void took(Clock::duration round_trip) override;
    void heard(std::string_view subject, std::string_view reply, std::string_view body) override;
    void nobody_listens(std::string_view reply) override;

  private:
    struct Stream {
        std::weak_ptr<Waiting<Way>> waiting;
        bool is_counted = false;
    };
    struct Event {
        Clock::time_point now;
        Effects effects{};
        AddressBook::Told told{};
    };
    /// Of others, whom it is told when the lock is free.
    struct News {
        std::vector<std::pair<WayPtr, Way>> ways{};
        std::vector<std::pair<AddressPtr, std::string>> addresses{};
    };

    /// `change(event)` under the lock, and what comes of it. Who asks on its own behalf is told at
    /// once, as it does not wait yet. False: it has ended, and nothing happens any more.
    template <class Change>
    bool event(Change change, StreamId own = 0);
    News carry_out(Event& event, StreamId own);
    static void tell(News&& news);
    void count(Stream& stream, const Way& way);
    std::optional<Clock::time_point> next_tick() const;
    void run_clock();
    /// On the thread that has heard the question, because no other one has to be woken for it.
    void say(std::string_view reply, Answer answer);
    bool answer_own_address(std::string_view subject, std::string_view reply,
                            std::string_view body);

    const std::string proxy_, address_, inbox_;
    const Subjects subjects_;
    const Answers answers_;
    const std::shared_ptr<NatsClient> nats_;
    std::thread clock_;

    mutable std::mutex mutex_;
    std::condition_variable clock_changed_;
    Clock::time_point armed_ = Clock::time_point::max();
    bool stopping_ = false;
    Node node_;
    AddressBook book_;
    std::atomic<StreamId> next_stream_ = 1;
    std::unordered_map<StreamId, Stream> streams_;
    std::unordered_map<StreamId, std::weak_ptr<Waiting<std::string>>> askers_;
    Facts facts_;
};

}  // namespace inout::cluster
