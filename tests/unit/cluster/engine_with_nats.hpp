// Proxies' parts in a cluster, engines, with a real server of NATS between them. Of one test.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/cluster/engine.hpp"
#include "common/config/cluster_options.hpp"
#include "nats_process.hpp"

namespace inout::test {

using namespace inout::cluster;
using namespace std::chrono_literals;

/// Proxies live on the threads of one of these.
class Loop {
  public:
    Loop() : thread_([this] { context_.run(); }) {}
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() {
        guard_.reset();
        thread_.join();
    }
    Executor executor() { return context_.get_executor(); }
    /// What a coroutine ends with.
    template <class T>
    std::future<T> run(Task<T> task) {
        auto promise = std::make_shared<std::promise<T>>();
        auto future = promise->get_future();
        asio::co_spawn(executor(), std::move(task), [promise](const std::exception_ptr&, T value) {
            promise->set_value(std::move(value));
        });
        return future;
    }

  private:
    asio::io_context context_;
    asio::executor_work_guard<Executor> guard_{context_.get_executor()};
    std::thread thread_;
};

/// A proxy's part of it: what it has, and an engine.
class Proxy {
  public:
    Proxy(const std::string& id, std::vector<std::string> servers, std::string credentials = "")
        : id_(id) {
        Engine::Options options{
            .nats = {.servers = std::move(servers), .credentials = std::move(credentials)},
            .cluster = "test",
            .proxy = id,
            .address = "127.0.0.1:" + std::to_string(1'000 + id.back())};
        address = options.address;
        engine = Engine::make(options, [this](const std::string& topic) {
                     return answer(topic);
                 }).value();
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;
    ~Proxy() { engine->stop(); }

    void has(const std::string& topic, bool is_pattern = false) {
        {
            const std::lock_guard lock(mutex_);
            topics_[topic] = is_pattern;
        }
        engine->registered({topic, is_pattern});
    }
    void has_no_more(const std::string& topic) {
        bool is_pattern = false;
        {
            const std::lock_guard lock(mutex_);
            is_pattern = topics_.at(topic);
            topics_.erase(topic);
        }
        engine->unregistered({topic, is_pattern});
    }

    std::shared_ptr<Engine> engine;
    std::string address;

  private:
    Answer answer(const std::string& topic) {
        const std::lock_guard lock(mutex_);
        Answer answer;
        for (const auto& [name, is_pattern] : topics_) {
            if (!is_pattern && name == topic) answer.match = Match::exact;
            if (is_pattern && answer.match == Match::none &&
                TopicPattern::parse(name)->matches(topic)) {
                answer.match = Match::pattern;
                answer.pattern = name;
            }
        }
        return answer;
    }

    const std::string id_;
    std::mutex mutex_;
    std::map<std::string, bool> topics_;
};

inline Task<std::string> look_up(Engine& engine, Executor executor, std::string topic,
                                 Clock::duration patience) {
    Search search(engine, executor, std::move(topic), Clock::now() + patience);
    const auto route = co_await search.next();
    if (!route) {
        static constexpr const char* kWords[] = {"no_topic", "no_directory", "tried", "left"};
        co_return kWords[static_cast<std::size_t>(route.error())];
    }
    search.report(Node::Outcome::open);
    co_return route->address;
}

class EngineFixture : public testing::Test {
  protected:
    void SetUp() override {
        if (!is_built_with_nats()) GTEST_SKIP() << "built without NATS";
        ASSERT_TRUE(NatsProcess::is_installed()) << "nats-server is missing (scripts/test.sh)";
    }
    /// Whatever takes its time takes it.
    template <class Condition>
    static bool comes_true(Condition condition) {
        for (int i = 0; i < 3'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(10ms);
        }
        return false;
    }
    static bool is_up(const Proxy& proxy) {
        return comes_true([&] { return proxy.engine->is_up(); });
    }
    std::string find(Proxy& proxy, const std::string& topic, Clock::duration patience = 5s) {
        return loop.run(look_up(*proxy.engine, loop.executor(), topic, patience)).get();
    }
    /// A route may become known a little later than its subscription was made.
    bool finds(Proxy& proxy, const std::string& topic, const std::string& address) {
        return comes_true([&] { return find(proxy, topic) == address; });
    }

    Loop loop;
};

}  // namespace inout::test
