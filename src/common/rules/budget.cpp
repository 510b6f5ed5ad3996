#include "common/rules/budget.hpp"

#include <algorithm>
#include <utility>

namespace inout {

Budget::Budget(std::size_t total, std::size_t owners) : total_(total), owners_(owners) {
    share_out();
}

void Budget::resize(std::size_t total) {
    const std::lock_guard lock(mutex_);
    total_ = total;
    share_out();
}

std::size_t Budget::join() {
    const std::lock_guard lock(mutex_);
    auto free = std::find_if(owners_.begin(), owners_.end(),
                             [](const Owner& owner) { return owner.left && owner.used == 0; });
    if (free == owners_.end()) free = owners_.emplace(owners_.end());
    *free = {};
    share_out();
    return static_cast<std::size_t>(free - owners_.begin());
}

void Budget::leave(std::size_t owner) {
    const std::lock_guard lock(mutex_);
    owners_[owner].left = true;
    share_out();
}

void Budget::share_out() {
    const auto count = static_cast<std::size_t>(std::count_if(
        owners_.begin(), owners_.end(), [](const Owner& owner) { return !owner.left; }));
    own_ = total_ / 2 / std::max<std::size_t>(1, count);
    shared_ = total_ - own_ * count;
    shared_used_ = 0;
    for (const Owner& owner : owners_) shared_used_ += beyond_own(owner);
}

std::size_t Budget::beyond_own(const Owner& owner) const {
    const std::size_t own = owner.left ? 0 : own_;
    return owner.used > own ? owner.used - own : 0;
}

bool Budget::take(std::size_t owner, std::size_t count, Places& places) {
    const std::lock_guard lock(mutex_);
    Owner& taker = owners_[owner];
    const std::size_t before = beyond_own(taker);
    taker.used += count;
    const std::size_t more = beyond_own(taker) - before;
    // Its own part it may have, though others may have more than there is since a resize().
    if (more > 0 && shared_used_ + more > shared_) {
        taker.used -= count;
        return false;
    }
    shared_used_ += more;
    if (places.count_ == 0) {
        places = Places(*this, owner, count);
    } else {
        places.count_ += count;
    }
    return true;
}

std::size_t Budget::used(std::size_t owner) const {
    const std::lock_guard lock(mutex_);
    return owners_[owner].used;
}

std::size_t Budget::most() const {
    const std::lock_guard lock(mutex_);
    return own_ + shared_;
}

void Budget::give_back(std::size_t owner, std::size_t count) {
    const std::lock_guard lock(mutex_);
    shared_used_ -= beyond_own(owners_[owner]);
    owners_[owner].used -= count;
    shared_used_ += beyond_own(owners_[owner]);
}

Budget::Places::~Places() { reduce_to(0); }

void Budget::Places::reduce_to(std::size_t count) {
    if (count_ <= count) return;
    budget_->give_back(owner_, count_ - count);
    count_ = count;
}

void Budget::Places::swap(Places& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(owner_, other.owner_);
    std::swap(count_, other.count_);
}

}  // namespace inout
