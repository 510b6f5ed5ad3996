// The limits and deadlines that are not configurable, each with its unit and its reason.
//
// Configurable values have their defaults in config/types.hpp and their ranges in
// config/fields.hpp; this page holds the ranges' ends only where code outside the configuration
// needs them. What one file alone knows stands in that file. Constants only; usable from any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace inout {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// --- frames and messages (docs/protocol.md) ---
/// Bytes before a frame's body: a signed 64-bit little-endian length.
inline constexpr std::size_t kFrameHeaderBytes = 8;
/// `{}` is the shortest JSON object; anything shorter can not be a message.
inline constexpr std::size_t kFrameBodyMinBytes = 2;
/// The most a peer may make us allocate for one message after its first.
inline constexpr std::size_t kFrameBodyMaxBytes = 16'384;
/// Of what is no message, so much is shown in the log.
inline constexpr std::size_t kSeenMaxBytes = 64;
/// The most a stranger may make us allocate: a first message has a topic and a few ids.
inline constexpr std::size_t kFirstFrameBodyMaxBytes = 2'048;
/// A message, and what follows it, is read with one call if it is no more than this.
inline constexpr std::size_t kUnreadBytes = 1'024;
/// Before each frame of a stream (docs/protocol.md, "Frames of a stream"); of a `fin`'s total; and
/// what a frame carries at most.
inline constexpr std::size_t kStreamHeaderBytes = 4, kStreamTotalBytes = 8;
inline constexpr std::size_t kStreamDataMaxBytes = 16'384;
/// A direction that has moved so much and goes on ends being framed, so that it can be spliced.
inline constexpr std::uint64_t kStreamFramedBytes = 262'144;
/// After so many streams, or this long (by chance a tenth more or less, so that those of a burst do
/// not end together), its requester lets a connection go: what a network, a certificate or a
/// balancer has changed meanwhile applies.
inline constexpr unsigned kConnectionUsesMax = 10'000;
inline constexpr Milliseconds kConnectionAge{600'000};
/// The most early bytes that a request announces.
inline constexpr unsigned kEarlyAnnouncedMax = 32'768;
/// What we send fits one segment on every path, because a 0.0.1 peer reads a frame with one read.
inline constexpr std::size_t kFrameSendMaxBytes = 1'200;
inline constexpr std::size_t kTopicMaxBytes = 255;
/// Hexadecimal digits of the ids we make, 4 bits each.
inline constexpr std::size_t kMagicDigits = 32, kStreamIdDigits = 16, kTicketDigits = 32,
                             kNonceDigits = 32;
/// Of what leads from a denial that its peer was told of to our own log.
inline constexpr std::size_t kReferenceDigits = 8;
/// Ids and error texts of a peer are cut to this before they are kept or logged.
inline constexpr std::size_t kPeerTextMaxBytes = 200;

// --- identity ---
inline constexpr std::size_t kKeyIdMaxBytes = 64;
/// What a proxy tells a peer of who it is: a longer name is left out.
inline constexpr std::size_t kIdentityMaxBytes = 96;
/// A secret shorter than this could be guessed; a longer one is no secret but a wrong file.
inline constexpr std::size_t kSecretMinBytes = 16, kSecretMaxBytes = 4'096;
/// How far the clocks of a peer and the proxy may be apart.
inline constexpr Milliseconds kProofWindow{60'000};
/// Proofs of one key that are remembered: 3,800 a second without a pause, 30 MB then.
inline constexpr std::size_t kReplayEntriesMax = 1'000'000;
/// A secret that looks random has at least this many bytes, and different ones among them.
inline constexpr std::size_t kStrongSecretBytes = 32, kStrongSecretKinds = 8;
/// A file of certificates or of a key: more than a system's whole trust store.
inline constexpr std::size_t kPemMaxBytes = 4'194'304;
/// How long before a certificate's end it is warned of, how often, and how many at a time.
inline constexpr Milliseconds kCertificateNotice{14 * 86'400'000LL};
inline constexpr Milliseconds kCertificateCheck{86'400'000};
inline constexpr std::size_t kCertificateWarnings = 100;
/// How often the files that a configuration names are looked at, and how long a change has to stay
/// as it is: a certificate's renewal replaces two files, one after the other.
inline constexpr Milliseconds kFileCheck{5'000}, kFilesSettle{1'000};
/// What a reload that is under way gets at the end of a program.
inline constexpr Milliseconds kReloaderStop{100};
/// Of what is wrong with a configuration at a reload, so many lines are logged.
inline constexpr std::size_t kReloadProblems = 20;
/// Between two warnings that a key still proves itself as in our last release.
inline constexpr Milliseconds kOldProofWarning{3'600'000};
/// Words of a topic pattern; more than any tree of names needs.
inline constexpr std::size_t kPatternWordsMax = 32;

// --- strangers (docs/security.md) ---
/// Failures of a source that cost it nothing: somebody tries a new configuration.
inline constexpr unsigned kFreeFailures = 10;
inline constexpr Milliseconds kPenaltyFirst{1'000}, kPenaltyMax{600'000};
/// After this without a failure all is forgiven.
inline constexpr Milliseconds kPenaltyMemory{1'200'000};
/// About 10 MB at most.
inline constexpr std::size_t kPenaltySourcesMax = 65'536;
/// A source from which an identified peer has come within this is never refused.
inline constexpr Milliseconds kKnownMemory{3'600'000};
/// First messages of a source with a penalty that are looked at all the same, so that a right proof
/// is let in at once: as many wrong ones a second, and at once. Of all such sources together.
inline constexpr unsigned kPenalisedReads = 5, kPenalisedReadsBurst = 10;
inline constexpr unsigned kPenalisedReadsAll = 100, kPenalisedReadsAllBurst = 200;
/// The same for TLS handshakes of one where we know somebody; beyond, they wait for their turn.
inline constexpr unsigned kKnownReads = 20, kKnownReadsBurst = 40;
inline constexpr Milliseconds kKnownTurn{50};
/// And how many more are looked at if they come in the clear: a twentieth of a handshake's work.
inline constexpr unsigned kPlainReads = 50, kPlainReadsBurst = 100;
inline constexpr unsigned kPlainReadsAll = 500, kPlainReadsAllBurst = 1'000;
/// TLS handshakes without a word that a source may make for nothing: a monitor makes one in some
/// seconds, and each costs us about a millisecond.
inline constexpr unsigned kMonitorHandshakes = 5, kMonitorHandshakesBurst = 300;
/// Tickets of registrations that have ended are known this long, and so many of them: their out may
/// still be bringing data connections.
inline constexpr Milliseconds kTicketMemory{60'000};
inline constexpr std::size_t kEndedTicketsMax = 16'384;

// --- registry ---
inline constexpr std::size_t kTopicsMax = 100'000;
/// Live outs that wait in one topic's line, the holder included.
inline constexpr std::size_t kLineMax = 16;
/// Outs of one identity that drain the same topic: as many restarts in a row as somebody makes who
/// tries something. Beyond, the oldest one's control connection ends, not its streams.
inline constexpr std::size_t kDrainingMax = 4;
/// How long a draining out without streams may stay: it may have been about to end by itself.
inline constexpr Milliseconds kDrainedStay{2'000};
/// Places among their keys' topics that may be gone before those that are gone are dropped.
inline constexpr std::size_t kPlacesSweep = 64;
/// In connections that wait for a data connection of one registration, or for a topic's return.
inline constexpr std::size_t kWaitersMax = 4'096;
/// How long after its last out a topic is taken for one that will be back in a moment: a restart,
/// and the few tries that a network's short failure costs (retry_interval is 2 s). Later, nobody
/// waits for what may never return. As many are remembered as there can be topics.
inline constexpr Milliseconds kTopicReturn{10'000};

// --- parked data connections ---
inline constexpr std::size_t kPoolHardMax = 100;  // what the original's proxy keeps
/// Data connections of one topic that out has dialling or parked. Twice what a proxy asks for or
/// keeps: one that it has just given to a stream is parked here until that is heard.
inline constexpr std::size_t kDataLinksMax = 2 * kPoolHardMax;
/// NewDataRequests that a 0.0.1 out has not answered: it reads a burst of frames wrongly.
inline constexpr std::size_t kLegacyUnansweredMax = 8;
/// After this an unanswered NewDataRequest no longer counts; and is taken for lost by a stream that
/// waits.
inline constexpr Milliseconds kRequestExpiry{5'000}, kWaitingExpiry{1'000};
/// How long a burst is remembered by the pool's target.
inline constexpr Milliseconds kPoolQuiet{30'000};

// --- spare connections from in to the proxy: "warm" on the wire, in limits and in counters ---
/// The proxy closes one that brought no request for this long, and announces that.
inline constexpr Milliseconds kSpareKept{120'000};
/// in keeps one this long (or half of what the proxy announced), so that none is used when the
/// proxy is about to close it; and keeps none when no client came for this long.
inline constexpr Milliseconds kSpareQuiet{60'000};
/// One that was in use so short a time ago has not vanished since.
inline constexpr Milliseconds kSpareTrusted{1'000};
/// A proxy that keeps them shorter than this gets none.
inline constexpr Milliseconds kSpareKeptMin{100};
/// Nearer proxies are dialled: a spare connection would cost more work than it saves time.
inline constexpr std::chrono::microseconds kSpareRoundTripMin{2'000};
/// How long that measurement holds.
inline constexpr Milliseconds kSpareMeasured{1'000};
/// The first looks of in at its proxies are spread out: over this time for each, and at most.
inline constexpr Milliseconds kFirstLookApart{50}, kFirstLooks{10'000};
/// Spares of one worker to one proxy: at least while clients come, and at most.
inline constexpr std::size_t kSpareMin = 2, kSpareMax = 64;
/// And those that streams gave back: a thousand short streams at once may all end before the next
/// ones begin. 10 MB at most, over TLS 40.
inline constexpr std::size_t kSpareReturnedMax = 1'024;

/// Registrations of a network of out that were let go, by a reload or for another proxy, and still
/// have streams; beyond, the oldest one's control connection ends, not its streams.
inline constexpr std::size_t kLeavingMax = 4;
/// How often one looks whether its last stream has ended; the first time, its proxy may still be
/// giving it streams.
inline constexpr Milliseconds kLeavingPoll{500};
/// Connections that a data link of out tries when a proxy's bytes make no sense.
inline constexpr unsigned kParkAttempts = 3;

// --- heartbeat of a 0.0.1 out, which does not announce it ---
/// So many of its longest pauses between two messages may pass without one.
inline constexpr unsigned kPausesMissed = 3;
/// Before its first Ping nobody knows how long it pauses; TCP keepalive finds a dead host.
inline constexpr Milliseconds kHeartbeatPatience{86'400'000};

// --- connections ---
inline constexpr int kListenBacklog = 4'096;  // the kernel cuts it to net.core.somaxconn
/// Keepalive of each connection by chance within these, seconds: a thousand that became quiet in
/// the same moment would send their probes in one moment too, every time, and the kernel's queues
/// hold fewer (net.core.netdev_max_backlog is 1,000): of 2,000 on one host 229 were left after a
/// minute.
inline constexpr int kKeepaliveIdleMinS = 20, kKeepaliveIdleMaxS = 50;
inline constexpr int kKeepaliveIntervalMinS = 7, kKeepaliveIntervalMaxS = 13;
/// Probes without an answer, the last of which ends the connection after 55 s to 115 s.
inline constexpr int kKeepaliveProbes = 5;
/// What the kernel takes from us for a peer beyond what it may send now (TCP_NOTSENT_LOWAT,
/// tcp(7)). Without it 4 MiB lie there for a peer that does not read; with it a stream is as fast,
/// on loopback and over lines of 25 and 100 ms.
inline constexpr int kUnsentBytes = 262'144;
/// RFC 8305, 5: the pause before the next address is tried beside the running attempt.
inline constexpr Milliseconds kConnectionAttemptDelay{250};
/// Of a host name (RFC 1035, 2.3.4).
inline constexpr std::size_t kLabelMaxBytes = 63;
/// Addresses tried for one name.
inline constexpr std::size_t kAddressesMax = 16;
/// One question to one name server, for the first time round; each further round doubles it. All
/// rounds together (two) are shorter than the dials that wait for them.
inline constexpr Milliseconds kLookupTry{1'200};
inline constexpr int kLookupTries = 2;
/// Look-ups that begin within kLookupYoung: more would flood a small name server.
inline constexpr std::size_t kLookupsAtOnce = 256;
inline constexpr Milliseconds kLookupYoung{1'000};
/// After this a look-up without an end is asked once more.
inline constexpr Milliseconds kLookupLost{60'000};
/// A name that no server answers for is not asked for this long, twice as long each time.
inline constexpr Milliseconds kLookupPause{1'000}, kLookupPauseMax{10'000};
/// For the names that a program needs to start.
inline constexpr Milliseconds kStartLookup{5'000};
/// How often such a wait looks whether somebody wants to end the program.
inline constexpr Milliseconds kSignalPoll{50};
/// An address that did not answer while another one of its name did comes last for this long.
inline constexpr Milliseconds kAddressShunned{60'000};
/// More than any configuration's names have that are dead at once; some 200 kB.
inline constexpr std::size_t kAddressesShunnedMax = 4'096;
/// How long a look-up may keep a dial waiting that has addresses from an earlier one.
inline constexpr Milliseconds kLookupPatience{500};
/// Addresses this young are used without asking again.
inline constexpr Milliseconds kResolveFresh{3'000};
/// Dials of one program to one proxy that run at once: at first, when the proxy is slow, and at
/// most, which is far below what the proxy takes from one source (limits.per_source).
inline constexpr std::size_t kDialsFirst = 64, kDialsMin = 4, kDialsMax = 256;
/// Dials of one kind to one proxy that wait for their turn; more than descriptors allow.
inline constexpr std::size_t kDialsWaitingMax = 65'536;
/// A control connection's wait for its turn; then its topic says so, and tries again.
inline constexpr Milliseconds kControlTurn{60'000};
/// A peer that we refuse gets its answer: unread input is taken up to this, and this long.
inline constexpr std::size_t kFarewellMaxBytes = 65'536;
inline constexpr Milliseconds kFarewell{1'000};
/// Clients in a row that the kernel refuses (a firewall) before that counts as a failure of ours.
inline constexpr unsigned kRefusedInARow = 64;
/// Accepting pauses this long when descriptors have run out.
inline constexpr Milliseconds kAcceptPause{100};
/// After this without another pause, accepting counts as recovered: one log line for all of them.
inline constexpr Milliseconds kAcceptQuiet{5'000};
/// Descriptors kept free for control connections and logs: new streams stop before them.
inline constexpr std::size_t kReservedDescriptors = 32;
/// What the process has open itself (standard streams, signals, files being read, the event loop
/// that looks names up), and each worker (epoll, its timer and its wake-up, and
/// the poller).
inline constexpr std::size_t kProcessDescriptors = 8, kWorkerDescriptors = 4;
/// Threads that the proxy's shares are reckoned for. More need a few descriptors more each, of
/// which enough are kept back.
inline constexpr std::size_t kOwnThreads = 4;
/// What is optional gives way at most this often: closing takes a moment, and each time looks at
/// all registrations.
inline constexpr Milliseconds kReliefPause{1'000};
/// A stream's two legs; the least that is left for streams, however few descriptors there are.
inline constexpr std::size_t kStreamDescriptors = 2;
/// Pipes may take one in so many descriptors: a stream can do without, and some need many.
inline constexpr std::size_t kPipesShare = 6;
/// How long a data connection stays parked before it has to make room for another topic's, if the
/// proxy does not say whether a client waits: so that many topics in little room take turns slowly.
inline constexpr Milliseconds kParkedTurn{30'000};

/// Bytes queued for a control connection whose peer does not read; beyond, it is closed.
inline constexpr std::size_t kOutboxMaxBytes = 65'536;

// --- TLS ---
/// What a client may send before its handshake is done. A ClientHello with a ticket and a
/// post-quantum key share (OpenSSL 3.5) has about 1.8 kB, and may have to come twice
/// (RFC 8446, 2.1).
inline constexpr std::size_t kTlsHandshakeMaxBytes = 4'096;
/// The same where its certificates are asked for: the rest is their chain.
inline constexpr std::size_t kTlsCertificatesMaxBytes = 16'384;
/// Records: the first kTlsSmallBytes of a burst in such that fit one segment of an ordinary path,
/// then the largest there are (RFC 8446, 5.1). After kTlsBurstPause a burst is a new one.
inline constexpr std::size_t kTlsSmallRecord = 1'350, kTlsSmallBytes = 8 * kTlsSmallRecord;
inline constexpr std::size_t kTlsRecord = 16'384;
/// What a record has beside its content (RFC 8446, 5.2): a session inside another makes smaller
/// ones, so that each fits one of the outer session's.
inline constexpr std::size_t kTlsRecordOverhead = 22;
inline constexpr Milliseconds kTlsBurstPause{1'000};
/// Records, and handshake messages in them, that may bring nothing to read. Each record with
/// content pays for itself and for one of these. A key update counts twice (it is both), so 32 of
/// them may come in a row; honest peers send one after millions of records (RFC 8446, 5.5).
inline constexpr unsigned kTlsIdleWorkMax = 64;
/// What is held for a full socket: the largest record, and answers to key updates behind it.
inline constexpr std::size_t kTlsUnsentMaxBytes = kTlsRecord + 4'096;
/// What a client reads of a server until the handshake is done: chains of public CAs have 5 kB, and
/// a list of the CAs whose certificates are wanted may be long.
inline constexpr std::size_t kTlsServerFlightMaxBytes = 131'072;
/// And the proxy of a client until its first message is there, which may share the largest record
/// with what follows it.
inline constexpr std::size_t kTlsFirstMessageMaxBytes = kTlsRecord + 4'096;
/// A key that encrypts session tickets is used this long, and accepted once more as long.
inline constexpr Milliseconds kTicketKeyLife{3'600'000};
/// Tickets of one server that a client keeps: one is enough, some are for bursts.
inline constexpr std::size_t kTlsSessionsMax = 8;

// --- relay ---
/// One buffer of this size per worker; also the most a blocked direction keeps without a pipe.
inline constexpr std::size_t kCopyBytes = 16'384;
/// What a relay pipe should hold. Unprivileged users share 64 MiB of pipe pages (pipe(7)).
inline constexpr int kPipeBytes = 262'144;
/// The first pipes of a process are larger: a few fast streams then need about 15 % less processor
/// time, many gain nothing (docs/performance.md).
inline constexpr int kLargePipeBytes = 1'048'576;
inline constexpr std::size_t kLargePipesMax = 8;
/// Pipes kept for the next burst, and pipes that one worker may have in use; beyond, it copies.
inline constexpr std::size_t kIdlePipesMax = 64;
inline constexpr std::size_t kPipesMax = 1'024;
/// Of a stream that is still being opened this much is passed on, then reading pauses; at most
/// twice this, and less than kFarewellMaxBytes, or a refusal's answer could be lost behind it.
inline constexpr std::size_t kEarlyBytes = kCopyBytes;
/// What all openings together keep of it, so that it can go elsewhere; beyond, an open has one try.
inline constexpr std::size_t kEarlyKeptMax = 67'108'864;
/// What one may do before the others of its worker get their turn (turn.hpp): bytes of the wire,
/// and operations, however little they bring.
inline constexpr std::uint32_t kTurnBytes = 1'048'576;
inline constexpr unsigned kTurnOperations = 256;
/// Of a rate each direction that waits gets a part at a time: what comes in 2 ms, within these
/// bounds. Below, headers and calls would cost more than the bytes; above, others wait long.
inline constexpr std::uint64_t kRateTurns = 500, kRateQuantumMin = 2'048, kRateQuantumMax = 262'144;
inline constexpr Milliseconds kRateTick{1};  // who waits is not looked for more often
/// How long bytes accepted before a carried RST may take to be acknowledged by the other side.
inline constexpr Milliseconds kResetFlush{5'000};
/// Memory that is given up, a block at a time, when there is none: what is going on can end then. A
/// block is some hundred of the small pieces that this takes.
inline constexpr std::size_t kReserveBlocks = 64, kReserveBlockBytes = 16'384;
/// The pause before what must live for ever is started again: memory may be back then.
inline constexpr Milliseconds kRestartPause{200};
/// A connection on its way from one worker to another arrives in no time, or never (memory).
inline constexpr Milliseconds kHandOver{5'000};
/// How often a draining program looks whether its streams have ended.
inline constexpr Milliseconds kDrainPoll{20};
/// How often an ended stream looks whether its last bytes were acknowledged (no event tells).
inline constexpr Milliseconds kCloseInterval{5};
/// Streams that a worker resets in one turn, of many that are to end: about a millisecond.
inline constexpr std::size_t kResetsAtOnce = 32;
/// How often a worker looks for dead peers and unused pipes.
inline constexpr Milliseconds kSweepInterval{1'000};

// --- quotas (proxy) ---
/// What was used is saved so often, if it has changed; and what a disk gets for it at the end. A
/// crash loses no more than the first and what the disk takes, together meant to be below 10 s.
inline constexpr Milliseconds kQuotaSave{5'000}, kQuotaStop{5'000};
inline constexpr std::size_t kQuotaFileMaxBytes = 16'777'216;  // 10,000 long names many times over

// --- the log ---
/// Bytes of lines that wait for a reader of the log, and as many that are being written: some
/// thousand lines, a second of a busy proxy. What does not fit is dropped and counted.
inline constexpr std::size_t kLogQueueBytes = 524'288;
/// Lines that come within this time are written together: one system call, one wake-up.
inline constexpr Milliseconds kLogGather{5};
/// What the end of a program gives to a reader of the log that is slow.
inline constexpr Milliseconds kLogFlush{500};
/// How often a program looks for counts of lines held back that nobody was told.
inline constexpr Milliseconds kHeldBackInterval{1'000};

/// How many lines may come at once, and then one in each interval.
struct LineRate {
    unsigned burst;
    Milliseconds interval;
};
/// Lines that peers can cause, of each kind (line_budget.hpp): about one thing, and in all. All
/// together 90 lines a second, about 2 GB a day (docs/security.md, "What is logged").
inline constexpr LineRate kWarningLines{1, Milliseconds{5'000}};
inline constexpr LineRate kAllWarningLines{200, Milliseconds{100}};
inline constexpr LineRate kRetryLines{1, Milliseconds{30'000}};
inline constexpr LineRate kAllRetryLines{200, Milliseconds{100}};
/// A person who tries something sees each failure; a storm becomes one line a second.
inline constexpr LineRate kFailureLines{30, Milliseconds{1'000}};
inline constexpr LineRate kAllFailureLines{1'000, Milliseconds{100}};
/// Thousands of topics may come back at once.
inline constexpr LineRate kChangeLines{20, Milliseconds{5'000}};
inline constexpr LineRate kAllChangeLines{20'000, Milliseconds{100}};
/// A stream's line is its record: 2 million a day for one topic, 4 million in all.
inline constexpr LineRate kStreamLines{5'000, Milliseconds{40}};
inline constexpr LineRate kAllStreamLines{20'000, Milliseconds{20}};
/// Things (topics, identities, sources) with a budget of their own; about 1 MB at most.
inline constexpr std::size_t kLogThingsMax = 4'096;

// --- admin listener (docs/operations.md) ---
/// Of a request, all but its body, which none has; and of that the fields.
inline constexpr std::size_t kAdminRequestMaxBytes = 8'192, kAdminFieldsMax = 64;
/// Beyond, the one that has been waiting longest goes.
inline constexpr std::size_t kAdminConnectionsMax = 16;
/// Then its connection ends, so that none stays for ever.
inline constexpr unsigned kAdminRequestsMax = 100;
/// For a whole request, the handshake included; between two; for a piece of an answer to be taken.
inline constexpr Milliseconds kAdminRequest{5'000}, kAdminIdle{30'000}, kAdminAnswer{10'000};
inline constexpr std::size_t kAdminPieceBytes = 65'536;
inline constexpr Milliseconds kHistoryStep{10'000};  // of an hour that it remembers
inline constexpr std::size_t kHistorySteps = 360;
/// Streams, or topics, in one answer.
inline constexpr std::size_t kAdminRowsMax = 1'000;
/// Streams that have ended, and as many that could not be opened, with the reason: 10 MB if all of
/// both have long names.
inline constexpr std::size_t kRecentEndsMax = 10'000;
/// Before a wrong token is answered, so that nobody can try many.
inline constexpr Milliseconds kAdminWrongToken{300};
/// With figures of their own; the others share theirs.
inline constexpr std::size_t kMetricsTopicsMax = 100;

}  // namespace inout
