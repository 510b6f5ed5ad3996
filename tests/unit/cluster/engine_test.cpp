// Engines with a real server of NATS between them, which is killed and frozen.
#include <filesystem>
#include <iterator>
#include <optional>

#include "engine_with_nats.hpp"

namespace inout::cluster::engine_test {
namespace {

using namespace std::chrono_literals;
using test::look_up;
using test::NatsProcess;
using test::Proxy;
using EngineWithNats = test::EngineFixture;

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
    EXPECT_GE(facts.found, 4U);
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
    NatsProcess one, two;
    Proxy a("a", {one.url(), two.url()});
    ASSERT_TRUE(is_up(a));
    NatsProcess& frozen = a.engine->facts().server == one.url() ? one : two;
    NatsProcess& good = &frozen == &one ? two : one;
    Proxy b("b", {good.url()});
    b.has("t");
    ASSERT_TRUE(is_up(b));
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
