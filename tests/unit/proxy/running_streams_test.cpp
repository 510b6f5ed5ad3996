// Who ends some of the streams that run.
#include "proxy/running_streams.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace inout::proxy::running_streams_test {
namespace {

constexpr std::size_t kCrowd = 3'000;

StandingPtr standing_of(const std::string& id) {
    return std::make_shared<const Standing>(
        Standing{.identity = {Identity::Kind::key, id}, .ground = nullptr});
}

/// A worker with streams that are still being opened, so that nothing but the record is needed.
struct Worker {
    asio::io_context context;
    RelaySet relays{context, {}};
    std::deque<StreamEntry> entries;
    std::deque<RunningStreams::Stream> streams;

    void add(RunningStreams& running, const StandingPtr& standing) {
        entries.emplace_back(relays.streams(), "1f", "web", "192.0.2.1:5", Endpoint());
        streams.emplace_back(running, relays, entries.back().record(), standing, nullptr);
    }
    std::size_t told() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            entries, [](const StreamEntry& entry) { return entry->told != nullptr; }));
    }
};

TEST(RunningStreams, a_crowd_of_one_key_is_reset_a_few_in_a_turn_of_each_worker) {
    RunningStreams running;
    Worker workers[2];
    const StandingPtr site = standing_of("site"), neighbour = standing_of("neighbour");
    for (std::size_t i = 0; i < kCrowd; ++i) workers[i % 2].add(running, site);
    for (Worker& worker : workers) worker.add(running, neighbour);

    const auto is_sites = [&](const RunningStreams::Stream& stream) {
        return stream.concerns(site->identity);
    };
    EXPECT_EQ(running.reset_if(is_sites, {.cause = StreamEnd::Cause::quota, .words = "used up"}),
              kCrowd);
    for (Worker& worker : workers) {
        EXPECT_EQ(worker.told(), 0U) << "not on the thread of whoever asks";
        for (std::size_t told = 0; told < kCrowd / 2;) {
            bool had_its_turn = false;
            asio::post(worker.context, [&] { had_its_turn = true; });
            while (!had_its_turn) ASSERT_EQ(worker.context.poll_one(), 1U);
            const std::size_t now = worker.told();
            ASSERT_GT(now, told);
            ASSERT_LE(now - told, kResetsAtOnce) << "others wait for them";
            told = now;
        }
        worker.context.poll();
        EXPECT_EQ(worker.told(), kCrowd / 2);
        EXPECT_EQ(worker.entries.front()->told->words, "used up");
        EXPECT_EQ(worker.entries.back()->told, nullptr) << "the neighbour's";
    }
}

TEST(RunningStreams, whoever_has_left_is_reset_no_more) {
    RunningStreams running;
    Worker worker;
    const StandingPtr site = standing_of("site");
    worker.add(running, site);
    worker.add(running, site);
    worker.streams.pop_front();
    const auto all = [](const RunningStreams::Stream&) { return true; };
    EXPECT_EQ(running.reset_if(all, {.cause = StreamEnd::Cause::quota}), 1U);
    worker.context.poll();
    EXPECT_EQ(worker.told(), 1U);
}

}  // namespace
}  // namespace inout::proxy::running_streams_test
