// How the proxy opens a stream, and what it says where it can not.
#include <gtest/gtest.h>

#include "proxy_sessions.hpp"

namespace inout::proxy::pairing_test {
namespace {

using namespace std::chrono_literals;

using Pairing = ProxySessions;

TEST_F(Pairing, a_stream_to_a_topic_that_nobody_serves_is_refused) {
    const Out out = register_holder();
    EXPECT_EQ(refusal(come(opening("other"))), Code::no_topic);
}

TEST_F(Pairing, a_stream_is_opened_with_what_in_said_and_what_its_client_sent_first) {
    const Out out = register_holder();
    const Peer data = park(out);
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    const auto active = data.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(active->topic, kTopic);
    EXPECT_EQ(active->id, "0123456789abcdef");
    EXPECT_EQ(active->client, "192.0.2.1:5");
    EXPECT_EQ(data.hear_bytes(5), "first");
    EXPECT_TRUE(in.is_quiet()) << "out has not answered";
    data.say_bytes(encode(answer_of_out(*active)) + "banner");
    const auto answer = in.hear<Response>();
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->ok());
    EXPECT_EQ(answer->magic, "3");
    EXPECT_EQ(answer->request, "InRequest");
    EXPECT_EQ(answer->warm, kSpareKept);
    EXPECT_EQ(in.hear_bytes(6), "banner");
}

TEST_F(Pairing, bytes_and_ends_go_both_ways_through_an_open_stream) {
    const Out out = register_holder();
    Stream stream = open(out);
    stream.in.say_bytes("question");
    ::shutdown(stream.in.fd().get(), SHUT_WR);
    EXPECT_EQ(stream.data.hear_bytes(8), "question");
    EXPECT_EQ(stream.data.end(), End::fin);
    stream.data.say_bytes("answer");
    ::shutdown(stream.data.fd().get(), SHUT_WR);
    EXPECT_EQ(stream.in.hear_bytes(6), "answer");
    EXPECT_EQ(stream.in.end(), End::fin);
}

TEST_F(Pairing, an_open_stream_outlives_the_registration_that_it_came_by) {
    config.open_timeout = 20ms;
    std::optional<Out> out = register_holder();
    Stream stream = open(*out);
    out.reset();
    EXPECT_TRUE(becomes([] { return counters().controls == 0; }));
    EXPECT_EQ(refusal(come(opening())), Code::no_topic);
    stream.in.say_bytes("still");
    EXPECT_EQ(stream.data.hear_bytes(5), "still");
}

TEST_F(Pairing, a_refusal_of_out_reaches_in_with_its_code_and_words) {
    const Out out = register_holder();
    const Peer data = park(out);
    const Peer in = come(opening());
    answer(data, Code::backend_refused);
    const auto answer = in.hear<Response>();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->code, Code::backend_refused);
    EXPECT_EQ(answer->message, "as out says");
    EXPECT_EQ(in.end(), End::fin);
}

TEST_F(Pairing, a_stream_for_which_no_data_connection_comes_is_refused_when_its_time_is_over) {
    config.open_timeout = 20ms;
    const Out out = register_holder();
    EXPECT_EQ(refusal(come(opening())), Code::open_timeout);
}

TEST_F(Pairing, a_stream_that_out_does_not_answer_is_refused_when_its_time_is_over) {
    config.answer_timeout = 20ms;
    const Out out = register_holder();
    const Peer data = park(out);
    EXPECT_EQ(refusal(come(opening())), Code::open_timeout);
    EXPECT_TRUE(data.hear<DataActiveRequest>());
    EXPECT_EQ(data.end(), End::rst);
}

