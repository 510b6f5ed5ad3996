// Connections of ins and outs that carry one stream after another through the proxy.
#include <gtest/gtest.h>

#include "../logged.hpp"
#include "../stream_frames.hpp"
#include "proxy_sessions.hpp"

namespace inout::proxy::reuse_test {
namespace {

class Reuse : public ProxySessions {
  protected:
    static void SetUpTestSuite() { log::start("tests", log::Level::error, log::Format::text); }

    static OutDataRequest reusable(const std::string& ticket) {
        OutDataRequest request = parking(ticket);
        request.reuse = true;
        return request;
    }
    Peer park_reusable(const Out& out) {
        const std::size_t before = counters().parked;
        Peer data = come(reusable(out.answer.ticket));
        EXPECT_TRUE(becomes([&] { return counters().parked == before + 1; }));
        return data;
    }
    /// The first request of an in that knows frames, and so many bytes behind it.
    static InRequest fresh(unsigned early = 0) {
        InRequest request = opening();
        request.early = early;
        return request;
    }
    static InRequest later(unsigned use) {
        InRequest request = opening();
        request.use = use;
        return request;
    }
    /// Hears the activation of the use-th stream and answers it.
    static void answer_use(const Peer& data, unsigned use) {
        const auto active = data.hear<DataActiveRequest>();
        ASSERT_TRUE(active);
        EXPECT_EQ(active->use, use);
        data.say(answer_of_out(*active));
    }
    /// A stream that is open and has frames on both sides.
    Stream open_framed(const Out& out) {
        Peer data = park_reusable(out);
        Peer in = come(fresh());
        answer_use(data, 1);
        const auto response = in.hear<Response>();
        EXPECT_TRUE(response && response->ok() && response->reuse);
        EXPECT_EQ(response ? response->nonce.size() : 0, kNonceDigits);
        return {std::move(in), std::move(data)};
    }
    /// Ends it from both sides; both connections are between streams then.
    void end(const Stream& stream) {
        stream.in.say_bytes(frames::fin(0));
        EXPECT_EQ(stream.data.hear_bytes(12), frames::fin(0));
        stream.data.say_bytes(frames::fin(0) + frames::free());
        EXPECT_EQ(stream.in.hear_bytes(16), frames::fin(0) + frames::free());
        EXPECT_TRUE(becomes([] { return counters().warm == 1 && counters().parked == 1; }));
    }
};

TEST_F(Reuse, both_connections_of_a_stream_carry_the_next_one) {
    const Out out = register_holder();
    const Stream stream = open_framed(out);
    stream.in.say_bytes(frames::data("question"));
    EXPECT_EQ(stream.data.hear_bytes(12), frames::data("question"));
    stream.data.say_bytes(frames::data("answer") + frames::fin(6));
    EXPECT_EQ(stream.in.hear_bytes(22), frames::data("answer") + frames::fin(6));
    stream.in.say_bytes(frames::fin(8));
    EXPECT_EQ(stream.data.hear_bytes(12), frames::fin(8));
    EXPECT_TRUE(stream.in.is_quiet()) << "out has not said that all has arrived";
    stream.data.say_bytes(frames::free());
    EXPECT_EQ(stream.in.hear_bytes(4), frames::free());
    EXPECT_TRUE(becomes([] { return counters().warm == 1 && counters().parked == 1; }));
    EXPECT_EQ(worker.relays().size(), 0U);

    stream.in.say_bytes(encode(later(2)) + frames::data("early"));
    answer_use(stream.data, 2);
    EXPECT_EQ(stream.data.hear_bytes(9), frames::data("early"));
    const auto response = stream.in.hear<Response>();
    ASSERT_TRUE(response && response->ok());
    EXPECT_FALSE(response->reuse) << "that is agreed";
    EXPECT_EQ(counters().warm, 0U);
    stream.in.say_bytes(frames::fin(5));
    EXPECT_EQ(stream.data.hear_bytes(12), frames::fin(5));
    stream.data.say_bytes(frames::fin(0) + frames::free());
    EXPECT_EQ(stream.in.hear_bytes(16), frames::fin(0) + frames::free());
}

TEST_F(Reuse, the_first_bytes_on_a_fresh_connection_have_no_header) {
    const Out out = register_holder();
    const Peer data = park_reusable(out);
    const Peer in = come();
    in.say_bytes(encode(fresh(5)) + "early");
    const auto active = data.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(data.hear_bytes(9), frames::data("early"));
    data.say(answer_of_out(*active));
    ASSERT_TRUE(in.hear<Response>());
    in.say_bytes(frames::data("more") + frames::fin(9));
    EXPECT_EQ(data.hear_bytes(20), frames::data("more") + frames::fin(9));
}

TEST_F(Reuse, an_in_that_does_not_know_frames_is_served_without_beside_an_out_that_does) {
    const Out out = register_holder();
    const Peer data = park_reusable(out);
    Peer in = come(opening());
    answer_use(data, 1);
    const auto response = in.hear<Response>();
    ASSERT_TRUE(response && response->ok());
    EXPECT_FALSE(response->reuse);
    EXPECT_TRUE(response->nonce.empty());
    in.say_bytes("raw");
    EXPECT_EQ(data.hear_bytes(7), frames::data("raw"));
    ::shutdown(in.fd().get(), SHUT_WR);
    EXPECT_EQ(data.hear_bytes(12), frames::fin(3));
    data.say_bytes(frames::fin(0) + frames::free());
    EXPECT_EQ(in.end(), End::fin);
    EXPECT_TRUE(becomes([] { return counters().parked == 1; })) << "it is there for the next";
}

TEST_F(Reuse, an_out_that_does_not_know_frames_is_served_without_beside_an_in_that_does) {
    const Out out = register_holder();
    Peer data = park(out);
    const Peer in = come(fresh());
    const auto active = data.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(active->use, 0U);
    data.say(answer_of_out(*active));
    ASSERT_TRUE(in.hear<Response>());
    data.say_bytes("raw");
    EXPECT_EQ(in.hear_bytes(7), frames::data("raw"));
    in.say_bytes(frames::fin(0));
    EXPECT_EQ(data.end(), End::fin);
    ::shutdown(data.fd().get(), SHUT_WR);
    EXPECT_EQ(in.hear_bytes(16), frames::fin(3) + frames::free());
}

TEST_F(Reuse, a_spare_connection_is_framed_if_both_sides_know_it) {
    const Out out = register_holder();
    const Peer data = park_reusable(out);
    const Peer in = come(InWarmRequest{.magic = "4", .version = "0.0.1", .reuse = true});
    const auto kept = in.hear<Response>();
    ASSERT_TRUE(kept && kept->ok() && kept->reuse);
    EXPECT_EQ(kept->nonce.size(), kNonceDigits);
    in.say_bytes(encode(later(1)) + frames::data("early"));
    answer_use(data, 1);
    EXPECT_EQ(data.hear_bytes(9), frames::data("early"));
    const Peer old = come(InWarmRequest{.magic = "5", .version = "0.0.1"});
    const auto kept_old = old.hear<Response>();
    ASSERT_TRUE(kept_old && kept_old->ok());
    EXPECT_FALSE(kept_old->reuse);
}

TEST_F(Reuse, a_request_out_of_turn_is_no_stream) {
    const Out out = register_holder();
    Stream stream = open_framed(out);
    for (unsigned data_use = 1; const unsigned use : {0U, 1U, 3U}) {
        end(stream);
        stream.in.say(later(use));
        EXPECT_EQ(stream.in.end(), End::rst) << use;
        EXPECT_TRUE(stream.data.is_quiet());
        stream.in = come(fresh());
        answer_use(stream.data, ++data_use);
        EXPECT_TRUE(stream.in.hear<Response>());
    }
    EXPECT_EQ(refusal(come(later(1))), Code::malformed) << "nothing was agreed here";
}

TEST_F(Reuse, a_request_in_the_bytes_of_a_stream_stays_its_bytes) {
    const Out out = register_holder();
    const Stream stream = open_framed(out);
    const std::string planted = encode(later(2)) + frames::fin(0) + frames::free();
    stream.in.say_bytes(frames::data(planted));
    EXPECT_EQ(stream.data.hear_bytes(planted.size() + 4), frames::data(planted));
    EXPECT_EQ(worker.relays().size(), 1U);
}

TEST_F(Reuse, a_request_before_the_last_stream_is_free_is_none) {
    const Out out = register_holder();
    const Stream stream = open_framed(out);
    stream.in.say_bytes(frames::fin(0) + encode(later(2)));
    EXPECT_EQ(stream.in.end(), End::rst);
    EXPECT_EQ(stream.data.end(), End::rst);
}

TEST_F(Reuse, a_reset_is_passed_on_in_frames_and_costs_no_connection) {
    const Out out = register_holder();
    const Stream stream = open_framed(out);
    stream.in.say_bytes(frames::data("a") + frames::reset());
    EXPECT_EQ(stream.data.hear_bytes(9), frames::data("a") + frames::reset());
    EXPECT_EQ(stream.in.hear_bytes(8), frames::reset() + frames::free());
    stream.data.say_bytes(frames::data("late") + frames::reset() + frames::free());
    EXPECT_TRUE(becomes([] { return counters().warm == 1 && counters().parked == 1; }));
}

TEST_F(Reuse, a_connection_that_ends_within_frames_is_a_reset_for_the_other_side) {
    const Out out = register_holder();
    Stream stream = open_framed(out);
    ::shutdown(stream.data.fd().get(), SHUT_WR);
    EXPECT_EQ(stream.in.hear_bytes(4), frames::reset());
}

TEST_F(Reuse, a_proxy_that_ends_takes_no_connection_back) {
    const Out out = register_holder();
    const Stream stream = open_framed(out);
    state().draining = true;
    stream.in.say_bytes(frames::fin(0));
    EXPECT_EQ(stream.data.hear_bytes(12), frames::fin(0));
    stream.data.say_bytes(frames::fin(0) + frames::free());
    EXPECT_EQ(stream.in.hear_bytes(12), frames::fin(0));
    EXPECT_EQ(stream.in.end(), End::fin);
}

TEST_F(Reuse, a_connection_of_a_registration_that_is_over_ends) {
    std::optional<Out> out = register_holder();
    const Stream stream = open_framed(*out);
    out.reset();
    EXPECT_TRUE(becomes([] { return counters().controls == 0; }));
    stream.in.say_bytes(frames::fin(0));
    EXPECT_EQ(stream.data.hear_bytes(12), frames::fin(0));
    stream.data.say_bytes(frames::fin(0) + frames::free());
    EXPECT_EQ(stream.data.end(), End::fin);
    EXPECT_EQ(stream.in.hear_bytes(16), frames::fin(0) + frames::free());
}

}  // namespace
}  // namespace inout::proxy::reuse_test
