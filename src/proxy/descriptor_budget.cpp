#include "proxy/descriptor_budget.hpp"

#include <numeric>

namespace inout {

std::size_t DescriptorBudget::total(const Counts& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

DescriptorBudget::Verdict DescriptorBudget::take(Kind kind, const Owner& owner, std::size_t count,
                                                 std::size_t in_use,
                                                 std::unique_ptr<Share>& share) {
    {
        const std::lock_guard lock(mutex_);
        const Verdict verdict = judge(kind, owner, count, in_use);
        if (verdict != Verdict::granted) return verdict;
        // What may throw comes before anything is counted.
        Counts& own = owners_[owner.name];
        share = std::make_unique<Share>(*this, kind, owner, count);
        own[static_cast<std::size_t>(kind)] += count;
        held_[static_cast<std::size_t>(kind)] += count;
        if (owner.anonymous) anonymous_ += count;
    }
    return Verdict::granted;
}

DescriptorBudget::Verdict DescriptorBudget::judge(Kind kind, const Owner& owner, std::size_t count,
                                                  std::size_t in_use) {
    const auto found = owners_.find(owner.name);
    const Counts own = found == owners_.end() ? Counts{} : found->second;
    const std::size_t own_needed = own[static_cast<std::size_t>(Kind::control)] +
                                   own[static_cast<std::size_t>(Kind::stream)] + count;
    if (kind == Kind::spare && own[static_cast<std::size_t>(kind)] >= spare_max_) {
        return Verdict::owner_has_enough;
    }
    if (is_optional(kind) && !has_optional_room(count, in_use)) return Verdict::none_left;
    // What is optional gives way: it does not stand in the way of what is not.
    const std::size_t after = held_[static_cast<std::size_t>(Kind::control)] +
                              held_[static_cast<std::size_t>(Kind::stream)] + count;
    if (after > all_ - all_ / 16) return Verdict::none_left;
    if (after > all_ - all_ / 8 && own_needed > all_ / 16) return Verdict::owner_has_enough;
    if (!owner.anonymous) return Verdict::granted;
    if (anonymous_ + count > all_ / 2) return Verdict::owner_has_enough;
    if (!owner.shared && total(own) + count > all_ / 4) return Verdict::owner_has_enough;
    return Verdict::granted;
}

bool DescriptorBudget::has_spare_room(std::size_t in_use) {
    const std::lock_guard lock(mutex_);
    return has_optional_room(1, in_use);
}

bool DescriptorBudget::has_optional_room(std::size_t count, std::size_t in_use) const {
    const std::size_t optional = held_[static_cast<std::size_t>(Kind::parked)] +
                                 held_[static_cast<std::size_t>(Kind::spare)];
    return optional + count <= optional_max() && !is_tight(in_use);
}

void DescriptorBudget::give_back(Kind kind, const Owner& owner, std::size_t count) {
    const std::lock_guard lock(mutex_);
    held_[static_cast<std::size_t>(kind)] -= count;
    if (owner.anonymous) anonymous_ -= count;
    const auto found = owners_.find(owner.name);
    found->second[static_cast<std::size_t>(kind)] -= count;
    if (total(found->second) == 0) owners_.erase(found);
}

}  // namespace inout
