// What the proxy tells a doctor, and what it has an out asked for that.
#include "proxy/probes.hpp"

#include "common/wire/proof.hpp"
#include "proxy_sessions.hpp"

namespace inout::proxy::probes_test {
namespace {

class Probes : public ProxySessions {
  protected:
    Peer doctor() {
        Peer peer = come(InWarmRequest{.magic = "4", .version = "0.0.1", .probe = true});
        const auto answer = peer.hear<Response>();
        EXPECT_TRUE(answer && answer->ok() && answer->probe);
        EXPECT_FALSE(answer && answer->reuse);
        return peer;
    }
    static Response ask(const Peer& doctor, const ProbeRequest& request) {
        doctor.say(request);
        return doctor.hear<Response>().value_or(Response{.code = Code::unknown});
    }
    Out register_asked(bool probe = true) {
        OutRequest request = registration_of_topic();
        request.probe = probe;
        Out out = register_out(request);
        EXPECT_EQ(wanted_by_proxy(out), 1U);
        return out;
    }
    const ProbeRequest question{.magic = "7", .topic = kTopic};
};

TEST_F(Probes, a_topic_that_nobody_has_is_said) {
    const Peer peer = doctor();
    const Response answer = ask(peer, question);
    EXPECT_EQ(answer.magic, "7");
    EXPECT_EQ(answer.request, "ProbeRequest");
    EXPECT_EQ(answer.code, Code::no_topic);
}

TEST_F(Probes, the_out_is_asked_and_its_answer_passed_on) {
    const Out out = register_asked();
    const std::size_t before = counters().probes_total;
    const Peer peer = doctor();
    for (const Code code : {Code::none, Code::backend_refused}) {
        peer.say(question);
        const auto asked = out.control.hear<ProbeRequest>();
        ASSERT_TRUE(asked);
        EXPECT_EQ(asked->topic, kTopic);
        EXPECT_NE(asked->magic, question.magic) << "ours; a peer's need not be unique";
        out.control.say(Response{.magic = asked->magic,
                                 .request = "ProbeRequest",
                                 .message = code == Code::none ? "" : "refused",
                                 .ext = true,
                                 .code = code,
                                 .took = Milliseconds{7}});
        const auto answer = peer.hear<Response>();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->code, code);
        EXPECT_EQ(answer->took, Milliseconds{7});
    }
    EXPECT_EQ(counters().probes_total, before + 2);
    EXPECT_EQ(counters().opening, 0U);
}

TEST_F(Probes, an_older_out_is_not_asked) {
    const Out out = register_asked(false);
    const Response answer = ask(doctor(), question);
    EXPECT_TRUE(answer.ok());
    EXPECT_FALSE(answer.took);
    EXPECT_TRUE(out.control.is_quiet());
}

TEST_F(Probes, who_would_register_a_topic_is_told_whether_anybody_has) {
    const Peer peer = doctor();
    ProbeRequest serving = question;
    serving.serves = true;
    EXPECT_EQ(ask(peer, serving).code, Code::no_topic);
    const Out out = register_asked();
    EXPECT_TRUE(ask(peer, serving).ok());
    EXPECT_TRUE(out.control.is_quiet()) << "its backend is not asked";
    serving.pattern = true;
    EXPECT_EQ(ask(peer, serving).code, Code::no_topic) << "nobody has the pattern";
    serving.topic = "a.#.#";
    EXPECT_EQ(ask(peer, serving).code, Code::malformed);
}

TEST_F(Probes, without_a_right_to_the_topic_nothing_is_told_of_it) {
    config.auth.emplace();
    config.auth->anonymous.in = {*TopicPattern::parse("db")};
    config.auth->anonymous.out = {*TopicPattern::parse("web")};
    const Out out = register_asked();
    const Peer peer = doctor();
    EXPECT_EQ(ask(peer, question).code, Code::denied) << "it may register it, not use it";
    ProbeRequest serving = question;
    serving.serves = true;
    EXPECT_TRUE(ask(peer, serving).ok());
    serving.topic = "db";
    EXPECT_EQ(ask(peer, serving).code, Code::denied);
    EXPECT_EQ(ask(peer, {.magic = "8", .topic = "db"}).code, Code::no_topic);
    EXPECT_TRUE(out.control.is_quiet());
    config.auth->anonymous = {};
    take_config();
    EXPECT_EQ(ask(peer, serving).code, Code::denied) << "as of now";
    EXPECT_EQ(refusal(come(InWarmRequest{.magic = "5", .version = "0.0.1", .probe = true})),
              Code::denied)
        << "who may do nothing asks nothing";
}

TEST_F(Probes, too_many_of_one_source_are_refused) {
    const Peer peer = doctor();
    unsigned answered = 0, refused = 0;
    for (unsigned i = 0; i < 2 * kProbesBurst; ++i) {
        ++(ask(peer, question).code == Code::limit ? refused : answered);
    }
    EXPECT_GE(answered, kProbesBurst);
    EXPECT_GT(refused, 0U);
}

TEST_F(Probes, anything_else_ends_a_doctors_connection) {
    const Out out = register_asked();
    const Peer peer = doctor();
    peer.say(opening());
    EXPECT_NE(peer.end(), End::none);
    const Peer other = come(question);
    const auto answer = other.hear<Response>();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->code, Code::malformed) << "and it comes first nowhere";
}

}  // namespace
}  // namespace inout::proxy::probes_test
