// What is made of a peer's messages: lenient where 0.0.1 is, strict where a stranger could harm.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/wire/message.hpp"

namespace inout::message_decode_test {
namespace {

enum class Outcome { fine, malformed, unknown_type };

Outcome outcome(const std::string& body) {
    const auto message = decode(body);
    if (message) return Outcome::fine;
    return message.error() == DecodeError::malformed ? Outcome::malformed : Outcome::unknown_type;
}

std::string message(const std::string& type, const std::string& payload) {
    return R"({"Type":")" + type + R"(","Payload":)" + payload + "}";
}

/// An InRequest with these members in its ext, behind a fine magic, version and topic.
std::string in_request(const std::string& ext_members) {
    return message("InRequest",
                   R"({"magic":"a","version":"0.0.1","type":"t","ext":{)" + ext_members + "}}");
}
std::string out_request(const std::string& ext_members) {
    return message("OutRequest",
                   R"({"magic":"a","version":"0.0.1","type":"t","ext":{)" + ext_members + "}}");
}
std::string response(const std::string& members) {
    return message("Response", R"({"magic":"a","request":"InRequest",)" + members + "}");
}

template <class M>
M decoded(const std::string& body) {
    const auto result = decode(body);
    const M* found = result ? std::get_if<M>(&*result) : nullptr;
    EXPECT_NE(found, nullptr) << body;
    return found != nullptr ? *found : M{};
}

TEST(MessageDecode, a_type_has_one_letter_case) {
    EXPECT_EQ(outcome(message("inrequest", R"({"magic":"a","type":"t"})")), Outcome::unknown_type);
}

TEST(MessageDecode, ping_and_pong_need_no_payload) {
    for (const auto* payload : {"{}", "null", R"({"x":1})"}) {
        decoded<Ping>(message("Ping", payload));
        decoded<Pong>(message("Pong", payload));
    }
    decoded<Ping>(R"({"Type":"Ping"})");
}

TEST(MessageDecode, what_is_not_a_message_is_malformed) {
    for (const auto* body :
         {"", "{}", "[]", "null", "1", "\"Ping\"", "{\"Type\":1}", R"({"Type":null,"Payload":{}})",
          R"({"Payload":{}})", R"({"Type":"Ping")", R"({"Type":"Ping"}{"Type":"Ping"})",
          R"({"Type":"Ping",})", R"({'Type':'Ping'})", "\xef\xbb\xbf"}) {
        EXPECT_EQ(outcome(body), Outcome::malformed) << body;
    }
    EXPECT_EQ(outcome(R"({"Type":"Surprise"})"), Outcome::unknown_type);
}

TEST(MessageDecode, required_members_must_be_there_with_their_type) {
    const char* const fine[] = {"OutRequest", "OutDataRequest", "InRequest", "NewDataRequest",
                                "DataActiveRequest"};
    for (const std::string type : fine) {
        EXPECT_EQ(outcome(message(type, R"({"magic":"a","type":"t"})")), Outcome::fine) << type;
        for (const auto* payload : {R"({"type":"t"})", R"({"magic":"a"})",
                                    R"({"magic":1,"type":"t"})", R"({"magic":"a","type":null})",
                                    R"({"magic":"a","type":["t"]})", R"("x")", "null", "[]"}) {
            EXPECT_EQ(outcome(message(type, payload)), Outcome::malformed) << type << payload;
        }
        EXPECT_EQ(outcome(R"({"Type":")" + type + "\"}"), Outcome::malformed) << type;
    }
    EXPECT_EQ(outcome(message("Response", R"({"magic":"a","message":""})")), Outcome::malformed);
    EXPECT_EQ(outcome(message("Notice", R"({"message":""})")), Outcome::malformed);
    EXPECT_EQ(outcome(response(R"("message":7)")), Outcome::malformed);
}

TEST(MessageDecode, topic_follows_the_rule_for_topics) {
    const auto with_topic = [](const std::string& topic) {
        return message("InRequest", R"({"magic":"a","version":"0.0.1","type":")" + topic + "\"}");
    };
    EXPECT_EQ(outcome(with_topic(std::string(255, 'x'))), Outcome::fine);
    for (const auto& topic : {std::string(), std::string(256, 'x'), std::string("a\\nb"),
                              std::string("\\u202e"), std::string("a\\u0000b")}) {
        EXPECT_EQ(outcome(with_topic(topic)), Outcome::malformed) << topic;
    }
}

