// Both ends of a connection that carries one stream after another: how each end of a stream meets
// each other one, and any traffic.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <random>

#include "../tls_pair.hpp"
#include "common/net/stream_framing.hpp"
#include "framed_end.hpp"

namespace inout::stream_framing_pair_test {
namespace {

using Role = StreamFraming::Role;
using Settled = StreamFraming::Settled;

/// How one side ends its direction.
enum class How { fin, reset, raw, cut };

/// One side of a stream.
struct Party {
    Party(ByteLayer& layer, Role role) : below(layer), framing(layer, role) {}

    void begin() {
        Unread none(below);
        framing.begin_sending();
        framing.begin_receiving(none);
        settled.reset();
    }
    void end(How how) {
        switch (how) {
            case How::raw:
                EXPECT_TRUE(framing.take_raw(kStreamFramedBytes));
                EXPECT_EQ(framing.write("raw"), 3);
                [[fallthrough]];
            case How::fin: EXPECT_EQ(framing.shut_send(), 0); break;
            case How::reset:
                framing.reset_stream();
                settle();
                break;
            case How::cut: EXPECT_EQ(below.shut_send(), 0); break;
        }
    }
    /// All that comes, and the end behind it.
    std::string read_to_end() {
        std::string all, piece;
        EXPECT_TRUE(soon([&] {
            piece = read_once(framing);
            if (piece == "nothing") return false;
            all += piece;
            return piece == "end" || piece == "reset" || piece == "broken";
        }));
        return all;
    }
    /// True: for good.
    bool settle() {
        if (settled) return true;
        const Settled now = framing.settle();
        if (now == Settled::waits_for_input || now == Settled::waits_for_room) return false;
        settled = now;
        return true;
    }

