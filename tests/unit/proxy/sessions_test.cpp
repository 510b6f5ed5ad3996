// What the proxy says to an out: its registration, and the data connections that it parks.
#include "proxy_sessions.hpp"

namespace inout::proxy::sessions_test {
namespace {

TEST_F(ProxySessions, an_out_gets_a_ticket_and_is_asked_for_connections) {
    const Out out = register_out();
    EXPECT_EQ(out.answer.request, "OutRequest");
    EXPECT_EQ(out.answer.magic, "1");
    EXPECT_EQ(out.answer.ticket.size(), kTicketDigits);
    EXPECT_EQ(out.answer.position, 0U);
    EXPECT_EQ(out.answer.proxy, state().proxy_id);
    EXPECT_TRUE(out.answer.quiet);
    const auto asked = out.control.hear<NewDataRequest>();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->topic, kTopic);
    EXPECT_EQ(asked->count, 1U);
    EXPECT_FALSE(asked->waiting);
}

TEST_F(ProxySessions, a_ping_is_answered_and_what_does_not_belong_there_ends_a_registration) {
    config.open_timeout = Milliseconds{20};
    const Out out = register_holder();
    out.control.say(Ping{});
    EXPECT_TRUE(out.control.hear<Pong>());
    out.control.say(opening());
    EXPECT_NE(out.control.end(), End::none);
    EXPECT_EQ(refusal(come(opening())), Code::no_topic);
}

TEST_F(ProxySessions, a_newer_out_displaces_the_older_which_is_promoted_when_it_ends) {
    const Out older = register_holder();
    {
        const Out newer = register_holder();
        const auto displaced = older.control.hear_among_others<Notice>();
        ASSERT_TRUE(displaced);
        EXPECT_EQ(displaced->code, NoticeCode::displaced);
    }
    const auto promoted = older.control.hear_among_others<Notice>();
    ASSERT_TRUE(promoted);
    EXPECT_EQ(promoted->code, NoticeCode::promoted);
}

TEST_F(ProxySessions, an_out_that_stands_by_waits_and_one_that_drains_makes_room_for_it) {
    const Out holder = register_holder();
    OutRequest request = registration_of_topic();
    request.standby = true;
    const Out next = register_out(request);
    EXPECT_EQ(next.answer.position, 1U);
    holder.control.say(Notice{NoticeCode::draining, "ends"});
    const auto promoted = next.control.hear_among_others<Notice>();
    ASSERT_TRUE(promoted);
    EXPECT_EQ(promoted->code, NoticeCode::promoted);
}

TEST_F(ProxySessions, a_data_connection_is_answered_when_it_is_parked_unless_it_wants_no_answer) {
    const Out out = register_holder();
    const Peer quiet = park(out);
    EXPECT_TRUE(quiet.is_quiet());
    const Peer talking = come(parking(out.answer.ticket, false));
    const auto answer = talking.hear<Response>();
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->ok());
    EXPECT_EQ(answer->request, "OutDataRequest");
    EXPECT_EQ(answer->proxy, state().proxy_id);
}

TEST_F(ProxySessions, a_data_connection_without_the_right_ticket_is_denied) {
    const Out out = register_holder();
    EXPECT_EQ(refusal(come(parking(std::string(kTicketDigits, '0')))), Code::denied);
    EXPECT_EQ(refusal(come(parking({}))), Code::denied);
    EXPECT_EQ(counters().parked, 0U);
}

TEST_F(ProxySessions, a_data_connection_beyond_the_pool_is_not_wanted) {
    const Out out = register_holder();
    const Peer one = park(out), two = park(out);
    EXPECT_EQ(refusal(come(parking(out.answer.ticket))), Code::limit);
}

TEST_F(ProxySessions, parked_connections_end_with_their_registration) {
    std::optional<Out> out = register_holder();
    const Peer data = park(*out);
    out.reset();
    EXPECT_EQ(data.end(), End::rst);
}

TEST_F(ProxySessions, a_plain_out_is_asked_for_one_after_another_and_parks_without_a_ticket) {
    config.pool_min = 2;
    const std::string payload = R"("Payload":{"magic":"a1","version":"0.0.1","type":"web"}})";
    const Peer out = come(), data = come();
    out.say_bytes(encode_frame(R"({"Type":"OutRequest",)" + payload));
    const auto registered = out.hear<Response>();
    ASSERT_TRUE(registered && registered->ok());
    EXPECT_EQ(registered->ticket, "");
    for (int i = 0; i < 2; ++i) {
        const auto asked = out.hear<NewDataRequest>();
        EXPECT_TRUE(asked && asked->count == 1);
    }
    data.say_bytes(encode_frame(R"({"Type":"OutDataRequest",)" + payload));
    const auto parked = data.hear<Response>();
    ASSERT_TRUE(parked && parked->ok());
    const Peer in = come(opening());
    answer(data);
    const auto opened = in.hear<Response>();
    EXPECT_TRUE(opened && opened->ok());
}

TEST_F(ProxySessions, whoever_gets_its_refusal_has_spoken_and_makes_room_after_who_has_not) {
    config.limits.handshakes = 2;
    InRequest of_another_version = opening();
    of_another_version.version = "9";
    const OutDataRequest of_nobody = parking(std::string(kTicketDigits, '0'));
    for (const Message& wrong : {Message(of_another_version), Message(of_nobody)}) {
        const Peer refused = come(wrong);
        EXPECT_TRUE(refused.hear<Response>());
        const Peer silent = come();
        const auto evicted = counters().evicted_total.load();
        const Peer next = come();
        run_ready(worker.context());
        if (counters().evicted_total.load() == evicted) continue;  // its farewell is over already
        EXPECT_FALSE(silent.is_quiet());
    }
}

TEST_F(ProxySessions, a_proxy_that_ends_takes_neither_outs_nor_streams) {
    const Out out = register_holder();
    state().draining = true;
    EXPECT_EQ(refusal(come(registration_of_topic())), Code::draining);
    EXPECT_EQ(refusal(come(opening())), Code::draining);
}

}  // namespace
}  // namespace inout::proxy::sessions_test
