#include "common/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/base/utf8.hpp"

namespace inout::log {
namespace {

Format chosen_format = Format::text;

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warning: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

/// Escapes ASCII controls as JSON does; '?' stands for other characters that must not reach a
/// terminal, and for each byte that is not UTF-8.
void append_escaped(std::string& out, std::string_view text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    while (!text.empty()) {
        const auto [value, bytes] = first_code_point(text);
        if (value == '"' || value == '\\') {
            out += '\\';
            out += text[0];
        } else if (bytes == 1 && !is_printable(value)) {
            out += "\\u00";
            out += kDigits[value >> 4U];
            out += kDigits[value & 15U];
        } else if (bytes == 0 || !is_printable(value)) {
            out += '?';
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    while (!text.empty()) {
        const auto [value, bytes] = first_code_point(text);
        if (bytes == 0 || !is_printable(value)) return true;
        if (value == ' ' || value == '"' || value == '\\' || value == '=') return true;
        text.remove_prefix(bytes);
    }
    return false;
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

}  // namespace

void start(std::string_view program, Level level, Format format) {
    chosen_format = format;
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>(std::string(program), std::move(sink));
    logger->set_level(to_spdlog(level));
    spdlog::set_default_logger(std::move(logger));
    if (format == Format::json) {
        spdlog::set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":"%n",%v})",
                            spdlog::pattern_time_type::utc);
    } else {
        spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %n %v", spdlog::pattern_time_type::utc);
    }
}

bool enabled(Level level) { return spdlog::should_log(to_spdlog(level)); }

std::string format_fields(Format format, std::string_view event, const Field* fields,
                          std::size_t count) {
    std::string line;
    line.reserve(160);
    if (format == Format::json) {
        line += R"("event":)";
        append_quoted(line, event);
        for (std::size_t i = 0; i < count; ++i) {
            line += ',';
            append_quoted(line, fields[i].name);
            line += ':';
            if (fields[i].number) {
                line += fields[i].value;
            } else {
                append_quoted(line, fields[i].value);
            }
        }
        return line;
    }
    line += event;
    for (std::size_t i = 0; i < count; ++i) {
        line += ' ';
        line += fields[i].name;
        line += '=';
        if (needs_quotes(fields[i].value)) {
            append_quoted(line, fields[i].value);
        } else {
            line += fields[i].value;
        }
    }
    return line;
}

void write(Level level, std::string_view event, const Field* fields, std::size_t count) {
    if (!enabled(level)) return;
    spdlog::log(to_spdlog(level), "{}", format_fields(chosen_format, event, fields, count));
}

long long RateLimit::pass(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (now < next_) {
        ++held_;
        return -1;
    }
    next_ = now + interval_;
    return std::exchange(held_, 0);
}

}  // namespace inout::log
