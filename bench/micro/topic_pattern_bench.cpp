// Matching a topic pattern: the cost must be linear in the bytes of topic and pattern, above all
// where a matcher that tries places for `#` would not be. Topics are longer here than check_topic
// allows, so that a line can be told from a curve.
#include <benchmark/benchmark.h>

#include <string>

#include "common/rules/topic_pattern.hpp"

namespace inout {
namespace {

/// `count` times "a.", which fits everywhere and so decides nothing.
std::string repeated(std::int64_t count) {
    std::string text;
    for (; count > 0; --count) text += "a.";
    return text;
}

void match(benchmark::State& state, const std::string& pattern_text, const std::string& topic,
           bool wanted) {
    const auto pattern = TopicPattern::parse(pattern_text);
    if (!pattern || pattern->matches(topic) != wanted) {
        state.SkipWithError("not the case that was to be measured");
        return;
    }
    for (auto _ : state) {
        const bool matched = pattern->matches(topic);
        benchmark::DoNotOptimize(matched);
    }
    const auto bytes = static_cast<std::int64_t>(pattern_text.size() + topic.size());
    state.SetComplexityN(bytes);
    state.SetBytesProcessed(state.iterations() * bytes);
}

/// 32 words with `#` in the middle; all fits but the topic's last word.
void pattern_topic_hash_in_middle(benchmark::State& state) {
    match(state, repeated(15) + "#." + repeated(15) + "b", repeated(state.range(0)) + "a", false);
}

void pattern_topic_hash_first(benchmark::State& state) {
    match(state, "#." + repeated(30) + "b", repeated(state.range(0)) + "a", false);
}

void pattern_topic_hash_last(benchmark::State& state) {
    match(state, repeated(31) + "#", repeated(state.range(0)) + "a", true);
}

/// Nothing but dots: the most words that a topic can have.
void pattern_topic_empty_words(benchmark::State& state) {
    const auto words = static_cast<std::size_t>(state.range(0));
    match(state, "*.#.*.a", std::string(2 * words, '.'), false);
}

void topic_words(benchmark::internal::Benchmark* benchmark) {
    benchmark->RangeMultiplier(4)->Range(32, 32'768)->Complexity(benchmark::oN);
}
BENCHMARK(pattern_topic_hash_in_middle)->Apply(topic_words);
BENCHMARK(pattern_topic_hash_first)->Apply(topic_words);
BENCHMARK(pattern_topic_hash_last)->Apply(topic_words);
BENCHMARK(pattern_topic_empty_words)->Apply(topic_words);

/// Pattern and topic grow together, half of the pattern on each side of `#`.
void pattern_both_hash_in_middle(benchmark::State& state) {
    const auto half = state.range(0) / 2;
    match(state, repeated(half - 1) + "#." + repeated(half - 1) + "b",
          repeated(4 * state.range(0)) + "a", false);
}

/// No `#`: a topic of the pattern's words, each of which must be compared.
void pattern_both_literal(benchmark::State& state) {
    const std::string text = repeated(state.range(0) - 1) + "a";
    match(state, text, text, true);
}

void pattern_words(benchmark::internal::Benchmark* benchmark) {
    benchmark->RangeMultiplier(2)->Range(2, 32)->Complexity(benchmark::oN);
}
BENCHMARK(pattern_both_hash_in_middle)->Apply(pattern_words);
BENCHMARK(pattern_both_literal)->Apply(pattern_words);

}  // namespace
}  // namespace inout
