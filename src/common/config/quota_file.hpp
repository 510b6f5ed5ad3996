// The text of a quota file: what each identity has used of its quota.
//
//     {"version": 1, "used": [{"who": "key office", "total": 5, "month": "2026-11", "in_month":
//     2}]}
//
// Whatever is not exactly so is damaged: a guess could give somebody a quota twice. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/rules/byte_quota.hpp"

namespace inout {

/// By who: "key office".
using QuotaRecords = std::map<std::string, BytesUsed>;

/// The failure: what is wrong with it.
Result<QuotaRecords, std::string> parse_quota_file(std::string_view text);
std::string quota_file_text(const QuotaRecords& records);

}  // namespace inout
