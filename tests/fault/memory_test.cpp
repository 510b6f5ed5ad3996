// Streams whose relays run out of memory at random moments: each ends, and none seems whole that is
// not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>
#include <random>
#include <utility>

#include "../unit/net/memory_wire.hpp"
#include "common/compress/block_reader.hpp"
#include "common/compress/block_writer.hpp"
#include "common/net/dial.hpp"
#include "common/net/websocket_layer.hpp"
#include "stream.hpp"

namespace {

/// One allocation in so many fails; 0: none does.
thread_local unsigned fails_one_in = 0;
thread_local std::minstd_rand random_failures;
/// The allocation after so many fails, and no other; 0: none does.
thread_local unsigned fails_in = 0;
thread_local std::size_t allocations = 0;

void* allocate(std::size_t size) {
    ++allocations;
    if (fails_one_in > 0 && random_failures() % fails_one_in == 0) throw std::bad_alloc();
    if (fails_in > 0 && --fails_in == 0) throw std::bad_alloc();
    void* const memory = std::malloc(size > 0 ? size : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// For this whole executable; arrays and sized releases come here as well ([new.delete]).
void* operator new(std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace inout::memory_test {
namespace {

class Scarcity {
  public:
    explicit Scarcity(unsigned one_in) { fails_one_in = one_in; }
    Scarcity(const Scarcity&) = delete;
    Scarcity& operator=(const Scarcity&) = delete;
    ~Scarcity() { fails_one_in = 0; }
};

class MemoryTest : public StreamTest, public testing::WithParamInterface<unsigned> {
  protected:
    /// As run_to_the_end(), with little memory for the relays and none too little for the test.
    bool run_scarcely(unsigned one_in) {
        return until(
            [&] {
                return all_over() && std::all_of(streams.begin(), streams.end(),
                                                 [](const auto& s) { return s->ended(); });
            },
            [&] {
                bool moved = false;
                for (const auto& stream : streams) moved = stream->turn() || moved;
                context.restart();
                std::size_t handled = 0;
                try {
                    const Scarcity scarcity(one_in);
                    handled = context.poll();
                } catch (const std::bad_alloc&) {
                    ++handled;  // a timer of a set: the worker goes on as well
                }
                if (handled == 0 && !moved) context.run_one_for(Milliseconds{1});
            });
    }
};

TEST_P(MemoryTest, a_stream_without_memory_is_reset_and_no_end_is_false) {
    unsigned resets = 0, whole = 0;
    for (unsigned seed = 1; seed <= 60 && !HasFailure(); ++seed) {
        clear();
        random_failures.seed(seed);
        const Path path = kPaths[seed % std::size(kPaths)];
        const std::size_t up = seed * 7'919 % 200'000, down = seed * 104'729 % 200'000;
        Stream& stream = prepare(path, {.short_count = 0.3, .would_block = 0.3}, seed);
        stream.will_carry(up, down);
        stream.start();
        ASSERT_TRUE(run_scarcely(GetParam())) << "seed " << seed;
        EXPECT_FALSE(stream.client.corrupt || stream.service.corrupt) << "seed " << seed;
        EXPECT_EQ(stream.kept.use_count(), 1) << "seed " << seed;
        EXPECT_EQ(stream.ends, stream.sets.size()) << "seed " << seed;
        if (stream.client.end == End::fin) {
            EXPECT_EQ(stream.client.received, down) << "seed " << seed;
        }
        if (stream.service.end == End::fin) {
            EXPECT_EQ(stream.service.received, up) << "seed " << seed;
        }
        (stream.client.end == End::fin && stream.service.end == End::fin ? whole : resets) += 1;
    }
    EXPECT_GT(resets, 0U);
    EXPECT_GT(whole, 0U);
}

INSTANTIATE_TEST_SUITE_P(, MemoryTest, testing::Values(400U, 30U));

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// A dial in which one allocation fails, and whether it was reached.
bool dial_fails_at(unsigned allocation, std::uint16_t port) {
    asio::io_context context;
    bool ended = false;
    const auto task = [](Executor executor, std::uint16_t to, bool* flag) -> Task<> {
        struct AtEnd {
            bool* flag;
            ~AtEnd() { *flag = true; }
        } const at_end{flag};
        const HostPort target{"127.0.0.1", to};
        const auto dialled =
            co_await dial(executor, target, DialOrder::racing, Milliseconds{20'000});
    };
    fails_in = allocation;
    try {
        asio::co_spawn(context, task(context.get_executor(), port, &ended),
                       [](const std::exception_ptr&) {});
    } catch (const std::bad_alloc&) {
        ended = true;
    }
    const bool over = until([&] { return ended; },
                            [&] {
                                context.restart();
                                try {
                                    context.run_one_for(Milliseconds{1});
                                } catch (const std::bad_alloc&) {
                                }
                            });
    EXPECT_TRUE(over) << "allocation " << allocation;
    return std::exchange(fails_in, 0) == 0;
}

TEST(DialMemory, a_dial_that_runs_out_of_memory_anywhere_leaves_no_descriptor) {
    const LoopbackListener listener;
    ASSERT_FALSE(dial_fails_at(1'000'000, listener.port()));
    const std::size_t descriptors = open_descriptors();
    const auto sockets = counters().sockets.load();
    unsigned allocation = 1;
    while (dial_fails_at(allocation, listener.port())) {
        ASSERT_EQ(open_descriptors(), descriptors) << "allocation " << allocation;
        ASSERT_EQ(counters().sockets.load(), sockets) << "allocation " << allocation;
        ASSERT_LT(++allocation, 100U);
    }
    EXPECT_GT(allocation, 3U);
}

// --- layers ---

TEST(LayerMemory, blocks_that_come_need_none_of_their_own_while_they_are_read_at_once) {
    BlockWriter writer;
    std::vector<char> block(kBlockBytesMax), content(kBlockContentMax);
    BlockReader reader;
    std::string got;
    const auto come = [&] {
        const std::string_view made = writer.make(std::string_view(block.data(), 9'000), block);
        const auto room = reader.room();
        std::copy(made.begin(), made.end(), room.begin());
        reader.filled(made.size());
        return reader.read(content);
    };
    EXPECT_EQ(come(), 9'000U);
    const std::size_t before = allocations;
    for (int wake_up = 0; wake_up < 100; ++wake_up) {
        EXPECT_EQ(come(), 9'000U);
        reader.room();
        reader.filled(0);  // there was nothing more
    }
    EXPECT_EQ(allocations, before);
}

TEST(LayerMemory, whether_a_websocket_is_quiet_can_be_asked_without_any) {
    MemoryEnd here, there;
    here.connect(there);
    WebSocketLayer layer(here, WebSocketRole::client);
    here.arrived = std::string("\x82\x7d", 2) + std::string(125, 'x');
    fails_in = 1;
    EXPECT_FALSE(layer.is_quiet());
    EXPECT_EQ(std::exchange(fails_in, 0), 0U);  // it was asked for
    EXPECT_FALSE(layer.is_quiet());
    std::array<char, 200> into;
    EXPECT_EQ(layer.read(into), -1);  // what came is lost, and it says so
    EXPECT_EQ(errno, ENOMEM);
}

}  // namespace
}  // namespace inout::memory_test
