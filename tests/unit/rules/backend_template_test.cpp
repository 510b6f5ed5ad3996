// A backend from a topic: nothing of the topic may be more than a label or a listed port, and no
// address is dialled that is not listed.
#include "common/rules/backend_template.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace inout::backend_template_test {
namespace {

std::string filled(const char* text, std::string_view topic) {
    const auto made = TopicTemplate::parse(text);
    if (!made) return "wrong: " + made.error();
    const auto result = made->fill(topic);
    return result ? *result : "no: " + result.error();
}

TEST(TopicTemplate, has_the_words_of_the_topic_in_their_places) {
    EXPECT_EQ(filled("{1}.svc.internal", "db.orders"), "db.svc.internal");
    EXPECT_EQ(filled("{2}-{1}.internal", "db.orders"), "orders-db.internal");
    EXPECT_EQ(filled("{-1}.{-2}", "a.b.c"), "c.b");
    EXPECT_EQ(filled("{topic}.internal", "a.b.c"), "a.b.c.internal");
    EXPECT_EQ(filled("host", "a.b.c"), "host");
    EXPECT_TRUE(TopicTemplate::parse("host")->is_constant());
    EXPECT_FALSE(TopicTemplate::parse("{1}")->is_constant());
    EXPECT_EQ(TopicTemplate::parse("{1}.x")->text(), "{1}.x");
}

TEST(TopicTemplate, takes_labels_only) {
    const std::string long_label(63, 'x');
    EXPECT_EQ(filled("{1}", long_label), long_label);
    for (const std::string& word :
         {std::string(), long_label + "x", std::string("a_b"), std::string("-a"), std::string("a-"),
          std::string("a/b"), std::string("a b"), std::string("é"), std::string("a%"),
          std::string("{2}"), std::string("*"), std::string("a:1")}) {
        EXPECT_EQ(filled("{2}", "db." + word),
                  "no: word 2 of the topic is no label of a host name");
        EXPECT_EQ(filled("{topic}", word + ".db").substr(0, 3), "no:");
    }
    EXPECT_EQ(filled("{3}", "a.b"), "no: the topic has too few words");
    EXPECT_EQ(filled("{-3}", "a.b"), "no: the topic has too few words");
}

TEST(TopicTemplate, is_wrong_with_any_other_place) {
    for (const char* text : {"{0}", "{33}", "{-33}", "{01}", "{ 1}", "{}", "{topics}", "{1",
                             "{1.5}", "{+1}", "x{99999999999}"}) {
        EXPECT_EQ(filled(text, "a").substr(0, 6), "wrong:") << text;
    }
    EXPECT_FALSE(TopicTemplate::parse(""));
}

TEST(PortRange, is_one_port_or_two_with_a_hyphen) {
    EXPECT_EQ(PortRange::parse("7000-7100").value(), (PortRange{7000, 7100}));
    EXPECT_EQ(PortRange::parse("80").value(), (PortRange{80, 80}));
    for (const char* text : {"", "-", "0", "70000", "2-1", "1-", "-1", "a", "1-2-3", "01"}) {
        EXPECT_FALSE(PortRange::parse(text)) << text;
    }
}

std::string backend(const char* host, const char* port, std::string_view topic) {
    const BackendTemplate made{
        TopicTemplate::parse(host).value(), TopicTemplate::parse(port).value(), {7000, 7100}, {}};
    const auto result = made.backend_of(topic);
    return result ? to_string(*result) : "no: " + result.error();
}

TEST(BackendTemplate, makes_an_absolute_name_and_a_listed_port) {
    EXPECT_EQ(backend("{1}.svc.internal", "{2}", "db.7001"), "db.svc.internal.:7001");
    EXPECT_EQ(backend("{1}.svc.internal.", "7100", "db"), "db.svc.internal.:7100");
    EXPECT_EQ(backend("10.0.0.5", "{1}", "7000"), "10.0.0.5:7000");
    for (const char* port : {"6999", "7101", "07000", "7000x", "x", "99999999999"}) {
        EXPECT_EQ(backend("h", "{1}", port).substr(0, 3), "no:") << port;
    }
}

TEST(BackendTemplate, makes_no_address_of_words) {
    EXPECT_EQ(backend("{topic}", "7000", "10.0.0.1").substr(0, 3), "no:");
    EXPECT_EQ(backend("{1}", "7000", "1").substr(0, 3), "no:");
    EXPECT_EQ(backend("x.{1}", "7000", "1").substr(0, 3), "no:");
    // A word is a label, but with what is beside it the label is too long, or the name is.
    EXPECT_EQ(backend("db-{1}", "7000", std::string(63, 'x')).substr(0, 3), "no:");
    EXPECT_EQ(
        backend("{topic}.{topic}", "7000",
                std::string(60, 'x') + "." + std::string(60, 'x') + "." + std::string(60, 'x'))
            .substr(0, 3),
        "no:");
}

IpAddress address(const std::string& text) {
    IpAddress made;
    made.bytes[10] = made.bytes[11] = 0xff;
    if (inet_pton(AF_INET, text.c_str(), &made.bytes[12]) == 1) return made;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), made.bytes.data()), 1);
    return made;
}

bool may(std::initializer_list<const char*> allow, const char* to) {
    BackendTemplate made;
    for (const char* text : allow) made.allow.push_back(AddressRange::parse(text).value());
    return made.may_dial(address(to));
}

TEST(MayDial, what_is_listed_and_nothing_else) {
    EXPECT_TRUE(may({"10.0.0.0/8"}, "10.1.2.3"));
    EXPECT_FALSE(may({"10.0.0.0/8"}, "11.1.2.3"));
    EXPECT_FALSE(may({}, "10.1.2.3"));
    EXPECT_TRUE(may({"2001:db8::/32"}, "2001:db8::1"));
    EXPECT_FALSE(may({"::/0"}, "10.1.2.3"));
}

TEST(MayDial, no_special_address_unless_it_is_listed_as_such) {
    for (const auto& [to, own] : std::initializer_list<std::pair<const char*, const char*>>{
             {"0.0.0.0", "0.0.0.0"},
             {"127.0.0.1", "127.0.0.0/8"},
             {"127.1.2.3", "127.1.0.0/16"},
             {"169.254.1.1", "169.254.0.0/16"},
             {"169.254.169.254", "169.254.169.254"},
             {"224.0.0.1", "224.0.0.0/4"},
             {"255.255.255.255", "255.255.255.255"},
             {"::", "::"},
             {"::1", "::1"},
             {"::10.0.0.1", "::/96"},
             {"64:ff9b::a00:1", "64:ff9b::/96"},
             {"64:ff9b:1::1", "64:ff9b:1::/48"},
             {"2002:a00:1::1", "2002::/16"},
             {"fd00:ec2::254", "fd00:ec2::254"},
             {"fe80::1", "fe80::/10"},
             {"ff02::1", "ff00::/8"}}) {
        EXPECT_FALSE(may({"0.0.0.0/0", "::/0", "fd00::/8", "64:ff9b::/32"}, to)) << to;
        EXPECT_TRUE(may({"10.0.0.0/8", own}, to)) << to;
    }
    EXPECT_FALSE(may({"169.254.0.0/16"}, "169.254.169.254")) << "one of many is not as such";
    EXPECT_FALSE(may({"fd00:ec2::/32"}, "fd00:ec2::254"));
}

}  // namespace
}  // namespace inout::backend_template_test