TEST_F(Pairing, a_stream_waits_for_a_data_connection_and_out_hears_that_it_does) {
    const Out out = register_out();
    EXPECT_EQ(wanted_by_proxy(out), 1U);
    const Peer in = come(opening());
    const auto asked = out.control.hear<NewDataRequest>();
    ASSERT_TRUE(asked);
    EXPECT_TRUE(asked->waiting);
    const Peer data = come(parking(out.answer.ticket));
    answer(data);
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, a_stream_to_a_topic_that_was_here_is_opened_by_the_out_that_comes_back) {
    std::optional<Out> out = register_holder();
    out.reset();
    ASSERT_TRUE(becomes([] { return counters().controls == 0; }));
    const std::size_t before = counters().opening;
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 1; }));
    EXPECT_EQ(refusal(come(opening("other"))), Code::no_topic);
    EXPECT_TRUE(in.is_quiet());
    const Out back = register_out();
    const auto asked = back.control.hear<NewDataRequest>();
    ASSERT_TRUE(asked);
    const Peer data = come(parking(back.answer.ticket));
    const auto active = data.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(data.hear_bytes(5), "first");
    data.say(answer_of_out(*active));
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, a_stream_that_waits_for_a_topics_return_is_told_when_the_proxy_ends) {
    std::optional<Out> out = register_holder();
    out.reset();
    ASSERT_TRUE(becomes([] { return counters().controls == 0; }));
    const std::size_t before = counters().opening;
    const Peer in = come(opening());
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 1; }));
    state().directory.close();
    EXPECT_EQ(refusal(in), Code::draining);
}

TEST_F(Pairing, a_data_connection_that_ends_at_its_use_is_skipped_for_the_next) {
    const Out out = register_holder();
    const Peer next = park(out);
    std::optional<Peer> dying = park(out);
    const Peer in = come(opening());
    EXPECT_TRUE(dying->hear<DataActiveRequest>());
    dying.reset();
    answer(next);
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, what_a_client_has_sent_goes_into_one_data_connection_only) {
    const Out out = register_holder();
    const Peer next = park(out);
    std::optional<Peer> dying = park(out);
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    EXPECT_TRUE(dying->hear<DataActiveRequest>());
    EXPECT_EQ(dying->hear_bytes(5), "first");
    dying.reset();
    EXPECT_EQ(refusal(in), Code::no_out);
    EXPECT_TRUE(next.is_quiet());
}

TEST_F(Pairing, what_a_client_has_sent_goes_to_the_next_where_nothing_was_begun_with_it) {
    const Out out = register_holder();
    const Peer next = park(out);
    const Peer ending = park(out);
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    EXPECT_TRUE(ending.hear<DataActiveRequest>());
    EXPECT_EQ(ending.hear_bytes(5), "first");
    in.say_bytes(" second");
    EXPECT_EQ(ending.hear_bytes(7), " second");
    ending.say(Response{.request = "none", .message = "ended", .code = Code::limit, .retry = true});
    const auto active = next.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(next.hear_bytes(12), "first second");
    in.say_bytes(" third");
    EXPECT_EQ(next.hear_bytes(6), " third");
    next.say(answer_of_out(*active));
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, what_a_client_has_sent_goes_to_the_next_in_line_only_on_the_word_of_the_first) {
    for (const bool untouched : {false, true}) {
        const Out holder = register_holder();
        OutRequest request = registration_of_topic();
        request.standby = true;
        const Out next = register_out(request);
        const Peer first = park(holder);
        const Peer in = come();
        in.say_bytes(encode(opening()) + "first");
        const auto active = first.hear<DataActiveRequest>();
        ASSERT_TRUE(active);
        EXPECT_EQ(first.hear_bytes(5), "first");
        Response ending = answer_of_out(*active, Code::draining);
        ending.retry = untouched;
        first.say(ending);
        if (!untouched) {
            EXPECT_EQ(refusal(in), Code::draining);
            continue;
        }
        const Peer second = come(parking(next.answer.ticket));
        EXPECT_TRUE(second.hear<DataActiveRequest>());
        EXPECT_EQ(second.hear_bytes(5), "first");
    }
}

TEST_F(Pairing, a_stream_that_its_out_refuses_goes_to_the_next_in_line_with_what_came_first) {
    const Out holder = register_holder();
    const Out next = register_standby();
    const Peer first = park(holder);
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    refuse_exactly(first, Code::backend_refused);
    const auto asked = next.control.hear<NewDataRequest>();
    ASSERT_TRUE(asked);
    EXPECT_TRUE(asked->waiting);
    const Peer second = come(parking(next.answer.ticket));
    const auto active = second.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    EXPECT_EQ(second.hear_bytes(5), "first");
    second.say(answer_of_out(*active));
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
    EXPECT_TRUE(opened->out.empty()) << "it is told to who can not know otherwise";
}

TEST_F(Pairing, a_stream_that_all_outs_refuse_fails_with_the_first_reason_and_may_go_elsewhere) {
    const Out holder = register_holder();
    const Out next = register_standby();
    const Peer first = park(holder);
    const Peer in = come();
    in.say_bytes(encode(opening()) + "first");
    refuse_exactly(first, Code::backend_timeout);
    const Peer second = come(parking(next.answer.ticket));
    refuse_exactly(second, Code::backend_refused);
    const auto refused = in.hear<Response>();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, Code::backend_timeout);
    EXPECT_TRUE(refused->retry);
}