TEST(MessageDecode, ids_are_short_and_printable) {
    const auto with_magic = [](const std::string& magic) {
        return message("NewDataRequest", R"({"type":"t","magic":")" + magic + "\"}");
    };
    EXPECT_EQ(outcome(with_magic("")), Outcome::fine);
    EXPECT_EQ(outcome(with_magic(std::string(64, 'x'))), Outcome::fine);
    EXPECT_EQ(outcome(with_magic(std::string(65, 'x'))), Outcome::malformed);
    EXPECT_EQ(outcome(with_magic("a\\u0001")), Outcome::malformed);
    EXPECT_EQ(outcome(with_magic("a\\n")), Outcome::malformed);
}

TEST(MessageDecode, bytes_that_are_not_utf8_are_malformed_wherever_they_are) {
    for (const auto* bad :
         {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\\ud800"}) {
        EXPECT_EQ(outcome(response(R"("message":")" + std::string(bad) + "\"")),
                  Outcome::malformed);
        EXPECT_EQ(outcome(R"({"Type":"Ping","x":")" + std::string(bad) + "\"}"),
                  Outcome::malformed);
    }
}

TEST(MessageDecode, deep_nesting_is_read_without_recursion) {
    constexpr std::size_t kDepth = kFrameBodyMaxBytes / 2 - 100;
    const std::string nested = std::string(kDepth, '[') + std::string(kDepth, ']');
    EXPECT_EQ(outcome(in_request(R"("v":1,"id":"1","x":)" + nested)), Outcome::fine);
    EXPECT_EQ(outcome(std::string(kFrameBodyMaxBytes, '[')), Outcome::malformed);
}

TEST(MessageDecode, ext_is_an_object_with_a_version_from_1) {
    for (const auto* v : {"1", "2", "9223372036854775807", "18446744073709551615"}) {
        EXPECT_TRUE(decoded<InRequest>(in_request(R"("id":"1","v":)" + std::string(v))).ext) << v;
    }
    for (const auto* v : {"0", "-1", "1.5", "\"1\"", "true", "null", "{}"}) {
        EXPECT_EQ(outcome(in_request(R"("id":"1","v":)" + std::string(v))), Outcome::malformed)
            << v;
    }
    EXPECT_EQ(outcome(in_request(R"("id":"1")")), Outcome::malformed);
    for (const auto* ext : {"null", "[]", "\"v1\"", "1"}) {
        EXPECT_EQ(outcome(response(R"("message":"","ext":)" + std::string(ext))),
                  Outcome::malformed)
            << ext;
    }
}

TEST(MessageDecode, ids_in_ext_are_hexadecimal) {
    EXPECT_EQ(outcome(in_request(R"("v":1,"id":"09afAF")")), Outcome::fine);
    for (const auto* id : {"\"0g\"", "\"../x\"", "7", "[]"}) {
        EXPECT_EQ(outcome(in_request(R"("v":1,"id":)" + std::string(id))), Outcome::malformed)
            << id;
        EXPECT_EQ(outcome(out_request(R"("v":1,"instance":)" + std::string(id))),
                  Outcome::malformed)
            << id;
    }
    EXPECT_EQ(decoded<InRequest>(in_request(R"("v":1)")).id, "") << "without one, ours is made";
    EXPECT_EQ(outcome(in_request(R"("v":1,"id":"1","client":"1.2.3.4:5\nforged")")),
              Outcome::malformed);
    EXPECT_EQ(outcome(response(R"("message":"","ext":{"v":1,"ticket":"secret!"})")),
              Outcome::malformed);
}

TEST(MessageDecode, mode_is_takeover_or_standby) {
    const auto mode = [](const std::string& word) {
        return out_request(R"("v":1,"instance":"1","mode":")" + word + "\"");
    };
    EXPECT_FALSE(decoded<OutRequest>(mode("takeover")).standby);
    EXPECT_TRUE(decoded<OutRequest>(mode("standby")).standby);
    EXPECT_EQ(outcome(mode("boss")), Outcome::malformed);
    EXPECT_EQ(outcome(mode("Standby")), Outcome::malformed);
}

