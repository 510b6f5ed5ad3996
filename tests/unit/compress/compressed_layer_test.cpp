// CompressedLayer: over wires that take bytes as they like, its content comes as it was written,
// with the ends of the layer below, and what was not taken is still its writer's.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "../net/memory_wire.hpp"
#include "common/compress/compressed_layer.hpp"
#include "texts.hpp"

namespace inout::compressed_layer_test {
namespace {

using texts::access_log;
using texts::noise;
using Rest = CompressedLayer::Rest;

struct Pair {
    Pair() {
        left_wire.connect(right_wire);
        for (CompressedLayer* each : {&left, &right}) {
            each->begin_sending();
            each->begin_receiving({});
        }
    }
    /// Once all that is there has come; the errno that follows is in `error`, 0 for the end.
    std::string read_all(CompressedLayer& from, std::size_t at_once = 16'384) {
        std::string all;
        std::vector<char> into(at_once);
        ssize_t n = 0;
        while ((n = from.read(into)) > 0) all.append(into.data(), static_cast<std::size_t>(n));
        error = n < 0 ? errno : 0;
        return all;
    }

    MemoryEnd left_wire, right_wire;
    CompressedLayer left{left_wire}, right{right_wire};
    int error = -1;
};

TEST(CompressedLayer, is_not_there_until_it_begins) {
    MemoryEnd one, two;
    one.connect(two);
    CompressedLayer layer(one), other(two);
    EXPECT_EQ(layer.write("hello"), 5);
    EXPECT_EQ(two.arrived, "hello");
    std::array<char, 8> into;
    EXPECT_EQ(other.read(into), 5);
}

TEST(CompressedLayer, carries_content_and_its_end) {
    Pair pair;
    const std::string log = access_log(200'000);
    EXPECT_EQ(pair.left.write(log), static_cast<ssize_t>(log.size()));
    EXPECT_TRUE(pair.read_all(pair.right) == log);
    EXPECT_EQ(pair.error, EAGAIN);
    EXPECT_TRUE(pair.right.is_drained());
    EXPECT_LT(pair.left.wire_sent(), log.size() / 4);
    EXPECT_EQ(pair.right.wire_received(), pair.left.wire_sent());
    EXPECT_EQ(pair.left.shut_send(), 0);
    EXPECT_EQ(pair.read_all(pair.right), "");
    EXPECT_EQ(pair.error, 0);
}

TEST(CompressedLayer, takes_a_write_when_all_of_it_has_left) {
    for (const bool has_records : {false, true}) {
        Pair pair;
        pair.left_wire.has_records = has_records;
        pair.left_wire.room = 1'000;
        const std::string content = noise(9'000);
        EXPECT_EQ(pair.left.write(content), -1);
        EXPECT_EQ(errno, EAGAIN);
        pair.left_wire.room = 1'000;
        EXPECT_EQ(pair.left.write(content), -1);
        pair.left_wire.room = MemoryEnd::kNoLimit;
        EXPECT_EQ(pair.left.write(content + "more"), static_cast<ssize_t>(content.size() + 4));
        EXPECT_FALSE(pair.left_wire.got_other_bytes());
        EXPECT_TRUE(pair.read_all(pair.right) == content + "more");
    }
}

TEST(CompressedLayer, keeps_every_byte_however_little_its_wire_takes) {
    std::minstd_rand random(5);
    Pair pair;
    std::string content;
    for (int i = 0; i < 6; ++i) {
        content += access_log(20'000 + random() % 60'000) + noise(random() % 90'000);
    }
    std::string_view left = content;
    std::string got;
    while (!left.empty()) {
        pair.left_wire.room = random() % 6'000;
        pair.left_wire.at_once = 1 + random() % 2'000;
        const std::size_t size = std::min<std::size_t>(left.size(), 1 + random() % 40'000);
        const ssize_t n = pair.left.write(left.substr(0, size));
        if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
        // What comes again has to be as much as it was.
        while (n < static_cast<ssize_t>(size) && !left.empty()) {
            pair.left_wire.room = 1 + random() % 9'000;
            const ssize_t more = pair.left.write(left.substr(0, 40'000));
            if (more > 0) left.remove_prefix(static_cast<std::size_t>(more));
            if (more > 0) break;
        }
        got += pair.read_all(pair.right, 1 + random() % 5'000);
    }
    pair.left_wire.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(pair.left.shut_send(), 0);
    got += pair.read_all(pair.right);
    EXPECT_TRUE(got == content);
    EXPECT_EQ(pair.error, 0);
}

TEST(CompressedLayer, lets_both_sides_memory_go_when_it_has_rested) {
    Pair pair;
    pair.left.write(access_log(30'000));
    pair.read_all(pair.right);
    EXPECT_EQ(zstd_writers() + zstd_readers(), 2U);
    EXPECT_EQ(pair.left.rest(), Rest::none);  // it was used since
    EXPECT_EQ(pair.left.rest(), Rest::sent);
    EXPECT_EQ(pair.left.rest(), Rest::none);
    EXPECT_EQ(pair.read_all(pair.right), "");
    EXPECT_EQ(pair.error, EAGAIN);
    EXPECT_EQ(zstd_writers() + zstd_readers(), 0U);
    pair.left.write(access_log(30'000));
    EXPECT_EQ(pair.read_all(pair.right), access_log(30'000));
}

TEST(CompressedLayer, sends_the_rest_of_that_word_when_there_is_room) {
    Pair pair;
    pair.left.write(access_log(30'000));
    pair.left.rest();
    pair.left_wire.room = 2;
    EXPECT_EQ(pair.left.rest(), Rest::waits);
    EXPECT_EQ(pair.left.rest(), Rest::none);
    EXPECT_EQ(pair.left.send_rest(), Rest::waits);
    EXPECT_EQ(pair.read_all(pair.right), access_log(30'000));
    EXPECT_EQ(zstd_readers(), 1U);
    pair.left_wire.room = 2;
    EXPECT_EQ(pair.left.send_rest(), Rest::sent);
    EXPECT_EQ(pair.read_all(pair.right), "");
    EXPECT_EQ(zstd_readers(), 0U);
}

TEST(CompressedLayer, tells_an_error_that_the_word_of_rest_has_met) {
    Pair pair;
    pair.left.write(access_log(30'000));
    pair.left.rest();
    pair.left_wire.is_cut_off = true;
    EXPECT_EQ(pair.left.rest(), Rest::failed);
    EXPECT_EQ(errno, EPIPE);
}

TEST(CompressedLayer, sends_the_rest_of_that_word_before_what_comes_next) {
    Pair pair;
    pair.left.write(access_log(30'000));
    pair.left.rest();
    pair.left_wire.room = 2;
    EXPECT_EQ(pair.left.rest(), Rest::waits);
    EXPECT_EQ(pair.left.write("next"), -1);
    pair.left_wire.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(pair.left.write("next"), 4);
    EXPECT_EQ(pair.read_all(pair.right), access_log(30'000) + "next");
}

TEST(CompressedLayer, says_what_is_wrong_behind_what_came_before) {
    Pair pair;
    pair.left.write("good");
    pair.right_wire.arrived += "XXXX";
    EXPECT_EQ(pair.read_all(pair.right), "good");
    EXPECT_EQ(pair.error, EPROTO);
    EXPECT_EQ(pair.right.last_error().category(), compression_category());
    EXPECT_EQ(pair.right.failure(), "a block of unknown kind");
    EXPECT_FALSE(pair.right.is_drained());
    EXPECT_FALSE(pair.right.is_quiet());
    pair.read_all(pair.right);
    EXPECT_EQ(pair.error, EPROTO);
}

TEST(CompressedLayer, takes_no_clean_end_within_a_block_for_one) {
    Pair pair;
    pair.left.write(access_log(5'000));
    pair.right_wire.arrived.pop_back();
    pair.right_wire.has_ended = true;
    pair.read_all(pair.right);
    EXPECT_EQ(pair.error, EPROTO);
    EXPECT_EQ(pair.right.failure(), "the end within a block");
}

TEST(CompressedLayer, takes_over_what_was_read_ahead) {
    MemoryEnd one, two;
    one.connect(two);
    CompressedLayer sender(one), receiver(two);
    EXPECT_EQ(sender.write("plain"), 5);
    sender.begin_sending(5);
    sender.write(access_log(3'000));
    const std::string ahead = std::exchange(two.arrived, {});
    sender.write("more");
    receiver.begin_receiving(ahead, 5);
    EXPECT_FALSE(receiver.is_drained());
    std::array<char, 4'096> into;
    std::string got;
    for (ssize_t n = 0; (n = receiver.read(into)) > 0;) {
        got.append(into.data(), static_cast<std::size_t>(n));
    }
    EXPECT_EQ(got, "plain" + access_log(3'000) + "more");
    EXPECT_EQ(receiver.wire_received(), sender.wire_sent());
}

}  // namespace
}  // namespace inout::compressed_layer_test
