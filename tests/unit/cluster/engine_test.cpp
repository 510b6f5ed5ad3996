// Engines with a real server of NATS between them, which is killed, frozen, and lied to.
#include "common/cluster/engine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "common/config/cluster_options.hpp"
#include "nats_process.hpp"

namespace inout::cluster::engine_test {
namespace {

using namespace std::chrono_literals;
using test::NatsProcess;

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

Task<std::string> look_up(Engine& engine, Executor executor, std::string topic,
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

class EngineWithNats : public testing::Test {
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

TEST_F(EngineWithNats, find_each_others_topics_and_patterns) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()}), c("c", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b) && is_up(c));
    b.has("ssh");
    c.has("db.#", true);
    EXPECT_TRUE(finds(a, "ssh", b.address));
    EXPECT_TRUE(finds(c, "ssh", b.address));
    EXPECT_TRUE(finds(a, "db", c.address));
    EXPECT_TRUE(finds(a, "db.x.y", c.address));
    EXPECT_EQ(find(a, "nobody's"), "no_topic");
    b.has("db.x.y");
    EXPECT_TRUE(finds(a, "db.x.y", b.address)) << "an exact one wins, though another was cached";
    const auto facts = a.engine->facts();
    EXPECT_TRUE(facts.is_up);
    EXPECT_EQ(facts.server, nats.url());
    EXPECT_GE(facts.found, 5U);
    EXPECT_GE(facts.absent, 1U);
    EXPECT_GE(facts.lookups, 4U);
    EXPECT_EQ(facts.searches, 0U);
}

TEST_F(EngineWithNats, know_where_a_proxy_is_by_its_id) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b));
    const auto ask = [&](const std::string& id) {
        return loop
            .run(a.engine->address_of(loop.executor(), id, Clock::now() + std::chrono::seconds(20)))
            .get();
    };
    EXPECT_EQ(ask("b"), b.address);
    EXPECT_EQ(ask("b"), b.address) << "from what is remembered";
    EXPECT_EQ(ask("nobody"), std::nullopt);
    EXPECT_EQ(ask("not.a*name"), std::nullopt);
    b.engine->stop();
    EXPECT_EQ(loop.run(b.engine->address_of(loop.executor(), "a", Clock::now() + 20s)).get(),
              std::nullopt);
}

TEST_F(EngineWithNats, live_without_it_and_are_back_when_it_is) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b));
    b.has("old");
    ASSERT_TRUE(finds(a, "old", b.address));
    nats.kill();
    ASSERT_TRUE(comes_true([&] { return !a.engine->is_up() && !b.engine->is_up(); }));
    EXPECT_EQ(find(a, "old"), b.address) << "what was known is tried";
    EXPECT_EQ(find(a, "new"), "no_directory");
    b.has("new");
    b.has_no_more("old");
    nats.start();
    ASSERT_TRUE(is_up(a) && is_up(b));
    EXPECT_TRUE(finds(a, "new", b.address));
    EXPECT_GE(a.engine->facts().cut_off, 1U);
}

TEST_F(EngineWithNats, go_to_another_server_if_theirs_is_frozen) {
    NatsProcess good, frozen;
    Proxy a("a", {frozen.url(), good.url()}), b("b", {good.url()});
    b.has("t");
    ASSERT_TRUE(is_up(a));
    frozen.kill(SIGSTOP);
    EXPECT_TRUE(comes_true([&] { return a.engine->facts().server == good.url(); }));
    EXPECT_TRUE(finds(a, "t", b.address));
}

TEST_F(EngineWithNats, wait_for_nobody_under_a_lock) {
    // It accepts, as the kernel does for it, and never reads nor writes.
    asio::io_context context;
    asio::ip::tcp::acceptor silent(context, {asio::ip::address_v4::loopback(), 0});
    Proxy a("a", {"nats://127.0.0.1:" + std::to_string(silent.local_endpoint().port())});
    const auto begin = Clock::now();
    for (int i = 0; i < 10'000; ++i) a.has("topic." + std::to_string(i));
    EXPECT_EQ(find(a, "elsewhere"), "no_directory");
    for (int i = 0; i < 10'000; ++i) a.has_no_more("topic." + std::to_string(i));
    // A thousandth of what waiting for each would take; and whoever is slow is not blamed.
    EXPECT_LT(Clock::now() - begin, 60s);
}

std::size_t threads() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST_F(EngineWithNats, need_no_thread_for_a_subscription) {
    NatsProcess nats;
    Proxy a("a", {nats.url()}), b("b", {nats.url()});
    ASSERT_TRUE(is_up(a) && is_up(b));
    const std::size_t before = threads();
    for (int i = 0; i < 10'000; ++i) b.has("many." + std::to_string(i));
    EXPECT_TRUE(finds(a, "many.9999", b.address));
    EXPECT_TRUE(finds(a, "many.0", b.address));
    EXPECT_LE(threads(), before + 4);
    EXPECT_GE(b.engine->facts().subscriptions, 10'000U);
    nats.kill();
    ASSERT_TRUE(comes_true([&] { return !b.engine->is_up(); }));
    nats.start();
    ASSERT_TRUE(is_up(b) && is_up(a));
    EXPECT_TRUE(finds(a, "many.5000", b.address)) << "all are subscribed anew";
}

TEST_F(EngineWithNats, end_a_search_that_nobody_wants) {
    NatsProcess nats;
    Proxy a("a", {nats.url()});
    ASSERT_TRUE(is_up(a));
    nats.kill(SIGSTOP);
    std::optional<Search> search;
    const auto next = [](std::optional<Search>& its, Engine& engine,
                         Executor executor) -> Task<NoRoute> {
        its.emplace(engine, executor, "t", Clock::now() + std::chrono::seconds(60));
        const auto route = co_await its->next();
        co_return route.error();
    };
    auto ended = loop.run(next(search, *a.engine, loop.executor()));
    asio::post(loop.executor(), [&] { search->give_up(); });
    EXPECT_EQ(ended.get(), NoRoute::left);
    auto stopped = loop.run(look_up(*a.engine, loop.executor(), "t", 60s));
    a.engine->stop();
    EXPECT_EQ(stopped.get(), "left");
    EXPECT_EQ(find(a, "t"), "left");
    std::promise<void> done;
    asio::post(loop.executor(), [&] {
        search.reset();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace
}  // namespace inout::cluster::engine_test
