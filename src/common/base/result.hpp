// Result<T, E>: a value or the reason why there is none (std::expected is C++23). Pure; owned by
// whoever holds it.
#pragma once

#include <cassert>
#include <utility>
#include <variant>

namespace inout {

/// Marks the failure when a Result is made: `return Failure{error};`
template <class E>
struct Failure {
    E error;
};
template <class E>
Failure(E) -> Failure<E>;

template <class T, class E>
class [[nodiscard]] Result {
  public:
    Result(T&& value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(const T& value) : state_(std::in_place_index<0>, value) {}
    /// A value made where it stays: a large one is costly to move.
    template <class... Args>
    explicit Result(std::in_place_t, Args&&... args)
        : state_(std::in_place_index<0>, std::forward<Args>(args)...) {}
    template <class F>
    Result(Failure<F> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

    explicit operator bool() const { return state_.index() == 0; }

    /// Requires success.
    T& value() { return get<0>(); }
    const T& value() const { return const_cast<Result*>(this)->template get<0>(); }
    T& operator*() { return value(); }
    T* operator->() { return &value(); }
    const T& operator*() const { return value(); }
    const T* operator->() const { return &value(); }
    /// Requires failure.
    E& error() { return get<1>(); }
    const E& error() const { return const_cast<Result*>(this)->template get<1>(); }

  private:
    template <std::size_t I>
    auto& get() {
        assert(state_.index() == I);
        return *std::get_if<I>(&state_);
    }
    std::variant<T, E> state_;
};

}  // namespace inout
