#include "common/rules/pattern_order.hpp"

#include <cstddef>

#include "common/rules/pattern_table.hpp"

namespace inout {
namespace {

enum class Rank { literal, star, end, hash };

Rank rank_of(const TopicWords& words, std::size_t at) {
    if (at == words.count()) return Rank::end;
    if (words[at] == "*") return Rank::star;
    return words[at] == "#" ? Rank::hash : Rank::literal;
}

}  // namespace

bool is_more_specific(std::string_view pattern, std::string_view other) {
    const TopicWords words(pattern), others(other);
    for (std::size_t at = 0;; ++at) {
        const Rank rank = rank_of(words, at), other_rank = rank_of(others, at);
        if (rank != other_rank) return rank < other_rank;
        if (rank == Rank::end) return false;
        // Behind it they stand one below the other only if they are as many.
        if (rank == Rank::hash && words.count() != others.count()) {
            return words.count() > others.count();
        }
    }
}

}  // namespace inout
