#include "common/base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/counters.hpp"
#include "common/base/log_writer.hpp"
#include "common/base/utf8.hpp"

namespace inout::log {
namespace {

Format chosen_format = Format::text;
LineBudget budget;

/// Never destroyed, and started with the first start().
LogWriter& writer() {
    static LogWriter* const instance = [] {
        auto made = std::make_unique<LogWriter>(STDERR_FILENO);
        made->start();
        return made.release();
    }();
    return *instance;
}

/// Whether stderr goes to the journal (systemd.exec(5), JOURNAL_STREAM): its device and inode.
bool stderr_is_the_journal() {
    const char* const named = std::getenv("JOURNAL_STREAM");
    struct stat stream {};
    if (named == nullptr || ::fstat(STDERR_FILENO, &stream) != 0) return false;
    return std::to_string(stream.st_dev) + ":" + std::to_string(stream.st_ino) == named;
}

/// What the journal takes as a line's priority (sd-daemon(3), syslog(3)).
std::string_view priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::debug: return "<7>";
        case spdlog::level::warn: return "<4>";
        case spdlog::level::err: return "<3>";
        default: return "<6>";
    }
}

/// Makes lines without a lock, each thread with a formatter of its own, and gives them to the
/// writer.
class WriterSink : public spdlog::sinks::sink {
  public:
    WriterSink(Format format, bool journal)
        : lost_name_(format == Format::json ? R"(,"lines_lost":)" : " lines_lost="),
          end_(format == Format::json ? "}\n" : "\n"),
          journal_(journal) {}

    void log(const spdlog::details::log_msg& message) override {
        struct Own {
            unsigned sink = 0;
            std::unique_ptr<spdlog::formatter> formatter;
        };
        static thread_local Own own;
        if (own.sink != number_) own = {number_, formatter_->clone()};
        spdlog::memory_buf_t line;
        if (journal_) line.append(priority_of(message.level));
        own.formatter->format(message, line);
        writer().push({line.data(), line.size()}, lost_name_, end_);
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    /// Before the first line.
    void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
        formatter_ = std::move(formatter);
    }

  private:
    const std::string_view lost_name_, end_;
    const bool journal_;
    const unsigned number_ = ++made_;  // start() may come again, as in tests
    std::unique_ptr<spdlog::formatter> formatter_;
    static inline unsigned made_ = 0;
};

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warning: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

/// How many bytes in front are printable ASCII that stands for itself: nearly all, so they are not
/// looked at one code point at a time.
std::size_t plain_length(std::string_view text) {
    static constexpr auto kSpecial = [] {
        std::array<bool, 256> special{};
        for (std::size_t byte = 0; byte < special.size(); ++byte) {
            special[byte] = byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\';
        }
        return special;
    }();
    const auto* const end = std::find_if(
        text.begin(), text.end(), [](char c) { return kSpecial[static_cast<unsigned char>(c)]; });
    return static_cast<std::size_t>(end - text.begin());
}

/// Escapes as JSON does what must not reach a terminal or can not be seen; '?' stands for each byte
/// that is not UTF-8.
void append_escaped(std::string& out, std::string_view text) {
    while (true) {
        const std::size_t plain = plain_length(text);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) return;
        const auto [value, bytes] = first_code_point(text);
        if (value == '"' || value == '\\') {
            out += '\\';
            out += text[0];
        } else if (bytes == 0) {
            out += '?';
        } else if (!is_printable(value)) {
            append_escape(out, value);
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    while (!text.empty()) {
        const std::string_view plain = text.substr(0, plain_length(text));
        if (plain.find_first_of(" =") != std::string_view::npos) return true;
        text.remove_prefix(plain.size());
        if (text.empty()) return false;
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
    writer();
    // The end of a line is the sink's.
    const char* const pattern =
        format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":"%n",%v)"
                               : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %n %v";
    auto sink = std::make_shared<WriterSink>(format, stderr_is_the_journal());
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        pattern, spdlog::pattern_time_type::utc, std::string()));
    auto logger = std::make_shared<spdlog::logger>(std::string(program), std::move(sink));
    logger->set_level(to_spdlog(level));
    // Without memory, say: the library would write to stderr itself, and wait there.
    logger->set_error_handler([](const std::string&) { writer().lose(); });
    spdlog::set_default_logger(std::move(logger));
}

void set_level(Level level) { spdlog::default_logger_raw()->set_level(to_spdlog(level)); }

Level level() {
    switch (spdlog::default_logger_raw()->level()) {
        case spdlog::level::trace:
        case spdlog::level::debug: return Level::debug;
        case spdlog::level::info: return Level::info;
        case spdlog::level::warn: return Level::warning;
        default: return Level::error;
    }
}

bool enabled(Level level) { return spdlog::should_log(to_spdlog(level)); }

void lose_line() { writer().lose(); }

void flush(Milliseconds timeout) { writer().flush(timeout); }

std::string format_fields(Format format, std::string_view event, const Field* fields,
                          std::size_t count) {
    std::string line;
    line.reserve(160);
    if (format == Format::json) {
        line += R"("event":)";
        append_quoted(line, event);
        for (std::size_t i = 0; i < count; ++i) {
            if (fields[i].name.empty()) continue;
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
        if (fields[i].name.empty()) continue;
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
    const std::string text = format_fields(chosen_format, event, fields, count);
    spdlog::default_logger_raw()->log(to_spdlog(level), spdlog::string_view_t(text));
}

void limited(Level level, Kind kind, std::string_view event, std::string_view about,
             Fields fields) {
    if (!enabled(level)) return;
    const auto held_back = budget.pass(level, kind, event, about, Clock::now());
    if (!held_back) {
        counters().lines_held.add();
    } else if (*held_back == 0) {
        write(level, event, fields);
    } else {
        std::vector<Field> all(fields);
        all.emplace_back("held_back", *held_back);
        write(level, event, all.data(), all.size());
    }
}

void tell_held_back(bool all) {
    for (const auto& lines : budget.tell(Clock::now(), all)) {
        write(lines.level, "held back",
              {{"lines", lines.event}, {"about", lines.about}, {"held_back", lines.count}});
    }
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
