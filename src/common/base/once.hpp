// Once: a function that is called at most once. Held in place, so that it needs no memory; may own
// what can only be moved. Whoever holds it calls it, on any one thread.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace inout {

template <class Signature>
class Once;

template <class... Args>
class Once<void(Args...)> {
  public:
    static constexpr std::size_t kBytes = 64;  ///< of what it may hold

    Once() = default;
    template <class F>
    requires(!std::is_same_v<F, Once>)
        Once(F f) {  // NOLINT(google-explicit-constructor): as a function is taken
        // NOLINTNEXTLINE(misc-redundant-expression): some fill it
        static_assert(sizeof(F) <= kBytes);
        static_assert(alignof(F) <= alignof(std::max_align_t));
        static_assert(std::is_nothrow_move_constructible_v<F>);
        ::new (static_cast<void*>(bytes_)) F(std::move(f));
        kind_ = &kKind<F>;
    }
    Once(Once&& other) noexcept : kind_(std::exchange(other.kind_, nullptr)) {
        if (kind_ != nullptr) kind_->move(other.bytes_, bytes_);
    }
    Once& operator=(Once&&) = delete;
    ~Once() {
        if (kind_ != nullptr) kind_->end(bytes_);
    }

    /// Calls it, and then releases what it holds. If it was called, or there is none: nothing.
    void operator()(Args... args) {
        const Once self(std::move(*this));  // this may be gone when it returns
        if (self.kind_ != nullptr) self.kind_->call(self.bytes_, std::forward<Args>(args)...);
    }

  private:
    struct Kind {
        void (*call)(std::byte* f, Args&&... args);
        void (*move)(std::byte* from, std::byte* to);
        void (*end)(std::byte* f);
    };
    template <class F>
    static F& at(std::byte* bytes) {
        return *std::launder(reinterpret_cast<F*>(bytes));
    }
    template <class F>
    static constexpr Kind kKind{
        [](std::byte* f, Args&&... args) { at<F>(f)(std::forward<Args>(args)...); },
        [](std::byte* from, std::byte* to) {
            ::new (static_cast<void*>(to)) F(std::move(at<F>(from)));
            at<F>(from).~F();
        },
        [](std::byte* f) { at<F>(f).~F(); }};

    const Kind* kind_ = nullptr;
    alignas(std::max_align_t) mutable std::byte bytes_[kBytes];
};

}  // namespace inout
