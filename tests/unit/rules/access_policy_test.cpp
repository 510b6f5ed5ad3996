// Who may do what, by configuration.
#include "common/rules/access_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/scale_limits.hpp"

namespace inout::access_policy_test {
namespace {

const Identity kAnonymous{};
const Identity kOffice{Identity::Kind::key, "office"};
const Identity kSiteC{Identity::Kind::certificate, "site-c"};
const Identity kAll[] = {kAnonymous, kOffice, kSiteC};

std::vector<TopicPattern> patterns(const std::vector<std::string>& texts) {
    std::vector<TopicPattern> parsed;
    for (const auto& text : texts) {
        const auto pattern = TopicPattern::parse(text);
        EXPECT_TRUE(pattern) << text;
        if (pattern) parsed.push_back(*pattern);
    }
    return parsed;
}

AuthOptions auth() {
    AuthOptions options;
    options.keys = {{"office", "", {patterns({"mysql", "db.*"}), patterns({"ssh"})}},
                    {"site-c", "", {patterns({"from-key"}), {}}},
                    {"spare", "", {{}, patterns({"#"})}}};
    options.certs = {{"site-c", {{}, patterns({"web"})}},
                     {"office", {patterns({"from-cert"}), {}}}};
    return options;
}

TEST(AccessPolicy, without_auth_and_client_ca_everybody_may_do_everything) {
    const AccessPolicy policy(std::nullopt, false);
    EXPECT_FALSE(policy.protects());
    for (const auto& identity : kAll) {
        EXPECT_TRUE(policy.allows(identity, Right::in, "t")) << to_string(identity);
        EXPECT_TRUE(policy.allows(identity, Right::out, "t")) << to_string(identity);
        EXPECT_TRUE(policy.may_park_spare(identity)) << to_string(identity);
        EXPECT_EQ(policy.missing_rule(identity, Right::in, "t"), "") << to_string(identity);
    }
}

TEST(AccessPolicy, with_client_ca_alone_whoever_has_a_certificate_may_do_everything) {
    const AccessPolicy policy(std::nullopt, true);
    EXPECT_TRUE(policy.protects());
    for (const auto& identity : kAll) {
        const bool certified = identity == kSiteC;
        EXPECT_EQ(policy.allows(identity, Right::in, "t"), certified) << to_string(identity);
        EXPECT_EQ(policy.allows(identity, Right::out, "t"), certified) << to_string(identity);
        EXPECT_EQ(policy.may_park_spare(identity), certified) << to_string(identity);
    }
}

TEST(AccessPolicy, an_empty_auth_forbids_everything_to_everybody) {
    for (const bool client_ca : {false, true}) {
        const AccessPolicy policy(AuthOptions{}, client_ca);
        EXPECT_TRUE(policy.protects());
        for (const auto& identity : kAll) {
            EXPECT_FALSE(policy.allows(identity, Right::in, "t")) << to_string(identity);
            EXPECT_FALSE(policy.allows(identity, Right::out, "t")) << to_string(identity);
            EXPECT_FALSE(policy.may_park_spare(identity)) << to_string(identity);
        }
    }
}

TEST(AccessPolicy, a_key_may_do_what_its_lists_say_each_for_its_right) {
    const AccessPolicy policy(auth(), false);
    for (const auto* topic : {"mysql", "db.x"}) {
        EXPECT_TRUE(policy.allows(kOffice, Right::in, topic)) << topic;
        EXPECT_FALSE(policy.allows(kOffice, Right::out, topic)) << topic;
    }
    EXPECT_TRUE(policy.allows(kOffice, Right::out, "ssh"));
    EXPECT_FALSE(policy.allows(kOffice, Right::in, "ssh"));
    EXPECT_FALSE(policy.allows(kOffice, Right::in, "db.x.y"));
}

TEST(AccessPolicy, a_key_and_a_certificate_of_one_name_are_two) {
    const AccessPolicy policy(auth(), true);
    EXPECT_TRUE(policy.allows(kSiteC, Right::out, "web"));
    EXPECT_FALSE(policy.allows(kSiteC, Right::in, "from-key"));
    EXPECT_FALSE(policy.allows(kOffice, Right::in, "from-cert"));
    EXPECT_NE(kOffice, (Identity{Identity::Kind::certificate, "office"}));
}

TEST(AccessPolicy, who_is_not_listed_may_do_nothing) {
    const AccessPolicy policy(auth(), true);
    for (const auto kind : {Identity::Kind::key, Identity::Kind::certificate}) {
        for (const auto* name : {"", "Office", "office "}) {
            const Identity stranger{kind, name};
            EXPECT_FALSE(policy.allows(stranger, Right::in, "mysql")) << to_string(stranger);
            EXPECT_FALSE(policy.may_park_spare(stranger)) << to_string(stranger);
        }
    }
}

TEST(AccessPolicy, the_anonymous_may_do_what_is_listed_for_them_and_nobody_inherits_it) {
    AuthOptions options = auth();
    options.anonymous.in = patterns({"public.#"});
    const AccessPolicy policy(options, true);
    EXPECT_TRUE(policy.allows(kAnonymous, Right::in, "public.web"));
    EXPECT_FALSE(policy.allows(kAnonymous, Right::out, "public.web"));
    EXPECT_FALSE(policy.allows(kAnonymous, Right::in, "mysql"));
    EXPECT_FALSE(policy.allows(kOffice, Right::in, "public.web"));
}

TEST(AccessPolicy, a_spare_connection_is_for_who_may_use_some_topic) {
    const AccessPolicy policy(auth(), true);
    EXPECT_TRUE(policy.may_park_spare(kOffice));
    EXPECT_FALSE(policy.may_park_spare({Identity::Kind::key, "spare"})) << "it may only register";
    EXPECT_FALSE(policy.may_park_spare(kSiteC));
    EXPECT_FALSE(policy.may_park_spare(kAnonymous));
}

TEST(AccessPolicy, the_missing_rule_names_the_place_in_the_configuration) {
    const AccessPolicy policy(auth(), true);
    EXPECT_EQ(policy.missing_rule(kOffice, Right::in, "db.x.y"),
              R"(auth.keys "office": no pattern in "in" for topic db.x.y)");
    EXPECT_EQ(policy.missing_rule(kSiteC, Right::out, "ssh"),
              R"(auth.certs "site-c": no pattern in "out" for topic ssh)");
    EXPECT_EQ(policy.missing_rule({Identity::Kind::key, "lost"}, Right::in, "t"),
              R"(auth.keys: no entry "lost")");
    EXPECT_EQ(policy.missing_rule({Identity::Kind::certificate, "lost"}, Right::in, "t"),
              R"(auth.certs: no entry "lost")");
    EXPECT_EQ(policy.missing_rule(kAnonymous, Right::in, "t"),
              R"(auth.anonymous: no pattern in "in" for topic t)");
    EXPECT_EQ(policy.missing_rule(kOffice, Right::in, "mysql"), "");
}

using NameKind = CertificateName::Kind;

Identity certified(const std::string& name) { return {Identity::Kind::certificate, name}; }

TEST(AccessPolicy, a_certificates_identity_is_its_first_listed_name_or_its_first) {
    const AccessPolicy policy(auth(), true);
    const auto identity = [&](const std::vector<std::string>& names) {
        std::vector<CertificateName> typed;
        typed.reserve(names.size());
        for (const auto& name : names) typed.push_back({NameKind::dns, name});
        return policy.certificate_identity(typed);
    };
    EXPECT_EQ(identity({"other", "site-c", "office"}), certified("site-c"));
    EXPECT_EQ(identity({"spare", "other"}), certified("spare")) << "a key's name";
    EXPECT_EQ(identity({}), std::nullopt);
}

TEST(AccessPolicy, an_entry_is_a_name_of_one_kind_and_no_other_kind_of_that_spelling) {
    AuthOptions options;
    for (const char* name : {"plain", "dns:host", "email:ops@example.com", "uri:spiffe://td/a",
                             "cn:Site A", "old@example.com", "spiffe://td/old"}) {
        options.certs.push_back({name, {patterns({"t"}), {}}});
    }
    const AccessPolicy policy(options, true);
    const auto entry_of = [&](NameKind kind, const std::string& text) {
        const auto identity = policy.certificate_identity({{kind, text}});
        return identity && policy.allows(*identity, Right::in, "t") ? identity->name : "";
    };
    EXPECT_EQ(entry_of(NameKind::dns, "plain"), "plain");
    EXPECT_EQ(entry_of(NameKind::common_name, "plain"), "plain");
    EXPECT_EQ(entry_of(NameKind::email, "plain"), "");
    EXPECT_EQ(entry_of(NameKind::uri, "plain"), "");
    EXPECT_EQ(entry_of(NameKind::dns, "host"), "dns:host");
    EXPECT_EQ(entry_of(NameKind::common_name, "host"), "");
    EXPECT_EQ(entry_of(NameKind::common_name, "dns:host"), "");
    EXPECT_EQ(entry_of(NameKind::email, "ops@example.com"), "email:ops@example.com");
    EXPECT_EQ(entry_of(NameKind::common_name, "ops@example.com"), "");
    EXPECT_EQ(entry_of(NameKind::common_name, "email:ops@example.com"), "");
    EXPECT_EQ(entry_of(NameKind::uri, "spiffe://td/a"), "uri:spiffe://td/a");
    EXPECT_EQ(entry_of(NameKind::common_name, "spiffe://td/a"), "");
    EXPECT_EQ(entry_of(NameKind::common_name, "Site A"), "cn:Site A");
    EXPECT_EQ(entry_of(NameKind::dns, "Site A"), "");
    EXPECT_EQ(entry_of(NameKind::email, "old@example.com"), "old@example.com");
    EXPECT_EQ(entry_of(NameKind::common_name, "old@example.com"), "");
    EXPECT_EQ(entry_of(NameKind::uri, "spiffe://td/old"), "spiffe://td/old");
    EXPECT_EQ(entry_of(NameKind::dns, "spiffe://td/old"), "");
}

TEST(AccessPolicy, a_certificate_without_an_entry_is_shown_with_the_kind_of_its_name) {
    const AccessPolicy policy(auth(), true);
    EXPECT_EQ(policy.certificate_identity({{NameKind::dns, "x"}}), certified("x"));
    EXPECT_EQ(policy.certificate_identity({{NameKind::common_name, "x"}}), certified("cn:x"));
    EXPECT_EQ(policy.certificate_identity({{NameKind::email, "a@b"}}), certified("email:a@b"));
}

TEST(AccessPolicy, identities_are_written_with_their_kind) {
    EXPECT_EQ(to_string(kAnonymous), "anonymous");
    EXPECT_EQ(to_string(kOffice), "key office");
    EXPECT_EQ(to_string(kSiteC), "certificate site-c");
}

TEST(AccessPolicy, a_pattern_is_registered_only_where_one_pattern_holds_all_of_it) {
    AuthOptions auth;
    const auto patterns = [](std::initializer_list<const char*> texts) {
        std::vector<TopicPattern> made;
        for (const char* text : texts) made.push_back(TopicPattern::parse(text).value());
        return made;
    };
    auth.keys = {{"office", "f", {patterns({"#"}), patterns({"db.*", "web.#"})}}};
    const AccessPolicy policy(auth, false);
    const Identity office{Identity::Kind::key, "office"};
    const auto may = [&](const char* text) {
        return policy.allows_out(office, TopicPattern::parse(text).value());
    };
    EXPECT_TRUE(may("db.*"));
    EXPECT_TRUE(may("db.orders"));
    EXPECT_TRUE(may("web.*.eu.#"));
    EXPECT_FALSE(may("db.#"));
    EXPECT_FALSE(may("*.orders"));
    EXPECT_FALSE(may("#"));
    // As a topic that text is permitted; as a pattern it would be more.
    EXPECT_TRUE(policy.allows(office, Right::out, "db.#"));
    EXPECT_EQ(policy.missing_rule_for(office, TopicPattern::parse("db.#").value()),
              "auth.keys \"office\": no pattern in \"out\" that holds all of db.#");
    EXPECT_FALSE(policy.allows_out({}, TopicPattern::parse("db.*").value()));
    EXPECT_TRUE(AccessPolicy(std::nullopt, false).allows_out({}, TopicPattern::parse("#").value()));
}

TEST(AccessPolicy, believes_nobody_whose_its_streams_are_but_who_is_listed_so) {
    AuthOptions options = auth();
    options.keys.front().permissions.client = true;
    options.anonymous.client = true;  // no configuration can say so
    const AccessPolicy policy(options, true);
    EXPECT_TRUE(policy.may_tell_client({Identity::Kind::key, options.keys.front().id}));
    EXPECT_FALSE(policy.may_tell_client({Identity::Kind::key, options.keys.back().id}));
    EXPECT_FALSE(policy.may_tell_client({Identity::Kind::certificate, options.keys.front().id}));
    EXPECT_FALSE(policy.may_tell_client({Identity::Kind::proxy, options.keys.front().id}));
    EXPECT_FALSE(policy.may_tell_client({}));
    // Where all may do everything, too.
    EXPECT_FALSE(
        AccessPolicy(std::nullopt, true).may_tell_client({Identity::Kind::certificate, "a"}));
}

TEST(AccessPolicy, its_fingerprint_is_of_who_may_do_what_and_of_nothing_else) {
    const std::string same = AccessPolicy(auth(), false).fingerprint();
    EXPECT_EQ(same.size(), kListsDigits);
    AuthOptions other = auth();
    std::swap(other.keys.front(), other.keys.back());
    other.keys.back().permissions.in = patterns({"db.*", "mysql"});
    other.keys.back().secret_file = "elsewhere";
    EXPECT_EQ(AccessPolicy(other, false).fingerprint(), same);

    std::vector<std::string> all{same, AccessPolicy(std::nullopt, false).fingerprint(),
                                 AccessPolicy(std::nullopt, true).fingerprint(),
                                 AccessPolicy(AuthOptions{}, false).fingerprint()};
    const auto with = [&all](auto change) {
        AuthOptions changed = auth();
        change(changed);
        all.push_back(AccessPolicy(changed, false).fingerprint());
    };
    with([](AuthOptions& a) { a.keys.pop_back(); });
    with([](AuthOptions& a) { a.keys.front().id = "offic"; });
    with([](AuthOptions& a) { std::swap(a.keys[0].permissions.in, a.keys[0].permissions.out); });
    with([](AuthOptions& a) { a.keys[0].permissions.in.pop_back(); });
    with([](AuthOptions& a) { a.certs.front().name = "site-d"; });
    with([](AuthOptions& a) { a.anonymous.in = patterns({"web"}); });
    with([](AuthOptions& a) { a.keys[0].permissions.client = true; });
    std::ranges::sort(all);
    EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

}  // namespace
}  // namespace inout::access_policy_test
