// Certificates that end are seen in time, at any time.
#include "common/rules/validity.hpp"

#include <gtest/gtest.h>

#include "common/app/certificate_watch.hpp"
#include "common/base/limits.hpp"
#include "common/base/log.hpp"

namespace inout::validity_test {
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
        const auto step_s = std::chrono::duration_cast<std::chrono::seconds>(
            CertificateWatch::pause(kCertificateCheck, random));
        for (std::int64_t now = kYear.begins_s; now < kEnd; now += step_s.count()) {
            if (validity_warning(kYear, now)) ++warned;
        }
        EXPECT_GE(warned, 12) << random;
        EXPECT_LE(warned, 16) << random;
    }
    EXPECT_LT(CertificateWatch::pause(kCertificateCheck, 0.0),
              CertificateWatch::pause(kCertificateCheck, 1.0));
}

/// How often the watch warns of a certificate in so many turns of the event loop, with days of a
/// millisecond.
std::size_t warnings_of_many_days(const Validity& validity, std::size_t turns) {
    CertificateWatch watch;
    watch.set({validity});
    testing::internal::CaptureStderr();
    log::start("tests", log::Level::warning, log::Format::text);
    asio::io_context context;
    bool ended = false;
    asio::co_spawn(context, watch.run(context.get_executor(), Milliseconds{1}),
                   [&](const std::exception_ptr&) { ended = true; });
    for (std::size_t i = 0; i < turns; ++i) context.run_one();
    EXPECT_FALSE(ended) << "it is watched for ever";
    log::flush(std::chrono::seconds(10));
    log::start("tests", log::Level::error, log::Format::text);
    const std::string lines = testing::internal::GetCapturedStderr();
    std::size_t count = 0;
    const std::string line = " certificate key=tls.cert file=a.crt reason=";
    for (auto at = lines.find(line); at != std::string::npos; at = lines.find(line, at + 1)) {
        ++count;
    }
    return count;
}

TEST(CertificateWatch, warns_again_each_day_of_what_has_ended_and_never_of_what_has_not) {
    constexpr std::int64_t kFarAway = 4'000'000'000;
    EXPECT_GE(warnings_of_many_days({"tls.cert", "a.crt", 0, kEnd - 10 * 365 * kDay}, 20), 3U);
    EXPECT_EQ(warnings_of_many_days({"tls.cert", "a.crt", 0, kFarAway}, 20), 0U);
}

}  // namespace
}  // namespace inout::validity_test
