#include "common/rules/chooser.hpp"

#include <cmath>

namespace inout {
namespace {

/// Spreads over all 64 bits what differs in a few (the finalizer of splitmix64).
std::uint64_t spread(std::uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
}

/// FNV-1a: the same in every process and version, which std::hash need not be.
std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return spread(hash);
}

/// Those that count for this choice: of the best kind that is there.
class Eligible {
  public:
    Eligible(std::span<const Offer> offers, Clock::time_point now) : offers_(offers), now_(now) {
        for (const Offer& offer : offers) kind_ = std::min(kind_, kind_of(offer));
    }
    bool all_rest() const { return kind_ == Kind::resting; }

    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t i = 0; i < offers_.size(); ++i) {
            if (kind_of(offers_[i]) == kind_) visit(i, offers_[i]);
        }
    }
    /// The one whose score is the highest; of equal ones the first.
    template <class Score>
    std::size_t highest(Score score) const {
        std::optional<std::size_t> best;
        decltype(score(offers_[0])) best_score{};
        each([&](std::size_t i, const Offer& offer) {
            const auto its = score(offer);
            if (best && !(best_score < its)) return;
            best = i;
            best_score = its;
        });
        return *best;
    }
    /// In turn by weight, of those that `counts`: everybody gets its weight, who is chosen gives
    /// back what all got ("smooth": a heavy one's turns are spread out).
    template <class Counts>
    std::size_t in_turn(Counts counts) const {
        std::optional<std::size_t> best;
        std::int64_t all = 0;
        each([&](std::size_t i, const Offer& offer) {
            if (!counts(offer)) return;
            all += offer.candidate->weight;
            offer.candidate->turn += offer.candidate->weight;
            if (!best || offers_[*best].candidate->turn < offer.candidate->turn) best = i;
        });
        offers_[*best].candidate->turn -= all;
        return *best;
    }

  private:
    enum class Kind { primary, backup, resting };
    Kind kind_of(const Offer& offer) const {
        if (offer.candidate->rest.is_resting(now_)) return Kind::resting;
        return offer.candidate->backup ? Kind::backup : Kind::primary;
    }

    std::span<const Offer> offers_;
    Clock::time_point now_;
    Kind kind_ = Kind::resting;
};

/// Whether `a` has less to do for its weight than `b`.
bool is_freer(const Offer& a, const Offer& b) {
    return std::uint64_t{a.running} * b.candidate->weight <
           std::uint64_t{b.running} * a.candidate->weight;
}

std::size_t fewest_streams(const Eligible& eligible) {
    const Offer* freest = nullptr;
    eligible.each([&](std::size_t, const Offer& offer) {
        if (freest == nullptr || is_freer(offer, *freest)) freest = &offer;
    });
    return eligible.in_turn([&](const Offer& offer) { return !is_freer(*freest, offer); });
}

std::size_t by_chance(const Eligible& eligible, double chance) {
    double all = 0;
    eligible.each([&](std::size_t, const Offer& offer) { all += offer.candidate->weight; });
    double left = chance * all;
    std::optional<std::size_t> chosen, last;
    eligible.each([&](std::size_t i, const Offer& offer) {
        left -= offer.candidate->weight;
        if (!chosen && left < 0) chosen = i;
        last = i;
    });
    return chosen.value_or(*last);  // rounding may leave a rest of nothing
}

/// Weighted rendezvous hashing: each pair of client and candidate has a lot of its own, so that one
/// that comes or goes moves nobody but its own clients. A lot u in (0, 1] counts as -weight / ln u.
double lot_of(const Candidate& candidate, std::uint64_t client) {
    const std::uint64_t bits = spread(candidate.name_hash ^ client);
    const double u = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
    return -static_cast<double>(candidate.weight) / std::log(u);
}

}  // namespace

void PeakTime::took(Clock::duration time, Clock::time_point now) {
    const double sample = std::chrono::duration<double>(time).count();
    const double part = left_at(now);
    value_ = std::max(sample, part * value_ + (1 - part) * sample);
    at_ = now;
}

double PeakTime::left_at(Clock::time_point now) const {
    using Seconds = std::chrono::duration<double>;
    return std::exp(-std::max(Seconds(now - at_) / Seconds(kFade), 0.0));
}

Candidate::Candidate(std::string_view name, unsigned its_weight, bool is_backup,
                     const RestRule& rule)
    : name_hash(stable_hash(name)), weight(its_weight), backup(is_backup), rest(rule) {}

std::optional<std::size_t> choose(Select select, std::span<const Offer> offers,
                                  Clock::time_point now, std::string_view source, double chance) {
    if (offers.empty()) return std::nullopt;
    if (offers.size() == 1) return 0;
    const Eligible eligible(offers, now);
    if (eligible.all_rest()) {
        return eligible.highest(
            [](const Offer& offer) { return -offer.candidate->rest.until().time_since_epoch(); });
    }
    switch (select) {
        case Select::first: break;
        case Select::round_robin: return eligible.in_turn([](const Offer&) { return true; });
        case Select::least_streams: return fewest_streams(eligible);
        case Select::random: return by_chance(eligible, chance);
        case Select::source:
            return eligible.highest([client = stable_hash(source)](const Offer& offer) {
                return lot_of(*offer.candidate, client);
            });
        case Select::least_time:
            return eligible.highest(
                [now](const Offer& offer) { return -offer.candidate->time.value(now); });
    }
    return eligible.highest([](const Offer&) { return 0; });
}

}  // namespace inout
