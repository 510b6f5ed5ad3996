// Streams whose relays run out of memory at random moments: each ends, and none seems whole that is
// not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <random>

#include "stream.hpp"

namespace {

/// One allocation in so many fails; 0: none does.
thread_local unsigned fails_one_in = 0;
thread_local std::minstd_rand random_failures;

void* allocate(std::size_t size) {
    if (fails_one_in > 0 && random_failures() % fails_one_in == 0) throw std::bad_alloc();
    void* const memory = std::malloc(size > 0 ? size : 1);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// For this whole executable; arrays and sized releases come here as well ([new.delete]).
void* operator new(std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace inout {
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

}  // namespace
}  // namespace inout
