#include "proxy/descriptor_budget.hpp"

namespace inout::proxy {

std::size_t DescriptorBudget::needed(const Counts& counts) {
    return counts[static_cast<std::size_t>(Kind::control)] +
           counts[static_cast<std::size_t>(Kind::stream)];
}

std::size_t DescriptorBudget::optional(const Counts& counts) {
    return counts[static_cast<std::size_t>(Kind::parked)] +
           counts[static_cast<std::size_t>(Kind::spare)];
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
        if (owner.anonymous) anonymous_[static_cast<std::size_t>(kind)] += count;
        if (owner.peer) peers_[static_cast<std::size_t>(kind)] += count;
    }
    return Verdict::granted;
}

DescriptorBudget::Verdict DescriptorBudget::judge(Kind kind, const Owner& owner, std::size_t count,
                                                  std::size_t in_use) const {
    const auto found = owners_.find(owner.name);
    const Counts own = found == owners_.end() ? Counts{} : found->second;
    if (kind == Kind::spare && own[static_cast<std::size_t>(kind)] >= spare_max_) {
        return Verdict::owner_has_enough;
    }
    if (is_optional(kind)) {
        if (optional(held_) + count > optional_max()) return Verdict::none_left;
        // Well below is_tight(), or what has just given way would come back at once.
        if (in_use + count > all_but(4)) return Verdict::none_left;
    }
    // What is optional gives way: it does not stand in the way of what is not.
    const std::size_t after = needed(held_) + count;
    if (after > all_but(16)) return Verdict::none_left;
    if (after > all_but(8) && needed(own) + count > all_ / 16) {
        return Verdict::owner_has_enough;
    }
    const auto held_against = is_optional(kind) ? total : needed;
    if (owner.peer && held_against(peers_) + count > all_ / 2) return Verdict::owner_has_enough;
    if (!owner.anonymous) return Verdict::granted;
    if (held_against(anonymous_) + count > all_ / 2) return Verdict::owner_has_enough;
    if (!owner.shared && held_against(own) + count > all_ / 4) return Verdict::owner_has_enough;
    return Verdict::granted;
}

bool DescriptorBudget::has_room(Kind kind, const Owner& owner, std::size_t in_use) {
    const std::lock_guard lock(mutex_);
    return judge(kind, owner, 1, in_use) == Verdict::granted;
}

void DescriptorBudget::give_back(Kind kind, const Owner& owner, std::size_t count) {
    const std::lock_guard lock(mutex_);
    held_[static_cast<std::size_t>(kind)] -= count;
    if (owner.anonymous) anonymous_[static_cast<std::size_t>(kind)] -= count;
    if (owner.peer) peers_[static_cast<std::size_t>(kind)] -= count;
    const auto found = owners_.find(owner.name);
    found->second[static_cast<std::size_t>(kind)] -= count;
    if (total(found->second) == 0) owners_.erase(found);
}

}  // namespace inout::proxy
