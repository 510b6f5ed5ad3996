// What was probably meant by a word that is not known: for keys, flags and names of choices.
//
// Pure; any thread. The words live as long as their owner, the answer refers to one of them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace inout {

/// ASCII letters only, as no key of ours has others.
bool same_but_for_case(std::string_view a, std::string_view b);

/// The nearest one, with at most every third letter wrong (left out, added, replaced, or swapped
/// with the next). Case does not count.
std::optional<std::string_view> nearest_word(std::string_view word,
                                             std::span<const std::string_view> known);

}  // namespace inout
