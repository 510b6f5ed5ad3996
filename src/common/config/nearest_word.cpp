#include "common/config/nearest_word.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace inout {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How many single-letter typing errors lie between two words: letters left out, added, replaced or
/// swapped with the next (optimal string alignment). Case does not count.
std::size_t typing_errors(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto same = [&](std::size_t x, std::size_t y) {
                return lower(a[x - 1]) == lower(b[y - 1]);
            };
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(i, j) ? 0 : 1)});
            if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        before_last = std::exchange(last, row);
    }
    return last[b.size()];
}

}  // namespace

bool same_but_for_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> nearest_word(std::string_view word,
                                             std::span<const std::string_view> known) {
    std::optional<std::string_view> best;
    std::size_t best_errors = 0;
    for (const auto candidate : known) {
        const std::size_t allowed = std::max<std::size_t>(1, candidate.size() / 3);
        if (word.size() > candidate.size() + allowed) continue;  // keeps huge words cheap
        const std::size_t errors = typing_errors(word, candidate);
        if (errors <= allowed && (!best || errors < best_errors)) {
            best = candidate;
            best_errors = errors;
        }
    }
    return best;
}

}  // namespace inout
