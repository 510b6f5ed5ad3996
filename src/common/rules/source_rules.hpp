// SourceRules: what a stranger gets by where it comes from, and what costs its source something.
//
//   who comes from                 penalty?   gets
//   a source without a penalty     –          a place; its first message is read
//   one where we know somebody     yes        fewer places; a first message is read at once, a TLS
//                                             handshake begins kKnownReads times a second
//   any other                      yes        few places; kPenalisedReads first messages a second
//                                             are read, TLS included; then kPlainReads in the
//                                             clear, which cost next to nothing, and TLS is refused
//                                             by an alert; the rest is reset
//
// So an address that many share never keeps out one of them who is known, or who shows a right
// proof; and who fails costs little. A failure counts against the source (PenaltyBox); an
// identified peer forgives all of them. A monitor that connects, or shakes hands, and leaves is
// none, unless its handshakes become a flood. Pure: time is an argument; its owner locks.
#pragma once

#include "common/rules/known_sources.hpp"
#include "common/rules/penalty_box.hpp"
#include "common/rules/source_rate.hpp"

namespace inout {

class SourceRules {
  public:
    enum class Treatment {
        read,   ///< its first message is read and judged
        plain,  ///< the same if it is in the clear; TLS is refused
        drop,   ///< it is reset
    };
    struct Verdict {
        Treatment treatment = Treatment::read;
        std::size_t places = 0;   ///< that the source may have at a time
        Milliseconds penalty{0};  ///< that is left; 0: there is none
        bool turns = false;       ///< a TLS handshake has to wait for has_turn()
        bool is_penalised() const { return penalty > Milliseconds{0}; }
    };
    /// `places_max`: what a source has as long as nothing is wrong.
    explicit SourceRules(std::size_t places_max) : places_max_(places_max) {}
    void set_places(std::size_t places_max) { places_max_ = places_max; }

    /// A connection from there; `source` as IpAddress::source() gives it.
    Verdict arrives(const IpAddress& source, Clock::time_point now);
    /// Whether another TLS handshake may begin, where we know somebody.
    bool has_turn(const IpAddress& source, Clock::time_point now) const;

    /// A stranger made a mistake that costs: no proper first message, a wrong proof or ticket, or a
    /// place that it could not keep because its own source took too many. `shook_hands`: a TLS
    /// handshake had begun; only such failures take the turns of those that are known there.
    void failed(const IpAddress& source, Clock::time_point now, bool shook_hands);
    /// A stranger shook hands over TLS and left without a word. False: that was one too many, and
    /// has failed.
    bool monitored(const IpAddress& source, Clock::time_point now);
    /// A peer was identified: all is forgiven, and its source is known until it has left.
    void came(const IpAddress& source);
    void left(const IpAddress& source, Clock::time_point now) { known_.left(source, now); }

  private:
    std::size_t places_max_;
    PenaltyBox penalties_;
    KnownSources known_;
    SourceRate known_reads_{kKnownReads, kKnownReadsBurst};
    SourceRate reads_{kPenalisedReads, kPenalisedReadsBurst};
    Rate reads_all_{kPenalisedReadsAll, kPenalisedReadsAllBurst};
    SourceRate plain_reads_{kPlainReads, kPlainReadsBurst};
    Rate plain_reads_all_{kPlainReadsAll, kPlainReadsAllBurst};
    SourceRate monitors_{kMonitorHandshakes, kMonitorHandshakesBurst};
};

}  // namespace inout
