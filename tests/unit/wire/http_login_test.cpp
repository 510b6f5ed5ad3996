// What an HTTP proxy asks for, and how it is answered.
#include "common/wire/http_login.hpp"

#include <gtest/gtest.h>

namespace inout::http_login_test {
namespace {

const ForwardLogin& login_of_mufasa() {
    static const ForwardLogin login{"Mufasa", Secret("Circle of Life")};
    return login;
}

TEST(Challenges, are_read_whatever_their_form) {
    const auto all = parse_challenges(
        R"(NTLM, Negotiate abc/+==, Digest realm="a, \"b\"", nonce=n , QOP = "auth,auth-int",)"
        R"( stale=TRUE,, basic Realm="x=y")");
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[0].scheme, "ntlm");
    EXPECT_EQ(all[1].scheme, "negotiate");
    EXPECT_TRUE(all[1].parameters.empty());
    EXPECT_EQ(all[2].parameter("realm"), "a, \"b\"");
    EXPECT_EQ(all[2].parameter("qop"), "auth,auth-int");
    EXPECT_TRUE(is_stale(all[2]));
    EXPECT_EQ(all[3].scheme, "basic");
    EXPECT_EQ(all[3].parameter("realm"), "x=y");
}

TEST(Challenges, end_where_they_make_no_sense_and_the_broken_one_does_not_count) {
    EXPECT_EQ(parse_challenges(R"(Basic realm="x", Digest realm="open)").size(), 1U);
    EXPECT_EQ(parse_challenges("Basic realm=\"x\", Digest realm=@").size(), 1U);
    EXPECT_TRUE(parse_challenges("realm=\"x\"").empty());
    EXPECT_TRUE(parse_challenges("\"").empty());
    EXPECT_TRUE(parse_challenges(" , ,").empty());
}

TEST(Challenges, that_say_a_thing_twice_do_not_say_it) {
    const auto all = parse_challenges(R"(Digest realm="a", nonce="1", nonce="2", qop="auth")");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_FALSE(all[0].parameter("nonce"));
    EXPECT_EQ(strongest(all), nullptr);
}

std::string chosen(std::string_view field) {
    const auto all = parse_challenges(field);
    const HttpChallenge* const best = strongest(all);
    if (best == nullptr) return "none";
    return best->scheme + " " + std::string(best->parameter("algorithm").value_or("-"));
}

TEST(Login, takes_the_strongest_that_it_knows) {
    const std::string md5 = R"(Digest realm="r", nonce="n", qop="auth")";
    const std::string sha = md5 + ", algorithm=SHA-256";
    EXPECT_EQ(chosen("Basic realm=\"r\", " + md5 + ", " + sha), "digest SHA-256");
    EXPECT_EQ(chosen("Basic realm=\"r\", " + md5), "digest -");
    EXPECT_EQ(chosen(sha + "-sess, Basic realm=\"r\""), "basic -");
    EXPECT_EQ(chosen("NTLM, Negotiate"), "none");
}

TEST(Login, does_not_fall_back_to_showing_the_password_where_only_digest_was_offered) {
    for (const char* field : {R"(Digest realm="r", nonce="n")", R"(Digest realm="r", qop="auth")",
                              R"(Digest realm="r", nonce="n", qop="auth-int")",
                              R"(Digest realm="r", nonce="n", qop="auth", algorithm=SHA-1)"}) {
        EXPECT_EQ(chosen(field), "none") << field;
    }
}

// RFC 7616, 3.9.1, with CONNECT's form of the request left to HttpTunnel.
constexpr std::string_view kRealm = R"(realm="http-auth@example.org", qop="auth, auth-int", )"
                                    R"(nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", )"
                                    R"(opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")";
constexpr LoginRequest kRequest{"GET", "/dir/index.html",
                                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1};

std::string answer(std::string_view algorithm) {
    const auto all =
        parse_challenges("Digest " + std::string(kRealm) + ", algorithm=" + std::string(algorithm));
    return login_for(*strongest(all), login_of_mufasa(), kRequest);
}

TEST(Login, by_digest_is_that_of_the_rfc) {
    const std::string sha = answer("SHA-256");
    EXPECT_NE(sha.find("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
                       "\""),
              sha.npos)
        << sha;
    EXPECT_TRUE(sha.starts_with("Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "))
        << sha;
    EXPECT_NE(sha.find("algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"f2/wE4q74E6"), sha.npos);
    EXPECT_NE(sha.find("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""), sha.npos);
    const std::string md5 = answer("MD5");
    EXPECT_NE(md5.find("response=\"8ca523f5e9506fed4657c9700eebdbec\""), md5.npos) << md5;
}

TEST(Login, by_basic_is_that_of_the_rfc) {
    const auto all = parse_challenges("Basic realm=\"WallyWorld\"");
    const ForwardLogin login{"Aladdin", Secret("open sesame")};
    EXPECT_EQ(login_for(*strongest(all), login, {"CONNECT", "h:1", "00", 1}),
              "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(Login, keeps_what_is_quoted_in_its_quotes) {
    const auto all = parse_challenges(R"(Digest realm="a\"b\\", nonce="n", qop=auth)");
    const ForwardLogin login{"x\"y", Secret("p")};
    const std::string field = login_for(*strongest(all), login, {"CONNECT", "h:1", "00", 1});
    EXPECT_NE(field.find(R"(username="x\"y", realm="a\"b\\", nonce="n")"), field.npos) << field;
}

}  // namespace
}  // namespace inout::http_login_test
