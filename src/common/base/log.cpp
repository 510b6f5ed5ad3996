#include "common/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

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

/// Length of a character that a terminal obeys or that reorders a line: C1 controls
/// (U+0080–9F), line and paragraph separators and bidirectional marks (U+2028–202E, U+2066–2069).
std::size_t unprintable_at(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return 2;
    if (byte(0) != 0xe2) return 0;
    if (byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) return 3;
    if (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9) return 3;
    return 0;
}

void append_escaped(std::string& out, std::string_view text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (const std::size_t length = unprintable_at(text.substr(i))) {
            out += '?';
            i += length - 1;
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\u00";
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 15U];
        } else {
            out += c;
        }
    }
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte <= 0x20 || byte == 0x7f || byte == '"' || byte == '\\' || byte == '=') return true;
        if (unprintable_at(text.substr(i)) > 0) return true;
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
