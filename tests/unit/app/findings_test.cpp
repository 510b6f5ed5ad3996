// How people and programs read what a doctor has found.
#include "common/app/findings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace inout::findings_test {
namespace {

Findings some() {
    return {{.server = "relay:40001", .check = "tcp", .found = "connects"},
            {.server = "relay:40001",
             .topic = "ssh",
             .check = "backend",
             .state = Finding::State::wrong,
             .found = "refused \x1b[2J",
             .advice = "start it"},
            {.topic = "db",
             .check = "backend",
             .state = Finding::State::warning,
             .found = "not asked"}};
}

TEST(Findings, one_row_for_each_in_columns_and_what_to_do_below_it) {
    EXPECT_EQ(table_of(some()),
              "ok       relay:40001         tcp      connects\n"
              "wrong    ssh at relay:40001  backend  refused \\u001b[2J\n"
              "         -> start it\n"
              "warning  db                  backend  not asked\n");
}

TEST(Findings, a_long_subject_widens_only_its_own_row) {
    Findings findings = some();
    findings[2].topic = std::string(200, 't');
    const std::string table = table_of(findings);
    EXPECT_LT(table.find('\n'), 80U) << table;
}

TEST(Findings, as_json_each_has_what_is_there) {
    const std::string text = json_of("in", some());
    EXPECT_EQ(text.back(), '\n');
    const auto json = nlohmann::json::parse(text);
    EXPECT_EQ(json["program"], "in");
    EXPECT_FALSE(json["well"]);
    ASSERT_EQ(json["checks"].size(), 3U);
    EXPECT_EQ(
        json["checks"][0],
        (nlohmann::json{
            {"server", "relay:40001"}, {"check", "tcp"}, {"state", "ok"}, {"found", "connects"}}));
    EXPECT_EQ(json["checks"][1]["found"], "refused \x1b[2J");
    EXPECT_EQ(json["checks"][1]["advice"], "start it");
    EXPECT_FALSE(json["checks"][2].contains("server"));
}

TEST(Findings, as_json_too_nothing_reaches_a_terminal_that_it_obeys) {
    const std::string evil =
        "\x1b[2J\x7f\xc2\x9b"
        "31m\xe2\x80\xae";
    const std::string text = json_of("in", {{.check = "proxy", .found = evil + "\xff"}});
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) {
        return (c >= ' ' && c < 0x7f) || c == '\n' || static_cast<signed char>(c) < 0;
    }));
    EXPECT_EQ(text.find("\xc2\x9b"), text.npos);
    EXPECT_EQ(text.find("\xe2\x80\xae"), text.npos);
    EXPECT_EQ(nlohmann::json::parse(text)["checks"][0]["found"], evil + "\xef\xbf\xbd");
}

TEST(Findings, as_json_each_says_what_was_found_even_if_that_is_nothing) {
    const auto json = nlohmann::json::parse(json_of("in", {{.check = "topic"}}));
    EXPECT_EQ(json["checks"][0]["found"], "");
}

TEST(Findings, only_what_is_wrong_is_a_fault) {
    EXPECT_TRUE(is_well({}));
    EXPECT_FALSE(is_well(some()));
    Findings fine = some();
    fine.erase(fine.begin() + 1);
    EXPECT_TRUE(is_well(fine)) << "a warning";
}

}  // namespace
}  // namespace inout::findings_test
