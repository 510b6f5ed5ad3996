// Quota: how many of something each name may have at a time, such as streams of a topic or of a
// client.
//
// Thread-safe. Bounded by what it counts: a name without any is forgotten. Outlives its places.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

namespace inout {

class Quota {
  public:
    /// 0: no limit; then nothing is counted.
    explicit Quota(std::size_t limit) : limit_(limit) {}
    /// From now on; who has more keeps them. What was not counted before is not counted now.
    void set_limit(std::size_t limit) { limit_ = limit; }
    Quota(const Quota&) = delete;
    Quota& operator=(const Quota&) = delete;

    /// One place, given back when it is destroyed.
    class Place {
      public:
        Place(Quota& quota, std::string name) : quota_(quota), name_(std::move(name)) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() { quota_.leave(name_); }

      private:
        Quota& quota_;
        const std::string name_;
    };

    /// False: `name` has as many as it may. Otherwise `place` is one more (nothing without a
    /// limit).
    template <class PlacePointer>
    bool take(const std::string& name, PlacePointer& place) {
        const std::size_t limit = limit_;
        if (limit == 0) return true;
        {
            const std::lock_guard lock(mutex_);
            std::size_t& count = counts_[name];
            if (count >= limit) return false;
            ++count;
        }
        std::unique_ptr<Place> made;
        try {
            made = std::make_unique<Place>(*this, name);
        } catch (const std::bad_alloc&) {
            leave(name);
            throw;
        }
        place = std::move(made);
        return true;
    }

  private:
    void leave(const std::string& name) {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(name);
        if (--found->second == 0) counts_.erase(found);
    }

    std::atomic<std::size_t> limit_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> counts_;
};

}  // namespace inout
