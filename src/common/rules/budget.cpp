#include "common/rules/budget.hpp"

#include <algorithm>
#include <utility>

namespace inout {

Budget::Budget(std::size_t total, std::size_t owners)
    : own_(total / 2 / std::max<std::size_t>(1, owners)),
      shared_(total - own_ * owners),
      used_(owners) {}

bool Budget::take(std::size_t owner, std::size_t count, Places& places) {
    const std::lock_guard lock(mutex_);
    const std::size_t used = used_[owner] + count;
    const std::size_t shared_used = shared_used_ - beyond_own(used_[owner]) + beyond_own(used);
    if (shared_used > shared_) return false;
    used_[owner] = used;
    shared_used_ = shared_used;
    if (places.count_ == 0) {
        places = Places(*this, owner, count);
    } else {
        places.count_ += count;
    }
    return true;
}

std::size_t Budget::used(std::size_t owner) const {
    const std::lock_guard lock(mutex_);
    return used_[owner];
}

Budget::Places::~Places() { reduce_to(0); }

void Budget::Places::reduce_to(std::size_t count) {
    if (count_ <= count) return;
    const std::lock_guard lock(budget_->mutex_);
    std::size_t& used = budget_->used_[owner_];
    budget_->shared_used_ -= budget_->beyond_own(used);
    used -= count_ - count;
    budget_->shared_used_ += budget_->beyond_own(used);
    count_ = count;
}

void Budget::Places::swap(Places& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(owner_, other.owner_);
    std::swap(count_, other.count_);
}

}  // namespace inout
