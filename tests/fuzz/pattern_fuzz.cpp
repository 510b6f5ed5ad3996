// A pattern, a line feed and a topic: what parses keeps the rules, and matching says what a naive
// matcher says and allocates nothing. A cost that is not linear ends in libFuzzer's -timeout.
#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../unit/naive_pattern.hpp"
#include "common/rules/topic.hpp"
#include "common/rules/topic_pattern.hpp"
#include "demand.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    demand(__sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {}));
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    const auto input = text_of(data, size);
    const auto text = input.substr(0, input.find('\n'));
    const auto topic = input.substr(std::min(text.size() + 1, input.size()));

    const auto pattern = TopicPattern::parse(text);
    demand(static_cast<bool>(pattern) == (!check_topic(text) && naive::is_pattern(text)));
    if (!pattern) return 0;
    demand(pattern->text() == text);
    const std::size_t allocations_before = allocations;
    const bool matched = pattern->matches(topic);
    demand(allocations == allocations_before);
    demand(matched == naive::matches(naive::words_of(text), naive::words_of(topic)));
    return 0;
}
