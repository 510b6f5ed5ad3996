// What is in flight in this process, for the status line and for tests that expect zero at the end.
//
// Each thread counts in cells of its own, so that no two workers write to one cache line for every
// stream; whoever reads sums them up. A cell may be negative: what one thread began another may
// end. Any thread counts and reads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace inout {

class Counter {
  public:
    constexpr explicit Counter(unsigned index) : index_(index) {}

    void add(std::int64_t n = 1) const noexcept;
    void take(std::int64_t n = 1) const noexcept { add(-n); }
    /// Over all threads; what they do meanwhile may be in it or not. What a thread counted before
    /// something that is seen here is seen as well.
    std::size_t load() const noexcept;
    operator std::size_t() const noexcept { return load(); }

  private:
    unsigned index_;
};

/// A counter for each value of an enumeration, which has at most this many.
template <unsigned n>
class CounterRow {
  public:
    /// Takes the next places.
    constexpr explicit CounterRow(unsigned& next) : first_(next) { next += n; }
    constexpr Counter operator[](std::size_t i) const {
        return Counter(first_ + static_cast<unsigned>(i));
    }
    static constexpr std::size_t size() { return n; }

  private:
    unsigned first_;
};

struct Counters {
    unsigned size = 0;

    Counter streams{size++};              ///< relayed now
    Counter opening{size++};              ///< accepted or asked for, not yet relayed
    Counter sockets{size++};              ///< connections of any kind
    Counter pipes{size++};                ///< relay pipes, in use or kept for the next burst
    Counter large_pipes{size++};          ///< those of them that are large
    Counter parked{size++};               ///< parked data connections
    Counter warm{size++};                 ///< spare connections between in and proxy
    Counter controls{size++};             ///< registered control connections
    Counter topics{size++};               ///< topics that somebody serves
    Counter topics_held{size++};          ///< out: registered, and ours
    Counter topics_waiting{size++};       ///< out: registered, behind another out
    Counter topics_unregistered{size++};  ///< out: not (yet) registered
    Counter tasks{size++};                ///< coroutines started and not ended
    Counter streams_total{size++};
    Counter failed_total{size++};          ///< opens that failed
    CounterRow<24> failed{size};           ///< of these, by Code
    CounterRow<16> ended{size};            ///< streams that have ended, by StreamEnd::Cause
    Counter bytes_up{size++};              ///< moved from clients towards backends
    Counter bytes_down{size++};            ///< moved from backends towards clients
    Counter refused_total{size++};         ///< connections that were not accepted
    Counter denied_total{size++};          ///< requests without permission
    Counter evicted_total{size++};         ///< strangers that made room for newer ones
    Counter monitors_total{size++};        ///< who connected, or shook hands, and left
    Counter framing_errors_total{size++};  ///< peers whose frames of a stream broke the rules
    Counter hops_to_total{size++};         ///< proxy: streams that another one serves
    Counter hops_from_total{size++};       ///< proxy: streams that another one has asked for
    Counter probes_total{size++};          ///< proxy, out: what a doctor has asked
    Counter reloads_total{size++};
    Counter reloads_failed_total{size++};
    Counter lines_held{size++};  ///< log lines held back by their budget
    Counter lines_lost{size++};  ///< log lines for which there was no room
};

namespace detail {

inline constexpr Counters all_counters{};

/// One thread's. They are never freed: the next thread counts on where one has ended.
struct alignas(64) CounterCells {
    std::array<std::atomic<std::int64_t>, all_counters.size> values{};
    std::atomic<bool> taken{true};
    CounterCells* next = nullptr;
};
inline thread_local constinit CounterCells* counter_cells = nullptr;
/// This thread's, which has none yet.
CounterCells& take_counter_cells() noexcept;

}  // namespace detail

inline constexpr const Counters& counters() { return detail::all_counters; }

inline void Counter::add(std::int64_t n) const noexcept {
    auto* const mine = detail::counter_cells;
    auto& value = (mine != nullptr ? *mine : detail::take_counter_cells()).values[index_];
    // Nobody else writes to it.
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_release);
}

/// Counts one thing for as long as it lives; movable.
template <class Where>
class CountedIn {
  public:
    explicit CountedIn(Where& counter) : counter_(&counter) { add(*counter_); }
    CountedIn(CountedIn&& other) noexcept : counter_(std::exchange(other.counter_, nullptr)) {}
    CountedIn& operator=(CountedIn&& other) noexcept {
        if (this != &other) {
            remove();
            counter_ = std::exchange(other.counter_, nullptr);
        }
        return *this;
    }
    ~CountedIn() { remove(); }

  private:
    static void add(const Counter& counter) { counter.add(); }
    static void add(std::atomic<std::size_t>& count) { ++count; }
    static void take(const Counter& counter) { counter.take(); }
    static void take(std::atomic<std::size_t>& count) { --count; }
    void remove() {
        if (counter_ != nullptr) take(*counter_);
    }
    Where* counter_;
};
using Counted = CountedIn<const Counter>;
/// Of a part of the program, which wants its own number.
using CountedHere = CountedIn<std::atomic<std::size_t>>;

/// A number of things that its owner knows, as part of a counter. Behind its owner's lock.
class CountedMany {
  public:
    explicit CountedMany(const Counter& counter) : counter_(counter) {}
    CountedMany(const CountedMany&) = delete;
    CountedMany& operator=(const CountedMany&) = delete;
    ~CountedMany() { set(0); }

    void set(std::size_t now) {
        counter_.add(static_cast<std::int64_t>(now) - static_cast<std::int64_t>(counted_));
        counted_ = now;
    }

  private:
    const Counter& counter_;
    std::size_t counted_ = 0;
};

}  // namespace inout
