// Current: the newest of something that is replaced as a whole, such as a configuration. Whoever
// takes it keeps what was current then for as long as it is needed. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace inout {

template <class T>
class Current {
  public:
    explicit Current(std::shared_ptr<T> value = nullptr) : value_(std::move(value)) {}

    std::shared_ptr<T> get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    /// The one before goes when nobody has it any more: not under the lock.
    void set(std::shared_ptr<T> value) noexcept {
        const std::lock_guard lock(mutex_);
        value_.swap(value);
    }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> value_;
};

}  // namespace inout
