// AddressBook: where the other proxies are reached, by their ids, as they say when they are asked.
//
// One question for all who want to know the same one, asked again after kAddressPauses, because a
// message may be lost and "nobody listens" may be wrong. Addresses are remembered for
// kAddressFresh, and longer where NATS can not be reached. Time is an argument. Pure; its owner
// locks.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/effects.hpp"
#include "common/cluster/message.hpp"
#include "common/cluster/subject.hpp"

namespace inout::cluster {

inline constexpr Milliseconds kAddressFresh{60'000};
/// Between two questions for the same one, and behind the last.
inline constexpr Milliseconds kAddressPauses[] = {Milliseconds{50}, Milliseconds{150},
                                                  Milliseconds{500}, Milliseconds{1'000}};

/// Proxies that are asked for at the same time.
inline constexpr std::size_t kAddressQuestionsMax = 1'024;

class AddressBook {
  public:
    /// All three are names. Its questions have the numbers from kFirst on.
    AddressBook(const Subjects& subjects, std::string proxy, std::string inbox)
        : subjects_(subjects), proxy_(std::move(proxy)), inbox_(std::move(inbox)) {}
    static constexpr std::uint64_t kFirst = std::uint64_t{1} << 63U;

    /// What is told to who waits: the stream, and HOST:PORT or empty.
    using Told = std::vector<std::pair<StreamId, std::string>>;

    /// `waiter` gets to know it, maybe at once. Whether NATS can be reached.
    void ask(StreamId waiter, const std::string& proxy, bool is_up, Clock::time_point now,
             Effects& effects, Told& told);
    void leave(StreamId waiter);
    void heard(std::uint64_t number, std::string_view body, Clock::time_point now, Told& told);
    std::optional<Clock::time_point> next_tick() const;
    void tick(Clock::time_point now, Effects& effects, Told& told);

  private:
    struct Known {
        std::string address;
        Clock::time_point at;
    };
    struct Question {
        std::string proxy;
        std::vector<StreamId> waiters{};
        std::size_t sent = 0;
        Clock::time_point until{};
    };
    void send(std::uint64_t number, Question& question, Clock::time_point now, Effects& effects);
    void remember(const std::string& proxy, const std::string& address, Clock::time_point now);

    const Subjects subjects_;
    const std::string proxy_, inbox_;
    std::uint64_t next_ = kFirst;
    std::unordered_map<std::string, Known> known_;  // at most kPeersMax
    std::map<std::uint64_t, Question> questions_;
};

}  // namespace inout::cluster
