// Budget: one supply, here of descriptors, shared by owners who do not trust one another.
//
// Half of it belongs to the owners in equal parts, whatever the others do; the other half is for
// whoever needs more. So one owner alone may use nearly all, and can take nobody's part. Pure but
// for its lock; any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace inout {

class Budget {
  public:
    /// What one owner has taken, given back when it goes. Movable; an empty one has nothing.
    class Places {
      public:
        Places() = default;
        Places(Places&& other) noexcept { swap(other); }
        Places& operator=(Places&& other) noexcept {
            Places(static_cast<Places&&>(other)).swap(*this);
            return *this;
        }
        ~Places();

        std::size_t count() const { return count_; }
        /// Gives back what is more than `count`.
        void reduce_to(std::size_t count);

      private:
        friend class Budget;
        Places(Budget& budget, std::size_t owner, std::size_t count)
            : budget_(&budget), owner_(owner), count_(count) {}
        void swap(Places& other) noexcept;

        Budget* budget_ = nullptr;
        std::size_t owner_ = 0, count_ = 0;
    };

    /// `owners` are there already, numbered from 0.
    Budget(std::size_t total, std::size_t owners);

    /// From now on; who has more than that keeps it.
    void resize(std::size_t total);
    /// One more owner, and its number: perhaps that of one who has left, and has nothing any more.
    std::size_t join();
    /// What it still has stays counted, but it has no part of its own.
    void leave(std::size_t owner);

    /// Adds `count` to what `places` has, which is nothing or this owner's. False: there is no
    /// room, and nothing was taken.
    bool take(std::size_t owner, std::size_t count, Places& places);
    std::size_t used(std::size_t owner) const;
    /// What one owner can have at most.
    std::size_t most() const;

  private:
    struct Owner {
        std::size_t used = 0;
        bool left = false;
    };
    std::size_t beyond_own(const Owner& owner) const;
    void share_out();
    void give_back(std::size_t owner, std::size_t count);

    mutable std::mutex mutex_;
    std::size_t total_;
    std::vector<Owner> owners_;
    std::size_t own_ = 0, shared_ = 0, shared_used_ = 0;
};

}  // namespace inout
