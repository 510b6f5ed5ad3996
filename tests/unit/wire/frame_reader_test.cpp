#include "common/wire/frame_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/base/limits.hpp"
#include "common/wire/message.hpp"

namespace inout::frame_reader_test {
namespace {

using State = FrameReader::State;

/// One write of the original: a header or a body.
struct Frame {
    explicit Frame(const Message& message) : all(encode(message)) {}
    std::string header() const { return all.substr(0, kFrameHeaderBytes); }
    std::string body() const { return all.substr(kFrameHeaderBytes); }
    std::string all;
};

/// The bodies that come out when the reader gets exactly what it asks for; "garbage" is the last
/// one if it says so, "hungry" if it asks for more than there is before it is idle.
std::vector<std::string> read(std::string_view bytes) {
    FrameReader reader(kFrameBodyMaxBytes);
    std::vector<std::string> bodies;
    while (true) {
        switch (reader.next()) {
            case State::body: bodies.push_back(reader.body()); break;
            case State::garbage: bodies.emplace_back("garbage"); return bodies;
            case State::incomplete:
                if (bytes.empty()) {
                    if (!reader.is_idle()) bodies.emplace_back("hungry");
                    return bodies;
                }
                const std::string_view part = bytes.substr(0, reader.wanted());
                reader.add(part);
                bytes.remove_prefix(part.size());
        }
    }
}

class FrameReaderTest : public testing::Test {
  protected:
    const Frame parked{
        Response{.magic = std::string(32, 'a'), .request = "OutDataRequest", .ext = true}};
    const Frame active{DataActiveRequest{.magic = std::string(32, 'b'), .topic = "t", .id = "0"}};
    const Frame pong{Pong{}};
    const Frame wanted{NewDataRequest{.magic = std::string(32, 'c'), .topic = "a topic"}};
};

TEST_F(FrameReaderTest, frames_in_a_row_come_one_by_one) {
    EXPECT_EQ(read(parked.all + active.all + pong.all),
              (std::vector{parked.body(), active.body(), pong.body()}));
}

TEST_F(FrameReaderTest, two_writers_are_told_apart_in_every_order) {
    for (const auto& [a, b] : {std::pair(parked, active), std::pair(active, parked),
                               std::pair(pong, wanted), std::pair(wanted, pong)}) {
        const std::string headers = a.header() + b.header();
        EXPECT_EQ(read(headers + a.body() + b.body()), (std::vector{a.body(), b.body()}));
        EXPECT_EQ(read(headers + b.body() + a.body()), (std::vector{b.body(), a.body()}));
    }
}

TEST_F(FrameReaderTest, bodies_of_one_length_come_in_their_order) {
    const Frame one{NewDataRequest{.magic = std::string(32, '1'), .topic = "t"}};
    const Frame two{NewDataRequest{.magic = std::string(32, '2'), .topic = "t"}};
    EXPECT_EQ(read(one.header() + two.header() + two.body() + one.body()),
              (std::vector{two.body(), one.body()}));
}

TEST_F(FrameReaderTest, a_body_may_hold_braces_and_quotes_in_its_texts) {
    const Frame odd{Response{.magic = "m", .request = "x", .message = R"(}"{\"}} {)"}};
    EXPECT_EQ(read(odd.header() + pong.header() + odd.body() + pong.body()),
              (std::vector{odd.body(), pong.body()}));
    EXPECT_EQ(read(pong.header() + odd.header() + odd.body() + pong.body()),
              (std::vector{odd.body(), pong.body()}));
}

/// Its lowest byte is an opening brace's.
TEST_F(FrameReaderTest, a_length_that_looks_like_a_body_is_a_length) {
    Frame frame{pong};
    for (std::size_t size = 1; frame.body().size() != 0x7b; ++size) {
        frame = Frame(NewDataRequest{.magic = "m", .topic = std::string(size, 't')});
        ASSERT_LE(frame.body().size(), 0x7bU);
    }
    EXPECT_EQ(read(pong.header() + frame.header() + frame.body() + pong.body()),
              (std::vector{frame.body(), pong.body()}));
}

/// Each writer keeps to its own order; how the two mix is chance.
TEST_F(FrameReaderTest, two_writers_without_end_are_told_apart_and_nothing_is_read_beyond) {
    std::mt19937 chance(1);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> pieces[2], expected;
        for (int i = 0; i < 10; ++i) {
            for (auto& writer : pieces) {
                const Frame frame =
                    &writer == &pieces[0] && chance() % 2 == 0
                        ? pong
                        : Frame{NewDataRequest{.magic = std::to_string(i),
                                               .topic = std::string(1 + chance() % 200, 't')}};
                writer.push_back(frame.header());
                writer.push_back(frame.body());
            }
        }
        std::string bytes;
        std::size_t at[2] = {0, 0};
        while (at[0] < pieces[0].size() || at[1] < pieces[1].size()) {
            const std::size_t who = at[0] == pieces[0].size()   ? 1
                                    : at[1] == pieces[1].size() ? 0
                                                                : chance() % 2;
            const std::string& piece = pieces[who][at[who]++];
            bytes += piece;
            if (at[who] % 2 == 0) expected.push_back(piece);
        }
        ASSERT_EQ(read(bytes), expected) << "round " << round;
    }
}

TEST_F(FrameReaderTest, what_no_order_explains_is_garbage) {
    const std::string late = parked.all;
    EXPECT_EQ(read(active.all.substr(0, 20) + late + active.all.substr(20)).back(), "garbage");
    EXPECT_EQ(read(pong.header() + pong.header() + pong.all).back(), "garbage");
    EXPECT_EQ(read(std::string(64, '\xff')).back(), "garbage");
    EXPECT_EQ(read(pong.header() + "SSH-2.0-OpenSSH_9.2p1 and so on").front(),
              std::string("SSH-2.0-OpenSSH_9.2p1 and so on").substr(0, pong.body().size()))
        << "whether a single body is a message is for its decoder to say";
}

TEST_F(FrameReaderTest, an_end_in_the_middle_leaves_it_hungry) {
    EXPECT_EQ(read(pong.all.substr(0, 20)), std::vector<std::string>{"hungry"});
    EXPECT_EQ(read(pong.header() + wanted.header() + pong.body()),
              (std::vector<std::string>{pong.body(), "hungry"}));
}

}  // namespace
}  // namespace inout::frame_reader_test
