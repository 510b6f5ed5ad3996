// The topic registry with 10 to 100,000 topics: the cost of a call must not depend on how many
// there are. All ask for the same number of different topics, because what grows otherwise is the
// cost of the processor's caches; registry_holder_cold asks for all in disorder and shows that.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "common/rules/topic_registry.hpp"

namespace inout {
namespace {

constexpr std::size_t kAsked = 1'000;

/// A full registry and the topics that are asked for, in disorder.
struct Registry {
    explicit Registry(std::int64_t count, std::size_t asked = kAsked) {
        for (std::int64_t i = 0; i < count; ++i) {
            topics.push_back("site-" + std::to_string(i) + "/mysql");
            topic_registry.add({topics.back()}, {.id = static_cast<RegistrationId>(i)});
        }
        std::shuffle(topics.begin(), topics.end(), std::mt19937());
        topics.resize(std::min(topics.size(), asked));
    }

    const std::string& next() { return topics[at_++ % topics.size()]; }

    TopicRegistry topic_registry;
    std::vector<std::string> topics;

  private:
    std::size_t at_ = 0;
};

void ask(benchmark::State& state, Registry& registry) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(registry.topic_registry.line_for(registry.next()));
    }
    state.SetComplexityN(state.range(0));
}

void registry_holder(benchmark::State& state) {
    Registry registry(state.range(0));
    ask(state, registry);
}

void registry_holder_cold(benchmark::State& state) {
    Registry registry(state.range(0), kTopicsMax);
    ask(state, registry);
}

void registry_unknown_topic(benchmark::State& state) {
    Registry registry(state.range(0));
    for (std::string& topic : registry.topics) topic += '?';
    ask(state, registry);
}

/// A thousand patterns beside the topics: of a site each, of a table in all sites, of all of a
/// kind.
void registry_pattern(benchmark::State& state, bool exact) {
    Registry registry(state.range(0));
    for (RegistrationId i = 0; i < 400; ++i) {
        const std::string number = std::to_string(i);
        for (const std::string& pattern :
             {"net-" + number + ".*.db.#", "*.host-" + number + ".db.*"}) {
            registry.topic_registry.add({pattern, true}, {.id = kTopicsMax + i});
        }
        if (i % 2 == 0) {
            registry.topic_registry.add({"#.table-" + number, true}, {.id = kTopicsMax + i});
        }
    }
    if (!exact) {
        std::size_t i = 0;
        for (std::string& topic : registry.topics) {
            const std::string number = std::to_string(i++ % 400);
            topic = "net-";
            topic.append(number).append(".host-").append(number);
            topic.append(".db.table-").append(number);
        }
    }
    ask(state, registry);
}
void registry_beside_patterns(benchmark::State& state) { registry_pattern(state, true); }
void registry_by_pattern(benchmark::State& state) { registry_pattern(state, false); }

/// An out comes and goes with a topic of its own.
void registry_add_remove(benchmark::State& state) {
    Registry registry(state.range(0) - 1);
    const std::string topic = "one/more";
    RegistrationId id = kTopicsMax;
    for (auto _ : state) {
        benchmark::DoNotOptimize(registry.topic_registry.add({topic}, {.id = ++id}));
        benchmark::DoNotOptimize(registry.topic_registry.remove({topic}, id));
    }
    state.SetComplexityN(state.range(0));
}

/// A second out takes a topic from its holder and gives it back.
void registry_takeover(benchmark::State& state) {
    Registry registry(state.range(0));
    RegistrationId id = kTopicsMax;
    for (auto _ : state) {
        const std::string& topic = registry.next();
        benchmark::DoNotOptimize(registry.topic_registry.add({topic}, {.id = ++id}));
        benchmark::DoNotOptimize(registry.topic_registry.remove({topic}, id));
    }
    state.SetComplexityN(state.range(0));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->RangeMultiplier(10)->Range(10, kTopicsMax)->Complexity(benchmark::o1);
}
BENCHMARK(registry_holder)->Apply(sizes);
BENCHMARK(registry_holder_cold)->Apply(sizes);
BENCHMARK(registry_unknown_topic)->Apply(sizes);
BENCHMARK(registry_beside_patterns)->Apply(sizes);
BENCHMARK(registry_by_pattern)->Apply(sizes);
BENCHMARK(registry_add_remove)->Apply(sizes);
BENCHMARK(registry_takeover)->Apply(sizes);

}  // namespace
}  // namespace inout
