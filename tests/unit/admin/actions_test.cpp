#include "common/admin/actions.hpp"

#include <gtest/gtest.h>

#include "../logged.hpp"
#include "common/admin/query.hpp"
#include "common/admin/router.hpp"
#include "common/base/log.hpp"

namespace inout::admin::actions_test {
namespace {

/// What it was told, and answers as the test says.
struct Told : Doer {
    std::size_t kick_streams(std::string_view id, std::optional<std::uint64_t> number) override {
        words += "stream " + std::string(id) + " " + (number ? std::to_string(*number) : "all");
        return streams;
    }
    std::optional<Kicked> kick_topic(const std::string& topic, bool keep_streams) override {
        words += "topic " + topic + (keep_streams ? " keep" : " reset");
        if (keep_streams && !registers) return std::nullopt;
        return Kicked{registrations, keep_streams ? 0 : streams};
    }
    bool drain() override {
        words += "drain";
        return !draining;
    }
    bool reload() override {
        words += "reload";
        return !draining;
    }
    std::string words;
    std::size_t streams = 2, registrations = 1;
    bool registers = true, draining = false;
};

struct Nothing : Source {
    Facts facts() override { return {}; }
    StreamTable::Records streams() override { return {}; }
    RecentEnds::Ends recent_ends(const CutBack&) override { return {}; }
    Page topics(const Cut&) override { return {}; }
};

Request post(std::string target) { return {.method = "POST", .target = std::move(target)}; }

Answer tell(Doer& doer, std::string target) {
    const Request request = post(std::move(target));
    EXPECT_TRUE(is_action(request));
    return act(request, doer, "1.2.3.4:5");
}

TEST(PercentDecoding, GivesTheBytesThatWereMeant) {
    EXPECT_EQ(percent_decoded("a%20b+c%2b%2B"), "a b+c++");
    EXPECT_EQ(percent_decoded("%00%ff%C3%a4"), std::string("\0\xff\xc3\xa4", 4));
    EXPECT_EQ(percent_decoded("%2541"), "%41") << "once";
    EXPECT_EQ(percent_decoded(""), "");
    for (const char* bad : {"%", "a%", "%4", "%4g", "%g4", "%%41", "% 1", "%-1", "%0x"}) {
        EXPECT_EQ(percent_decoded(bad), std::nullopt) << bad;
    }
}

TEST(Query, HasEachKeyOnce) {
    const auto query = Query::parse("a=1&&%62=%3d%26=&c=", {"a", "b", "c", "d"});
    ASSERT_TRUE(query);
    EXPECT_EQ(*query->find("a"), "1");
    EXPECT_EQ(*query->find("b"), "=&=");
    EXPECT_EQ(*query->find("c"), "");
    EXPECT_EQ(query->find("d"), nullptr);
    EXPECT_TRUE(Query::parse("", {}));
    for (const char* bad : {"a=1&a=1", "a=1&%61=1", "e=1", "a", "=", "=1", "a=%", "%=1", "A=1"}) {
        EXPECT_FALSE(Query::parse(bad, {"a", "b"})) << bad;
    }
}

TEST(Query, ReadsWholeNumbers) {
    const auto query =
        Query::parse("a=18446744073709551615&b=18446744073709551616&c=&d=1x&e=-1&f=+1&g=0x1&h=007",
                     {"a", "b", "c", "d", "e", "f", "g", "h"});
    ASSERT_TRUE(query);
    std::uint64_t number = 5;
    EXPECT_TRUE(query->read("none", number));
    EXPECT_EQ(number, 5U) << "nothing stands there";
    EXPECT_TRUE(query->read("a", number));
    EXPECT_EQ(number, 18'446'744'073'709'551'615U);
    EXPECT_TRUE(query->read("h", number));
    EXPECT_EQ(number, 7U);
    for (const char* bad : {"b", "c", "d", "e", "f", "g"}) {
        EXPECT_FALSE(query->read(bad, number)) << bad;
    }
}

TEST(Actions, DoWhatTheyAreAskedFor) {
    Told doer;
    EXPECT_EQ(tell(doer, "/api/streams/kick?id=1f").body, "{\"kicked\":2}\n");
    EXPECT_EQ(tell(doer, "/api/streams/kick?number=7&id=1f").status, 200U);
    EXPECT_EQ(tell(doer, "/api/topics/kick?topic=a%20%C3%A4").body,
              "{\"registrations\":1,\"streams\":2}\n");
    EXPECT_EQ(tell(doer, "/api/topics/kick?topic=t&streams=keep").body,
              "{\"registrations\":1,\"streams\":0}\n");
    EXPECT_EQ(tell(doer, "/api/drain").status, 202U);
    EXPECT_EQ(tell(doer, "/api/reload").status, 202U);
    EXPECT_EQ(doer.words, "stream 1f allstream 1f 7topic a ä resettopic t keepdrainreload");
}

TEST(Actions, TellWhenThereIsNothingToDo) {
    Told doer;
    doer.streams = doer.registrations = 0;
    doer.draining = true;
    doer.registers = false;
    EXPECT_EQ(tell(doer, "/api/streams/kick?id=1f").status, 404U);
    EXPECT_EQ(tell(doer, "/api/topics/kick?topic=t").status, 404U);
    EXPECT_EQ(tell(doer, "/api/topics/kick?topic=t&streams=keep").status, 400U);
    EXPECT_EQ(tell(doer, "/api/drain").status, 409U);
    EXPECT_EQ(tell(doer, "/api/reload").status, 409U);
}

TEST(Actions, DoNothingThatIsNotClear) {
    Told doer;
    for (const char* target :
         {"/api/streams/kick", "/api/streams/kick?number=7", "/api/streams/kick?id=%",
          "/api/streams/kick?id=1&id=1", "/api/streams/kick?id=1&x=1",
          "/api/streams/kick?id=1&number=", "/api/streams/kick?id=1&number=-1",
          "/api/streams/kick?id=1&number=1x", "/api/streams/kick?id=1&number=18446744073709551616",
          "/api/topics/kick", "/api/topics/kick?topic=t&streams=", "/api/topics/kick?topic",
          "/api/topics/kick?topic=t&streams=reset", "/api/drain?x=1", "/api/reload?x", "/api/log",
          "/api/log?level=", "/api/log?level=loud"}) {
        EXPECT_EQ(tell(doer, target).status, 400U) << target;
    }
    Request request = post("/api/drain");
    request.has_body = true;
    EXPECT_EQ(act(request, doer, "x").status, 413U);
    EXPECT_EQ(doer.words, "");
}

TEST(Actions, AreNoneForOtherMethods) {
    Nothing source;
    for (const char* path : {"/api/streams/kick?id=1", "/api/topics/kick", "/api/drain",
                             "/api/reload", "/api/log?level=info"}) {
        for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
            const Request request{.method = method, .target = path};
            EXPECT_FALSE(is_action(request));
            const Answer refused = answer(request, source, {});
            EXPECT_EQ(refused.status, 405U) << path;
            EXPECT_EQ(refused.more, "Allow: POST\r\n");
        }
    }
    for (const char* path : {"/api/drain/", "/api/Drain", "/api/streams", "/", "/api/%64rain"}) {
        EXPECT_FALSE(is_action(post(path))) << path;
    }
}

TEST(Actions, AreToldOnceInTheLogHoweverLittleIsToldThere) {
    Told doer;
    const std::string both = logged([&] {
        EXPECT_EQ(tell(doer, "/api/log?level=error").status, 200U);
        EXPECT_EQ(log::level(), log::Level::error);
        EXPECT_EQ(tell(doer, "/api/log?level=Debug").body,
                  "{\"level\":\"debug\",\"was\":\"error\"}\n");
        EXPECT_EQ(log::level(), log::Level::debug);
    });
    const auto first = both.find("admin action"), second = both.find("admin action", first + 1);
    EXPECT_NE(second, both.npos) << both;
    EXPECT_EQ(both.find("admin action", second + 1), both.npos) << both;
    const std::string lines = logged([&] { tell(doer, "/api/topics/kick?topic=a%0ab"); });
    EXPECT_NE(lines.find("action=\"kick topic\""), std::string::npos) << lines;
    EXPECT_NE(lines.find("from=1.2.3.4:5"), std::string::npos) << lines;
    EXPECT_EQ(lines.find("a\nb"), std::string::npos);
}

}  // namespace
}  // namespace inout::admin::actions_test
