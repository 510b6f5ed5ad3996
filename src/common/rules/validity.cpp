#include "common/rules/validity.hpp"

#include <ctime>

#include "common/base/limits.hpp"

namespace inout {
namespace {

constexpr std::int64_t kHourS = 3'600, kDayS = 24 * kHourS;

std::string date_of(std::int64_t time_s) {
    const auto time = static_cast<std::time_t>(time_s);
    std::tm utc{};
    char text[40];
    if (::gmtime_r(&time, &utc) == nullptr ||
        std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc) == 0) {
        return std::to_string(time_s);
    }
    return text;
}

/// "5 days", "1 hour"; rounded down, so that nobody has less time than it says.
std::string span_of(std::int64_t seconds) {
    const bool days = seconds >= 2 * kDayS;
    const std::int64_t count = days ? seconds / kDayS : seconds / kHourS;
    return std::to_string(count) + (days ? " day" : " hour") + (count == 1 ? "" : "s");
}

}  // namespace

std::optional<std::string> validity_warning(const Validity& validity, std::int64_t now_s) {
    const std::int64_t left_s = validity.ends_s - now_s;
    const std::string until = " (" + date_of(validity.ends_s) + ")";
    if (left_s <= 0) return "ended " + span_of(-left_s) + " ago" + until;
    if (now_s < validity.begins_s) {
        return "is not valid before " + date_of(validity.begins_s) + ", in " +
               span_of(validity.begins_s - now_s) + "; is this machine's clock right?";
    }
    const auto notice_s = std::chrono::duration_cast<std::chrono::seconds>(kCertificateNotice);
    if (left_s > notice_s.count()) return std::nullopt;
    return "ends in " + span_of(left_s) + until + ": put a new one in its place and restart";
}

}  // namespace inout
