#include <gtest/gtest.h>

#include <string>

#include "common/config/quota_file.hpp"

namespace inout::quota_file_test {
namespace {

std::string damage(const std::string& text) {
    const auto parsed = parse_quota_file(text);
    return parsed ? "" : parsed.error();
}

const std::string kEntry = R"({"who":"key a","total":5,"month":"2026-11","in_month":2})";

std::string with(const std::string& entries) { return R"({"version":1,"used":[)" + entries + "]}"; }
/// The entry with something else in place of a part of it.
std::string changed(const std::string& part, const std::string& other) {
    std::string entry = kEntry;
    return with(entry.replace(entry.find(part), part.size(), other));
}

TEST(QuotaFile, reads_what_it_has_written) {
    const QuotaRecords records{
        {"key office", {.total = 1'000'000'000'000'000'000, .in_month = 7, .month = 682}},
        {"certificate dns:a", {.total = 0, .in_month = 0, .month = 0}},
        {"key \xc3\xa4 \"\\", {.total = 1, .in_month = 1, .month = 11}}};
    const auto read = parse_quota_file(quota_file_text(records));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, records);
    EXPECT_EQ(*parse_quota_file(quota_file_text({})), QuotaRecords{});
    EXPECT_NE(quota_file_text(records).find("\"2026-11\""), std::string::npos);
}

TEST(QuotaFile, what_can_not_be_read_again_is_not_written) {
    const auto read =
        parse_quota_file(quota_file_text({{"key a", {.total = ~std::uint64_t{0}, .month = 1}}}));
    ASSERT_TRUE(read) << read.error();
    EXPECT_GT(read->at("key a").total, std::uint64_t{1} << 62U);
}

TEST(QuotaFile, every_beginning_of_a_file_is_damaged) {
    const std::string text = quota_file_text(
        {{"key a", {.total = 5, .in_month = 2, .month = 682}}, {"key b", {.month = 682}}});
    const std::string content = text.substr(0, text.find_last_of('}') + 1);
    for (std::size_t size = 0; size < content.size(); ++size) {
        EXPECT_NE(damage(content.substr(0, size)), "") << content.substr(0, size);
    }
    EXPECT_EQ(damage(content), "");
}

TEST(QuotaFile, says_what_is_wrong) {
    EXPECT_EQ(damage(with(kEntry)), "");
    EXPECT_EQ(damage(""), "it is empty");
    EXPECT_EQ(damage(std::string(100, '\0')).substr(0, 13), "it is no JSON");
    EXPECT_EQ(damage("[]"), "it has no \"version\": 1");
    EXPECT_EQ(damage(R"({"version":2,"used":[]})"), "it has no \"version\": 1");
    EXPECT_EQ(damage(R"({"version":1,"used":{}})"), "it is not {\"version\": 1, \"used\": […]}");
    EXPECT_EQ(damage(R"({"version":1,"used":[],"x":1})"),
              "it is not {\"version\": 1, \"used\": […]}");
    EXPECT_EQ(damage(with("7")), "used[0] is not an object");
    EXPECT_EQ(damage(with(kEntry + "," + kEntry)), "used[1].who is in the file twice");
    EXPECT_EQ(damage(changed(R"("key a")", "3")), "used[0].who is not a name");
    EXPECT_EQ(damage(changed(R"("key a")", R"("")")), "used[0].who is not a name");
    for (const char* total : {"-5", "5.5", "5e3", "\"5\"", "null", "99999999999999999999"}) {
        EXPECT_EQ(damage(changed(":5", std::string(":") + total)),
                  "used[0].total is not a number of bytes")
            << total;
    }
    EXPECT_EQ(damage(changed(":2}", ":-2}")), "used[0].in_month is not a number of bytes");
    EXPECT_EQ(damage(changed(R"(,"in_month":2)", "")), "used[0].in_month is not a number of bytes");
    for (const char* month :
         {"2026-13", "2026-00", "2026-1", "1969-12", "2026/11", "20261-1", "2026-1x"}) {
        EXPECT_EQ(damage(changed("2026-11", month)),
                  "used[0].month is not a month, such as \"2026-11\"")
            << month;
    }
    EXPECT_EQ(damage(changed(":2}", ":2,\"x\":1}")), "used[0] has unknown keys");
    EXPECT_EQ(damage(changed(":2}", ":2,\"total\":1}")), "used[0].total is not a number of bytes");
}

}  // namespace
}  // namespace inout::quota_file_test
