// Certificates that end are seen in time, at any time.
#include "common/protocol/validity.hpp"

#include <gtest/gtest.h>

#include "common/app/certificate_watch.hpp"
#include "common/base/limits.hpp"

namespace inout {
namespace {

constexpr std::int64_t kHour = 3'600, kDay = 24 * kHour;
constexpr std::int64_t kEnd = 1'767'225'600;  // 2026-01-01 00:00 UTC
const Validity kYear{"tls.cert", "a.crt", kEnd - 365 * kDay, kEnd};

std::string said(std::int64_t now_s) { return validity_warning(kYear, now_s).value_or(""); }

TEST(Validity, is_nothing_to_speak_of_until_two_weeks_before_its_end) {
    EXPECT_EQ(said(kYear.begins_s), "");
    EXPECT_EQ(said(kEnd - 14 * kDay - 1), "");
    EXPECT_NE(said(kEnd - 14 * kDay), "");
}

TEST(Validity, says_how_long_there_is_still_time_and_never_too_much) {
    const std::string rest = " (2026-01-01 00:00 UTC): put a new one in its place and restart";
    EXPECT_EQ(said(kEnd - 13 * kDay - 5), "ends in 13 days" + rest);
    EXPECT_EQ(said(kEnd - 2 * kDay), "ends in 2 days" + rest);
    EXPECT_EQ(said(kEnd - 2 * kDay + 1), "ends in 47 hours" + rest);
    EXPECT_EQ(said(kEnd - 1), "ends in 0 hours" + rest);
}

TEST(Validity, says_when_it_was_over_or_has_yet_to_begin) {
    EXPECT_EQ(said(kEnd), "ended 0 hours ago (2026-01-01 00:00 UTC)");
    EXPECT_EQ(said(kEnd + kHour), "ended 1 hour ago (2026-01-01 00:00 UTC)");
    EXPECT_EQ(said(kEnd + 400 * kDay), "ended 400 days ago (2026-01-01 00:00 UTC)");
    EXPECT_EQ(
        said(kYear.begins_s - 3 * kDay),
        "is not valid before 2025-01-01 00:00 UTC, in 3 days; is this machine's clock right?");
}

/// A year of a program that runs on: each day's check says something in the last two weeks only,
/// and none of them is skipped whatever the jitter.
TEST(Validity, is_looked_at_often_enough_to_be_warned_of_in_time) {
    for (const double random : {0.0, 0.5, 1.0}) {
        int warned = 0;
        const auto step_s =
            std::chrono::duration_cast<std::chrono::seconds>(CertificateWatch::pause(random));
        for (std::int64_t now = kYear.begins_s; now < kEnd; now += step_s.count()) {
            if (validity_warning(kYear, now)) ++warned;
        }
        EXPECT_GE(warned, 12) << random;
        EXPECT_LE(warned, 16) << random;
    }
    EXPECT_LT(CertificateWatch::pause(0.0), CertificateWatch::pause(1.0));
}

}  // namespace
}  // namespace inout