    ByteLayer& below;
    StreamFraming framing;
    std::optional<Settled> settled;
};

/// A stream that both sides end in their ways; whether another can follow.
void expect_ends(Party& requester, How asked, Party& responder, How answered) {
    const auto told = [](How by) {
        switch (by) {
            case How::fin: return "end";
            case How::raw: return "rawend";
            default: return "reset";
        }
    };
    SCOPED_TRACE(std::string(told(asked)) + " and " + told(answered));
    requester.begin();
    responder.begin();
    EXPECT_EQ(requester.framing.write("question"), 8);
    EXPECT_EQ(responder.framing.write("answer"), 6);
    std::string seen;
    EXPECT_TRUE(soon([&] { return (seen = read_once(requester.framing)) != "nothing"; }));
    EXPECT_EQ(seen, "answer");
    EXPECT_TRUE(soon([&] { return (seen = read_once(responder.framing)) != "nothing"; }));
    EXPECT_EQ(seen, "question");
    requester.end(asked);
    responder.end(answered);
    // Who has reset does not read any more, and does not say so where the connection was cut.
    if (asked != How::reset && !(asked == How::cut && answered == How::reset)) {
        EXPECT_EQ(requester.read_to_end(), told(answered));
    }
    if (answered != How::reset && !(answered == How::cut && asked == How::reset)) {
        EXPECT_EQ(responder.read_to_end(), told(asked));
    }
    EXPECT_TRUE(soon([&] {
        const bool one = requester.settle(), other = responder.settle();
        return one && other;
    }));
    const auto is_whole = [](How how) { return how == How::fin || how == How::reset; };
    const bool goes_on = is_whole(asked) && is_whole(answered);
    EXPECT_EQ(requester.settled, goes_on ? Settled::done : Settled::failed);
    EXPECT_EQ(responder.settled, goes_on ? Settled::done : Settled::failed);
}

TEST(StreamFramingPairTest, each_end_of_a_stream_meets_each_other_one) {
    for (const How asked : {How::fin, How::reset, How::raw, How::cut}) {
        for (const How answered : {How::fin, How::reset, How::raw, How::cut}) {
            TcpPair wire;
            SocketLayer a(wire.a.get()), b(wire.b.get());
            Party requester(a, Role::requester), responder(b, Role::responder);
            expect_ends(requester, How::fin, responder, How::fin);
            expect_ends(requester, asked, responder, answered);
            EXPECT_EQ(requester.framing.uses(), 2U);
        }
    }
}

TEST(StreamFramingPairTest, each_end_over_tls_meets_each_other_one) {
    for (const How asked : {How::fin, How::reset, How::cut}) {
        for (const How answered : {How::fin, How::reset, How::cut}) {
            TlsPair tls;
            ASSERT_TRUE(tls.shake());
            Party requester(*tls.client, Role::requester), responder(*tls.server, Role::responder);
            expect_ends(requester, How::fin, responder, How::fin);
            expect_ends(requester, asked, responder, answered);
            EXPECT_EQ(responder.framing.uses(), 2U);
        }
    }
}

/// Much in both directions at once, of which the kernel takes little at a time; then both ends.
void carry_much(Party& requester, Party& responder, bool becomes_raw) {
    const std::string data = some_bytes(1'000'000);
    struct Way {
        Party &from, &to;
        std::size_t sent = 0;
        bool has_ended = false;
        std::string got{}, end{};
    };
    Way ways[] = {{requester, responder}, {responder, requester}};
    requester.begin();
    responder.begin();
    EXPECT_TRUE(soon([&] {
        for (Way& way : ways) {
            StreamFraming& from = way.from.framing;
            if (way.sent < data.size()) {
                const ssize_t n = from.write(std::string_view(data).substr(way.sent, 50'000));
                if (n > 0) way.sent += static_cast<std::size_t>(n);
                if (becomes_raw && n > 0) from.take_raw(way.sent);
            } else if (!way.has_ended) {
                way.has_ended = from.shut_send() == 0;
            }
            if (!way.end.empty()) continue;
            const std::string piece = read_once(way.to.framing);
            if (piece == "end" || piece == "reset" || piece == "broken") {
                way.end = piece;
            } else if (piece != "nothing") {
                way.got += piece;
            }
        }
        return !ways[0].end.empty() && !ways[1].end.empty();
    }));
    for (const Way& way : ways) {
        EXPECT_TRUE(way.got == data) << way.got.size();
        EXPECT_EQ(way.end, "end");
        EXPECT_EQ(way.to.framing.is_raw(), becomes_raw);
    }
}

void make_small(int fd) {
    set_connection_options(fd);
    const int size = 16'384;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

TEST(StreamFramingPairTest, much_goes_both_ways_through_small_sockets) {
    for (const bool becomes_raw : {false, true}) {
        TcpPair wire;
        make_small(wire.a.get());
        make_small(wire.b.get());
        SocketLayer a(wire.a.get()), b(wire.b.get());
        Party requester(a, Role::requester), responder(b, Role::responder);
        carry_much(requester, responder, becomes_raw);
        EXPECT_TRUE(soon([&] {
            const bool one = requester.settle(), other = responder.settle();
            return one && other;
        }));
        EXPECT_EQ(requester.settled, becomes_raw ? Settled::failed : Settled::done);
        if (!becomes_raw) expect_ends(requester, How::fin, responder, How::fin);
    }
}

TEST(StreamFramingPairTest, much_goes_both_ways_through_tls_over_small_sockets) {
    TlsPair tls;
    make_small(tls.wire.a.get());
    make_small(tls.wire.b.get());
    ASSERT_TRUE(tls.shake());
    Party requester(*tls.client, Role::requester), responder(*tls.server, Role::responder);
    carry_much(requester, responder, false);
    EXPECT_TRUE(soon([&] {
        const bool one = requester.settle(), other = responder.settle();
        return one && other;
    }));
    EXPECT_EQ(requester.settled, Settled::done);
    expect_ends(requester, How::fin, responder, How::reset);
}

TEST(StreamFramingPairTest, raw_bytes_are_the_kernels_to_move) {
    TcpPair wire;
    SocketLayer a(wire.a.get()), b(wire.b.get());
    Party requester(a, Role::requester), responder(b, Role::responder);
    requester.begin();
    responder.begin();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    const UniqueFd out(ends[0]), in(ends[1]);
    ASSERT_EQ(::write(in.get(), "bytes", 5), 5);
    EXPECT_EQ(requester.framing.splice_from(out.get(), 5), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_FALSE(responder.framing.can_splice());
    EXPECT_EQ(responder.framing.splice_into(in.get(), 5), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(requester.framing.write("framed "), 7);
    ASSERT_TRUE(requester.framing.take_raw(kStreamFramedBytes));
    EXPECT_EQ(requester.framing.splice_from(out.get(), 5), 5);
    std::string got;
    EXPECT_TRUE(soon([&] {
        const std::string piece = read_once(responder.framing);
        if (piece != "nothing") got += piece;
        return got.size() == 12;
    }));
    EXPECT_EQ(got, "framed bytes");
    EXPECT_TRUE(responder.framing.can_splice());
    EXPECT_EQ(requester.framing.write("and more"), 8);
    EXPECT_TRUE(soon([&] { return responder.framing.splice_into(in.get(), 100) == 8; }));
}

/// A session from end to end lies over the frames of one stream after another.
TEST(StreamFramingPairTest, a_session_over_the_frames_ends_with_its_stream) {
    TcpPair wire;
    SocketLayer a(wire.a.get()), b(wire.b.get());
    Party requester(a, Role::requester), responder(b, Role::responder);
    const std::string much = some_bytes(200'000);
    for (int stream = 0; stream < 3; ++stream) {
        requester.begin();
        responder.begin();
        TlsSession client(psk(TlsSide::client).session()), server(psk(TlsSide::server).session());
        client.attach(requester.framing);
        server.attach(responder.framing);
        ASSERT_TRUE(shake_hands(client, server));
        ASSERT_TRUE(send_all(client, much));
        EXPECT_TRUE(receive(server, much.size()).bytes == much);
        EXPECT_EQ(client.shut_send(), 0);
        EXPECT_EQ(receive(server).end, End::fin);
        EXPECT_TRUE(responder.framing.has_peer_ended());
        responder.framing.hold_end(true);
        EXPECT_EQ(server.shut_send(), 0);
        EXPECT_TRUE(responder.settle());
        EXPECT_EQ(receive(client).end, End::fin);
        EXPECT_TRUE(requester.framing.is_released());
        EXPECT_TRUE(requester.settle());
        EXPECT_EQ(requester.settled, Settled::done);
        EXPECT_EQ(responder.settled, Settled::done);
    }
    EXPECT_EQ(requester.framing.failure() + responder.framing.failure(), "");
}

/// One side of random streams: sends what it has, reads what comes, ends, and settles.
class RandomParty {
  public:
    RandomParty(Role role, std::mt19937& random) : framing(end, role), random_(random) {}

    void begin(std::string to_send, bool resets) {
        to_send_ = std::move(to_send);
        resets_ = resets;
        sent_ = 0;
        has_ended_ = false;
        got.clear();
        told.clear();
        settled.reset();
    }
    /// What it sends and reads as it is, in front of the frames.
    void say(std::string_view message) {
        end.room = end.at_once = MemoryEnd::kNoLimit;
        EXPECT_EQ(framing.write(message), static_cast<ssize_t>(message.size()));
        framing.begin_sending();
    }
    void hear(std::string_view message) {
        end.at_once = MemoryEnd::kNoLimit;
        Unread ahead(framing);
        EXPECT_GT(ahead.fill(message.size()), 0);
        EXPECT_EQ(ahead.bytes().substr(0, message.size()), message);
        ahead.take(message.size());
        framing.begin_receiving(ahead);
    }
    void step() {
        if (settled) return;
        end.at_once = 1 + below(below(2) == 0 ? 10 : 3'000);
        end.room = below(3) == 0 ? 0 : below(4'000);
        if (told.empty() && !(has_ended_ && resets_)) read();
        if (!has_ended_) return send();
        if (!resets_ && told.empty()) return;
        const Settled now = framing.settle();
        if (now != Settled::waits_for_input && now != Settled::waits_for_room) settled = now;
    }
    /// What the peer sent has come: all of it, or, where one of us reset the stream, its beginning.
    void expect_from(const RandomParty& peer) const {
        EXPECT_EQ(settled, Settled::done) << framing.failure();
        EXPECT_TRUE(peer.to_send_.starts_with(got));
        if (told == "end") {
            EXPECT_TRUE(peer.to_send_ == got);
        } else if (!resets_) {
            EXPECT_EQ(told, "reset");
        }
    }

    MemoryEnd end;
    StreamFraming framing;
    std::string got, told;
    std::optional<Settled> settled;

  private:
    std::size_t below(std::size_t n) { return random_() % n; }
    void read() {
        const std::string piece = read_once(framing, 1 + below(20'000));
        if (piece == "end" || piece == "reset" || piece == "broken") {
            told = piece;
        } else if (piece != "nothing") {
            got += piece;
        }
    }
    void send() {
        resets_ = resets_ || told == "reset";
        if (resets_ && framing.can_reset() && (told == "reset" || below(20) == 0)) {
            framing.reset_stream();
            has_ended_ = true;
        } else if (sent_ < to_send_.size()) {
            const ssize_t n = framing.write(std::string_view(to_send_).substr(sent_));
            if (n > 0) sent_ += static_cast<std::size_t>(n);
        } else if (!resets_ || framing.has_ended()) {
            framing.hold_end(framing.role() == Role::responder && !told.empty());
            has_ended_ = framing.shut_send() == 0;
        }
    }

    std::mt19937& random_;
    std::string to_send_;
    std::size_t sent_ = 0;
    bool resets_ = false, has_ended_ = false;
};

TEST(StreamFramingPairTest, any_streams_follow_one_another) {
    std::mt19937 random(1);  // NOLINT(*-msc51-cpp): the same at every run
    for (int connection = 0; connection < 200; ++connection) {
        RandomParty requester(Role::requester, random), responder(Role::responder, random);
        requester.end.connect(responder.end);
        requester.end.has_records = responder.end.has_records = connection % 2 == 1;
        for (int stream = 0; stream < 5; ++stream) {
            SCOPED_TRACE(std::to_string(connection) + ", stream " + std::to_string(stream));
            for (RandomParty* each : {&requester, &responder}) {
                const std::size_t size = random() % 3 == 0 ? random() % 40'000 : random() % 40;
                each->begin(some_bytes(size, static_cast<unsigned>(random())), random() % 4 == 0);
            }
            const std::string number = std::to_string(stream);
            requester.say("request " + number);
            requester.step();
            responder.hear("request " + number);
            responder.say("response " + number);
            responder.step();
            requester.hear("response " + number);
            for (int turn = 0; turn < 20'000 && !(requester.settled && responder.settled); ++turn) {
                (random() % 2 == 0 ? requester : responder).step();
            }
            requester.expect_from(responder);
            responder.expect_from(requester);
            ASSERT_TRUE(requester.end.arrived.empty() && responder.end.arrived.empty());
            ASSERT_FALSE(requester.end.got_other_bytes() || responder.end.got_other_bytes());
            if (HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace inout::stream_framing_pair_test
