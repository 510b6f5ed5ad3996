// What a doctor makes of each fact.
#include "common/app/diagnosis.hpp"

#include <gtest/gtest.h>

namespace inout::diagnosis_test {
namespace {

using enum Finding::State;

constexpr std::int64_t kNow = 1'767'225'600, kDay = 86'400;

std::string checks_of(const Findings& findings) {
    std::string all;
    for (const Finding& each : findings) {
        const char* const state = each.state == ok ? "" : each.state == warning ? "?" : "!";
        all += (all.empty() ? "" : " ") + each.check + state;
        EXPECT_TRUE(each.state == ok || !each.found.empty());
        EXPECT_TRUE(each.state != ok || each.advice.empty()) << each.check;
    }
    return all;
}

Look reached(Response response) {
    return {.what = Look::What::reached, .reason = {}, .response = std::move(response)};
}

TEST(Diagnosis, a_clock_is_wrong_from_where_proofs_fail) {
    const Milliseconds round_trip{400};
    EXPECT_EQ(judge_clock(1'000'000, 1'000'200, round_trip).state, ok);
    EXPECT_EQ(judge_clock(1'000'000, 1'004'000, round_trip).state, ok);
    EXPECT_EQ(judge_clock(1'000'000, 1'006'000, round_trip).state, warning);
    EXPECT_EQ(judge_clock(1'000'000, 1'061'000, round_trip).state, wrong);
    const Finding behind = judge_clock(1'000'000, 900'000, round_trip);
    EXPECT_EQ(behind.state, wrong);
    EXPECT_EQ(behind.found, "100 s behind the proxy's");
    EXPECT_EQ(judge_clock(1'000'000, 1'100'200, round_trip).found, "100 s ahead of the proxy's");
}

TEST(Diagnosis, a_certificate_warns_before_it_ends) {
    const auto judge = [](std::int64_t days, bool goes_by_key) {
        return judge_certificate({.begins_s = kNow - kDay, .ends_s = kNow + days * kDay}, "TLSv1.3",
                                 goes_by_key, kNow);
    };
    EXPECT_EQ(judge(90, false).state, ok);
    EXPECT_EQ(judge(90, false).found, "TLSv1.3, certificate ends in 90 days");
    EXPECT_EQ(judge(3, false).state, warning);
    EXPECT_EQ(judge(1, false).found, "TLSv1.3, certificate ends in 1 day");
    EXPECT_EQ(judge(-3, true).state, ok) << "only its key matters";
    const auto own = [](std::int64_t begins, std::int64_t ends) {
        return judge_own_certificate({.key = "tls.cert",
                                      .file = "in.crt",
                                      .begins_s = kNow + begins * kDay,
                                      .ends_s = kNow + ends * kDay},
                                     kNow)
            .state;
    };
    EXPECT_EQ(own(-1, 90), ok);
    EXPECT_EQ(own(-1, 3), warning);
    EXPECT_EQ(own(-9, -1), wrong);
    EXPECT_EQ(own(1, 90), wrong);
}

TEST(Diagnosis, each_failure_of_tls_has_its_advice) {
    for (const auto& [reason, advice] : {
             std::pair("certificate verify failed: certificate has expired", "new certificate"),
             std::pair("certificate verify failed: the key is not the pinned one", "tls.pin"),
             std::pair("certificate verify failed: hostname mismatch", "tls.server_name"),
             std::pair("certificate verify failed: unable to get local issuer certificate",
                       "tls.ca"),
             std::pair("alert certificate required: set tls.cert and tls.key", "tls.key"),
             std::pair("alert handshake failure: it may demand a certificate of ours (tls.cert), "
                       "have pinned another key than ours",
                       "tls.key"),
             std::pair("something else", "compare"),
         }) {
        const Finding finding = judge_tls_failure(reason);
        EXPECT_EQ(finding.state, wrong);
        EXPECT_NE(finding.advice.find(advice), std::string::npos) << reason;
    }
}

TEST(Diagnosis, what_answers_an_introduction) {
    const Milliseconds time{3};
    const auto judge = [&](const Look& look, bool has_key = true, bool serves = false) {
        return checks_of(judge_look(look, has_key, serves, time));
    };
    EXPECT_EQ(judge(reached({.identity = "key office"})), "proxy identity");
    EXPECT_EQ(judge(reached({.identity = "anonymous"})), "proxy identity?");
    EXPECT_EQ(judge(reached({.identity = "anonymous"}), false), "proxy identity");
    EXPECT_EQ(judge(reached({})), "proxy identity?");
    EXPECT_EQ(judge({.what = Look::What::older, .reason = "invalid tp"}), "proxy?");
    EXPECT_EQ(judge({.what = Look::What::ended, .reason = "ended"}), "proxy?");
    EXPECT_EQ(judge({.what = Look::What::unreachable, .reason = "silent"}), "proxy!");
    const Look demands{.what = Look::What::unreachable,
                       .reason = "relay:1: TLS: certificate required: set tls.cert and tls.key"};
    EXPECT_NE(judge_look(demands, false, false, {})[0].advice.find("its certificate"),
              std::string::npos);
    const auto refused = [](Code code, bool probe) {
        return Look{.what = Look::What::refused,
                    .reason = "no",
                    .response = {.message = "no", .code = code, .probe = probe}};
    };
    EXPECT_EQ(judge(refused(Code::denied, true)), "identity!");
    EXPECT_EQ(judge(refused(Code::denied, true), true, true), "identity!");
    EXPECT_EQ(judge(refused(Code::denied, false), true, true), "identity?")
        << "an older proxy refuses out spare connections";
    EXPECT_EQ(judge(refused(Code::denied, false)), "identity!");
    EXPECT_EQ(judge(refused(Code::clock, true)), "identity!");
    EXPECT_EQ(judge(refused(Code::penalised, true)), "identity!");
    EXPECT_EQ(judge(refused(Code::draining, true)), "proxy?");
    EXPECT_EQ(judge(refused(Code::version, false)), "proxy!");
    Look plain = refused(Code::denied, false);
    plain.reason = "this proxy demands TLS";
    EXPECT_EQ(judge(plain, true, true), "proxy!") << "an older one says that, too";
}

TEST(Diagnosis, an_older_proxy_is_said_and_no_failure) {
    EXPECT_TRUE(may_probe(reached({.probe = true})));
    const Look older = reached({.identity = "key office"});
    EXPECT_FALSE(may_probe(older));
    EXPECT_EQ(judge_not_asked(older).state, warning);
    EXPECT_EQ(judge_not_asked({.what = Look::What::ended, .reason = {}}).state, warning);
    EXPECT_EQ(judge_not_asked({.what = Look::What::unreachable, .reason = {}}).state, wrong);
    const Look full = reached({.message = "none now", .code = Code::limit, .probe = true});
    EXPECT_FALSE(may_probe(full));
    EXPECT_EQ(judge_not_asked(full).state, warning);
    const Look refused{.what = Look::What::refused,
                       .reason = "no",
                       .response = {.message = "no", .code = Code::denied, .probe = true}};
    EXPECT_EQ(judge_not_asked(refused).state, wrong);
}

TEST(Diagnosis, what_in_is_told_of_a_topic) {
    const ProbeQuestion question{.topic = "ssh"};
    const auto judge = [&](Code code, std::optional<Milliseconds> took = {},
                           bool elsewhere = false) {
        const std::string words = code == Code::none ? "" : "no";
        return checks_of(judge_probe(
            question, {.message = words, .code = code, .took = took, .elsewhere = elsewhere},
            Milliseconds{9}));
    };
    const Milliseconds took{4};
    EXPECT_EQ(judge(Code::none, took), "permission topic backend round trip");
    EXPECT_EQ(judge(Code::none), "permission topic backend?") << "an older out";
    EXPECT_EQ(judge(Code::none, {}, true), "permission topic backend?") << "another proxy has it";
    EXPECT_EQ(judge(Code::none, took, true), "permission topic backend round trip");
    EXPECT_EQ(judge(Code::denied), "permission!");
    EXPECT_EQ(judge(Code::no_topic), "permission topic!");
    EXPECT_EQ(judge(Code::no_directory), "permission topic?");
    EXPECT_EQ(judge(Code::backend_refused, took), "permission topic backend! round trip");
    EXPECT_EQ(judge(Code::unready), "permission topic backend!");
    EXPECT_EQ(judge(Code::open_timeout), "permission topic backend!");
    EXPECT_EQ(judge(Code::limit), "topic?");
    EXPECT_EQ(judge(Code::draining), "topic?");
}

TEST(Diagnosis, what_out_is_told_of_a_topic) {
    const ProbeQuestion question{.topic = "ssh", .serves = true};
    const auto judge = [&](Code code) {
        return checks_of(judge_probe(question, {.message = "words", .code = code}, {}));
    };
    EXPECT_EQ(judge(Code::none), "permission topic");
    EXPECT_EQ(judge(Code::no_topic), "permission topic") << "nobody has it yet";
    EXPECT_EQ(judge(Code::denied), "permission!");
    EXPECT_EQ(judge(Code::malformed), "permission!");
}

}  // namespace
}  // namespace inout::diagnosis_test
