#include "common/app/findings.hpp"

#include <algorithm>

#include "common/base/utf8.hpp"
#include "common/wire/message_writer.hpp"

namespace inout {
namespace {

/// Wider ones push what follows to the right, in their own row only.
constexpr std::size_t kSubjectWidthMax = 44;

std::string_view word_of(Finding::State state) {
    switch (state) {
        case Finding::State::ok: return "ok";
        case Finding::State::warning: return "warning";
        case Finding::State::wrong: break;
    }
    return "wrong";
}

/// "ssh at relay:40001".
std::string subject_of(const Finding& finding) {
    if (finding.topic.empty()) return visible(finding.server);
    const std::string topic = visible(finding.topic);
    return finding.server.empty() ? topic : topic + " at " + visible(finding.server);
}

void add_cell(std::string& line, std::string_view text, std::size_t width) {
    line += text;
    line.append(width - std::min(width, text.size()) + 2, ' ');
}

/// Valid JSON, and nothing in it that a terminal obeys: json_text escapes only what JSON wants
/// escaped, and not DEL, C1 controls, or what turns the direction of writing.
void add_member(std::string& out, std::string_view name, std::string_view value) {
    if (out.back() != '{') out += ',';
    out += json_text(name) + ':' + visible(json_text(value));
}

void add_if_any(std::string& out, std::string_view name, std::string_view value) {
    if (!value.empty()) add_member(out, name, value);
}

}  // namespace

bool is_well(const Findings& findings) {
    return std::ranges::none_of(
        findings, [](const Finding& each) { return each.state == Finding::State::wrong; });
}

std::string table_of(const Findings& findings) {
    std::size_t subject = 0, check = 0;
    for (const Finding& each : findings) {
        subject = std::max(subject, std::min(subject_of(each).size(), kSubjectWidthMax));
        check = std::max(check, each.check.size());
    }
    std::string all;
    for (const Finding& each : findings) {
        add_cell(all, word_of(each.state), word_of(Finding::State::warning).size());
        add_cell(all, subject_of(each), subject);
        add_cell(all, each.check, check);
        all += visible(each.found) + '\n';
        if (!each.advice.empty()) all += "         -> " + visible(each.advice) + '\n';
    }
    return all;
}

std::string json_of(std::string_view program, const Findings& findings) {
    std::string all = "{\"program\":" + json_text(program) + ",\"well\":";
    all += is_well(findings) ? "true" : "false";
    all += ",\"checks\":[";
    for (const Finding& each : findings) {
        if (all.back() != '[') all += ',';
        all += '{';
        add_if_any(all, "server", each.server);
        add_if_any(all, "topic", each.topic);
        add_member(all, "check", each.check);
        add_member(all, "state", word_of(each.state));
        add_member(all, "found", each.found);
        add_if_any(all, "advice", each.advice);
        all += '}';
    }
    all += "]}\n";
    return all;
}

}  // namespace inout
