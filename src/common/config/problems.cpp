#include "common/config/problems.hpp"

#include <algorithm>
#include <utility>

#include "common/base/utf8.hpp"

namespace inout {
namespace {

constexpr std::size_t kFindingsMax = 100;

}  // namespace

Problems::Problems(std::string_view text, std::string_view file)
    : text_(text), file_(file), line_starts_{0} {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') line_starts_.push_back(i + 1);
    }
}

void Problems::Findings::add(std::string_view where, std::string_view path, std::string what) {
    if (list.size() == kFindingsMax) {
        ++omitted;
        return;
    }
    if (!path.empty()) what.insert(0, std::string(path) + ": ");
    list.push_back({where, std::move(what)});
}

void Problems::add(std::string_view where, std::string_view path, std::string what) {
    problems_.add(where, path, std::move(what));
}

void Problems::warn(std::string_view where, std::string_view path, std::string what) {
    warnings_.add(where, path, std::move(what));
}

std::size_t Problems::line_of(std::string_view where) const {
    const auto offset = static_cast<std::size_t>(where.data() - text_.data());
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    return static_cast<std::size_t>(after - line_starts_.begin());
}

std::vector<std::string> Problems::lines() const { return lines_of(problems_, "problems"); }

std::vector<std::string> Problems::warnings() const { return lines_of(warnings_, "warnings"); }

std::vector<std::string> Problems::lines_of(Findings findings, std::string_view name) const {
    std::stable_sort(
        findings.list.begin(), findings.list.end(),
        [](const Finding& a, const Finding& b) { return a.where.data() < b.where.data(); });
    std::vector<std::string> result;
    for (const auto& [where, what] : findings.list) {
        const std::size_t line = line_of(where);
        const char* const start = text_.data() + line_starts_[line - 1];
        const auto continues = [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
        };
        const auto column =
            1 + (where.data() - start) - std::count_if(start, where.data(), continues);
        result.push_back(visible(file_ + ":" + std::to_string(line) + ":" + std::to_string(column) +
                                 ": " + what));
    }
    if (findings.omitted > 0) {
        result.push_back(visible(file_) + ": and " + std::to_string(findings.omitted) + " more " +
                         std::string(name));
    }
    return result;
}

}  // namespace inout