TEST(MessageDecode, heartbeat_timeout_is_clamped_to_5_seconds_to_10_minutes) {
    const auto timeout = [](const std::string& ms) {
        return decoded<OutRequest>(out_request(R"("v":1,"instance":"1","heartbeat_timeout":)" + ms))
            .heartbeat_timeout;
    };
    EXPECT_EQ(timeout("20000"), Milliseconds{20'000});
    for (const auto* low : {"4999", "0", "-1", "-9223372036854775808"}) {
        EXPECT_EQ(timeout(low), Milliseconds{5'000}) << low;
    }
    for (const auto* high : {"600001", "9223372036854775807", "18446744073709551615"}) {
        EXPECT_EQ(timeout(high), Milliseconds{600'000}) << high;
    }
    for (const auto* wrong : {"\"20000\"", "2e4", "null", "1e999", "18446744073709551616"}) {
        EXPECT_EQ(outcome(out_request(R"("v":1,"instance":"1","heartbeat_timeout":)" +
                                      std::string(wrong))),
                  Outcome::malformed)
            << wrong;
    }
}

TEST(MessageDecode, count_is_clamped_to_1_to_100) {
    const auto count = [](const std::string& number) {
        return decoded<NewDataRequest>(
                   message("NewDataRequest",
                           R"({"magic":"a","type":"t","ext":{"v":1,"count":)" + number + "}}"))
            .count;
    };
    EXPECT_EQ(count("0"), 1U);
    EXPECT_EQ(count("-5"), 1U);
    EXPECT_EQ(count("100"), 100U);
    EXPECT_EQ(count("101"), 100U);
    EXPECT_EQ(count("18446744073709551615"), 100U);
}

TEST(MessageDecode, position_is_clamped_to_the_longest_line) {
    const auto position = [](const std::string& number) {
        return decoded<Response>(
                   response(R"("message":"","ext":{"v":1,"ticket":"1","position":)" + number + "}"))
            .position;
    };
    EXPECT_EQ(position("-1"), 0U);
    EXPECT_EQ(position("99999999999"), kLineMax);
}

TEST(MessageDecode, warm_is_clamped_to_10_minutes_and_absent_means_none) {
    const auto warm = [](const std::string& ext) {
        return decoded<Response>(response(R"("ext":{"v":1)" + ext + "}")).warm;
    };
    EXPECT_EQ(warm(""), std::nullopt);
    EXPECT_EQ(warm(R"(,"warm":0)"), Milliseconds{0});
    EXPECT_EQ(warm(R"(,"warm":-1)"), Milliseconds{0});
    EXPECT_EQ(warm(R"(,"warm":1000000)"), Milliseconds{600'000});
}

TEST(MessageDecode, a_spare_connection_is_asked_for_with_ext_only) {
    EXPECT_EQ(outcome(message("InWarmRequest", R"({"magic":"a","version":"0.0.1","ext":{"v":1}})")),
              Outcome::fine);
    EXPECT_EQ(outcome(message("InWarmRequest", R"({"magic":"a","version":"0.0.1"})")),
              Outcome::malformed);
    EXPECT_EQ(outcome(message("InWarmRequest", R"({"version":"0.0.1","ext":{"v":1}})")),
              Outcome::malformed);
}

const std::string kMac(64, 'a');

TEST(MessageDecode, a_proof_has_all_its_members_or_none_and_one_version_is_enough) {
    const std::string key = R"(,"key":"office")", time = R"(,"time":1)",
                      mac_1 = R"(,"proof":")" + kMac + "\"", mac = R"(,"proof2":")" + kMac + "\"";
    const std::function<std::string(const std::string&)> carriers[] = {
        [](const auto& members) { return in_request(R"("v":1)" + members); },
        [](const auto& members) { return out_request(R"("v":1,"instance":"1")" + members); },
        [](const auto& members) {
            return message("InWarmRequest", R"({"magic":"a","ext":{"v":1)" + members + "}}");
        },
    };
    for (const auto& carrier : carriers) {
        EXPECT_EQ(outcome(carrier("")), Outcome::fine) << carrier("");
        for (const auto& macs : {mac, mac_1, mac + mac_1}) {
            EXPECT_EQ(outcome(carrier(key + time + macs)), Outcome::fine) << macs;
        }
        for (const auto& some : {key, time, mac, mac_1, key + time, key + mac, time + mac_1}) {
            EXPECT_EQ(outcome(carrier(some)), Outcome::malformed) << carrier(some);
        }
    }
}

class ProofMembers : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(MessageDecode, ProofMembers, testing::Values("proof", "proof2"));

TEST_P(ProofMembers, have_one_form) {
    const auto proof = [](const std::string& key, const std::string& mac) {
        return in_request(R"("v":1,"time":1,"key":)" + key + ",\"" + GetParam() + "\":" + mac);
    };
    const std::string good_mac = '"' + kMac + '"';
    EXPECT_EQ(outcome(proof('"' + std::string(64, 'k') + '"', good_mac)), Outcome::fine);
    EXPECT_EQ(outcome(proof(R"("büro 1")", good_mac)), Outcome::fine);
    for (const auto& key : {R"("")", R"("a\nb")", R"("a\"b")", R"("a\\b")", "7", "null"}) {
        EXPECT_EQ(outcome(proof(key, good_mac)), Outcome::malformed) << key;
    }
    EXPECT_EQ(outcome(proof('"' + std::string(65, 'k') + '"', good_mac)), Outcome::malformed);
    for (const auto& mac : {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
                            std::string(64, 'g'), std::string()}) {
        EXPECT_EQ(outcome(proof(R"("k")", '"' + mac + '"')), Outcome::malformed) << mac;
    }
    EXPECT_EQ(outcome(proof(R"("k")", "1")), Outcome::malformed);
}

TEST(MessageDecode, a_time_is_clamped_to_what_json_says_exactly) {
    const auto time = [](const std::string& ms) {
        const auto in = decoded<InRequest>(
            in_request(R"("v":1,"key":"k","proof":")" + kMac + R"(","time":)" + ms));
        const auto answer = decoded<Response>(response(R"("ext":{"v":1,"time":)" + ms + "}"));
        EXPECT_TRUE(in.proof && in.proof->time_ms == answer.time_ms) << ms;
        return answer.time_ms;
    };
    EXPECT_EQ(time("1767225600000"), 1'767'225'600'000);
    EXPECT_EQ(time("9007199254740992"), 9'007'199'254'740'992);
    for (const auto* late : {"9007199254740993", "18446744073709551615"}) {
        EXPECT_EQ(time(late), 9'007'199'254'740'992) << late;
    }
    for (const auto* early : {"0", "-1", "-9223372036854775808"}) EXPECT_EQ(time(early), 0);
    for (const auto* wrong : {"1.5", "1e12", "\"1\"", "null", "18446744073709551616"}) {
        EXPECT_EQ(outcome(response(R"("ext":{"v":1,"time":)" + std::string(wrong) + "}")),
                  Outcome::malformed)
            << wrong;
        EXPECT_EQ(outcome(in_request(R"("v":1,"key":"k","proof":")" + kMac + R"(","time":)" +
                                     std::string(wrong))),
                  Outcome::malformed)
            << wrong;
    }
}

std::string data_active_request(const std::string& ext_members) {
    return message("DataActiveRequest",
                   R"({"magic":"a","type":"t","ext":{"v":1,)" + ext_members + "}}");
}

/// Clamped, they would let the two sides disagree about where the next message begins.
TEST(MessageDecode, early_and_reuse_are_exact_or_malformed) {
    const auto early = [](const std::string& n) { return in_request(R"("v":1,"early":)" + n); };
    EXPECT_EQ(decoded<InRequest>(in_request(R"("v":1)")).early, std::nullopt);
    for (const unsigned fine : {0U, 1U, 32'768U}) {
        EXPECT_EQ(decoded<InRequest>(early(std::to_string(fine))).early, fine);
    }
    const auto use = [](const std::string& n) { return in_request(R"("v":1,"reuse":)" + n); };
    const auto use_of_out = [](const std::string& n) {
        return data_active_request(R"("reuse":)" + n);
    };
    EXPECT_EQ(decoded<InRequest>(in_request(R"("v":1)")).use, 0U);
    EXPECT_EQ(decoded<DataActiveRequest>(data_active_request(R"("id":"1")")).use, 0U);
    for (const unsigned fine : {1U, 2U, 10'000U}) {
        EXPECT_EQ(decoded<InRequest>(use(std::to_string(fine))).use, fine);
        EXPECT_EQ(decoded<DataActiveRequest>(use_of_out(std::to_string(fine))).use, fine);
    }
    for (const auto* wrong : {"-1", "32769", "4294967296", "4294967297", "9223372036854775807",
                              "18446744073709551615", "1.0", "1e1", "\"1\"", "null", "true"}) {
        EXPECT_EQ(outcome(early(wrong)), Outcome::malformed) << wrong;
        EXPECT_EQ(outcome(use(wrong)), Outcome::malformed) << wrong;
        EXPECT_EQ(outcome(use_of_out(wrong)), Outcome::malformed) << wrong;
    }
    for (const auto* wrong : {"0", "10001"}) {
        EXPECT_EQ(outcome(use(wrong)), Outcome::malformed) << wrong;
        EXPECT_EQ(outcome(use_of_out(wrong)), Outcome::malformed) << wrong;
    }
    EXPECT_EQ(decoded<InRequest>(in_request(R"("v":1,"zstd":32768)")).zstd, 32'768U);
    EXPECT_EQ(outcome(in_request(R"("v":1,"zstd":32769)")), Outcome::malformed);
    EXPECT_EQ(outcome(data_active_request(R"("zstd":-1)")), Outcome::malformed);
    EXPECT_EQ(outcome(in_request(R"("v":1,"e2e":1,"zstd":0)")), Outcome::malformed);
    EXPECT_EQ(outcome(early(R"(0,"reuse":1)")), Outcome::malformed) << "fresh, and used before";
}

TEST(MessageDecode, who_can_reuse_says_1_and_a_nonce_is_hexadecimal) {
    EXPECT_TRUE(
        decoded<OutDataRequest>(
            message("OutDataRequest", R"({"magic":"a","type":"t","ext":{"v":1,"reuse":1}})"))
            .reuse);
    EXPECT_TRUE(
        decoded<InWarmRequest>(message("InWarmRequest", R"({"magic":"a","ext":{"v":1,"reuse":1}})"))
            .reuse);
    const auto agreed = decoded<Response>(response(R"("ext":{"v":1,"reuse":1,"nonce":"0aF"})"));
    EXPECT_TRUE(agreed.reuse);
    EXPECT_EQ(agreed.nonce, "0aF");
    EXPECT_FALSE(decoded<Response>(response(R"("ext":{"v":1,"reuse":0})")).reuse);
    EXPECT_EQ(outcome(response(R"("ext":{"v":1,"reuse":1,"nonce":"no"})")), Outcome::malformed);
    EXPECT_EQ(outcome(response(R"("ext":{"v":1,"reuse":true})")), Outcome::malformed);
}

TEST(MessageDecode, who_has_begun_nothing_says_retry_1) {
    EXPECT_TRUE(decoded<Response>(response(R"("ext":{"v":1,"code":"limit","retry":1})")).retry);
    EXPECT_FALSE(decoded<Response>(response(R"("ext":{"v":1,"code":"limit"})")).retry);
    EXPECT_FALSE(decoded<Response>(response(R"("ext":{"v":1,"retry":0})")).retry);
    EXPECT_EQ(outcome(response(R"("ext":{"v":1,"retry":true})")), Outcome::malformed);
}

TEST(MessageDecode, end_to_end_is_1_or_absent) {
    EXPECT_TRUE(decoded<InRequest>(in_request(R"("v":1,"e2e":1)")).e2e);
    EXPECT_FALSE(decoded<InRequest>(in_request(R"("v":1,"e2e":0)")).e2e);
    EXPECT_FALSE(decoded<InRequest>(in_request(R"("v":1)")).e2e);
    EXPECT_EQ(outcome(in_request(R"("v":1,"e2e":true)")), Outcome::malformed);
}

TEST(MessageDecode, a_version_has_at_most_16_bytes) {
    const auto with_version = [](std::size_t size) {
        return message("InRequest",
                       R"({"magic":"a","type":"t","version":")" + std::string(size, '1') + "\"}");
    };
    EXPECT_EQ(outcome(with_version(16)), Outcome::fine);
    EXPECT_EQ(outcome(with_version(17)), Outcome::malformed);
}

TEST(MessageDecode, a_failure_without_a_code_of_ours_has_the_code_unknown) {
    EXPECT_EQ(decoded<Response>(response(R"("message":"no")")).code, Code::unknown);
    EXPECT_EQ(decoded<Response>(response(R"("message":"no","ext":{"v":1,"code":"new_one"})")).code,
              Code::unknown);
    EXPECT_EQ(decoded<Response>(response(R"("message":"no","ext":{"v":1,"code":"limit"})")).code,
              Code::limit);
    EXPECT_EQ(decoded<Response>(response(R"("message":"")")).code, Code::none);
}

TEST(MessageDecode, a_notice_with_an_unknown_code_is_one_that_says_nothing) {
    EXPECT_EQ(decoded<Notice>(message("Notice", R"({"code":"lunch"})")).code, NoticeCode::other);
}

TEST(MessageDecode, a_peers_long_text_is_cut_between_characters) {
    std::string text = "x";
    while (text.size() < 5'000) text += "€";
    const std::string got = decoded<Response>(response(R"("message":")" + text + "\"")).message;
    EXPECT_EQ(got, text.substr(0, 199));
}

}  // namespace
}  // namespace inout::message_decode_test