TEST_F(Pairing, a_stream_that_is_refused_for_itself_or_inexactly_is_not_tried_again) {
    const Out holder = register_holder();
    const Out next = register_standby();
    for (const bool exact : {true, false}) {
        const Peer first = park(holder);
        const Peer in = come();
        in.say_bytes(encode(opening()) + "first");
        if (exact) {
            refuse_exactly(first, Code::e2e);
        } else {
            answer(first, Code::backend_refused);
        }
        const auto refused = in.hear<Response>();
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->code, exact ? Code::e2e : Code::backend_refused);
        EXPECT_EQ(refused->retry, exact);
    }
    EXPECT_TRUE(next.control.is_quiet());
}

TEST_F(Pairing, an_in_that_encrypts_hears_which_out_it_has_and_can_leave_it_out) {
    OutRequest with_instance = registration_of_topic();
    with_instance.instance = "237e13c2";
    const Out holder = register_out(with_instance);
    EXPECT_EQ(wanted_by_proxy(holder), 1U);
    const Out next = register_standby();
    InRequest request = opening();
    request.e2e = true;
    const Peer first = park(holder);
    const Peer in = come(request);
    answer(first);
    const auto opened = in.hear<Response>();
    ASSERT_TRUE(opened && opened->ok());
    // The first 4 bytes of HMAC-SHA256 under the instance: `printf 'inout out name 1' | openssl
    // dgst -sha256 -hmac 237e13c2`.
    EXPECT_EQ(opened->out, "751677f2");
    request.tried = opened->out;
    const Peer again = come(request);
    const Peer second = come(parking(next.answer.ticket));
    answer(second);
    const auto reopened = again.hear<Response>();
    ASSERT_TRUE(reopened && reopened->ok());
    EXPECT_EQ(reopened->out.size(), kOutNameDigits);
    request.tried += "," + reopened->out;
    EXPECT_EQ(refusal(come(request)), Code::no_out);
}

TEST_F(Pairing, an_out_that_answers_that_it_drains_is_left_for_the_next_in_line) {
    const Out holder = register_holder();
    OutRequest request = registration_of_topic();
    request.standby = true;
    const Out next = register_out(request);
    const Peer first = park(holder);
    const Peer in = come(opening());
    answer(first, Code::draining);
    const auto promoted = next.control.hear_among_others<Notice>();
    ASSERT_TRUE(promoted);
    EXPECT_EQ(promoted->code, NoticeCode::promoted);
    const Peer second = come(parking(next.answer.ticket));
    answer(second);
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, a_stream_whose_in_resets_leaves_its_data_connection_to_the_next) {
    const Out out = register_holder();
    const std::size_t before = counters().opening;
    Peer leaving = come(opening());
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 1; }));
    const Peer staying = come(opening());
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 2; }));
    reset(leaving.fd());
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 1; }));
    const Peer data = come(parking(out.answer.ticket));
    answer(data);
    const auto opened = staying.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(Pairing, a_data_connection_is_reset_when_in_resets_before_out_has_answered) {
    const Out out = register_holder();
    const Peer data = park(out);
    Peer in = come(opening());
    EXPECT_TRUE(data.hear<DataActiveRequest>());
    reset(in.fd());
    EXPECT_EQ(data.end(), End::rst);
}

TEST_F(Pairing, no_more_streams_of_a_topic_run_or_wait_than_may) {
    config.limits.streams_per_topic = 2;
    config.limits.waiting = 1;
    const Out out = register_holder();
    const std::size_t before = counters().opening;
    std::optional<Stream> running = open(out);
    Peer waiting = come(opening());
    ASSERT_TRUE(becomes([&] { return counters().opening == before + 1; }));
    EXPECT_EQ(refusal(come(opening())), Code::limit) << "two are there";
    reset(running->in.fd());
    EXPECT_EQ(running->data.end(), End::rst);
    ASSERT_TRUE(becomes([&] { return worker.relays().size() == 0; }));
    EXPECT_EQ(refusal(come(opening())), Code::limit) << "one waits";
    reset(waiting.fd());
}

}  // namespace
}  // namespace inout::proxy::pairing_test
