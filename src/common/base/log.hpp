// The log: one line per event, to stderr, as text or JSON. The only door to spdlog.
//
// A line is an event's name, followed by named fields: `log::info("listening", {{"address", a}})`.
// Text lines are logfmt (`… info proxy listening address=127.0.0.1:40001`), JSON lines one object.
// Values are escaped, so that a peer's text can not forge a line. Thread-safe. Never given a
// secret. Never waits for whoever reads it (log_writer.hpp). Lines that a peer can cause go through
// limited(), which knows how often they may come (line_budget.hpp).
//
// warning: a person must do something, here or at the other end. info: what happened.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/line_budget.hpp"

namespace inout::log {

enum class Format { text, json };

/// One named value of a line; numbers stay numbers in JSON.
/// One without a name is left out.
struct Field {
    std::string_view name;
    std::string value;
    bool number = false;

    Field(std::string_view field_name, std::string text)
        : name(field_name), value(std::move(text)) {}
    Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
    Field(std::string_view field_name, const char* text) : name(field_name), value(text) {}
    template <std::integral T>
    Field(std::string_view field_name, T amount)
        : name(field_name), value(std::to_string(amount)), number(true) {}
    /// One that is left out of its line.
    static Field none() { return {{}, std::string_view()}; }
};
using Fields = std::initializer_list<Field>;

/// Called once, before the first line and before other threads start. Under systemd, with stderr in
/// the journal, each line begins with its priority (sd-daemon(3)). Throws std::system_error if
/// there can be no thread.
void start(std::string_view program, Level level, Format format);
bool enabled(Level level);
/// From now on. Any thread.
void set_level(Level level);
Level level();
/// Counts a line that could not be made, because memory has run out.
void lose_line();
/// Waits until all lines are written, but not longer than this.
void flush(Milliseconds timeout = kLogFlush);

void write(Level level, std::string_view event, const Field* fields, std::size_t count);
inline void write(Level level, std::string_view event, Fields fields) {
    write(level, event, fields.begin(), fields.size());
}
inline void debug(std::string_view event, Fields fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warning(std::string_view event, Fields fields = {}) {
    write(Level::warning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
    write(Level::error, event, fields);
}

/// A line that a peer can cause, about `about`: a topic, an identity, a source; what it is about
/// should not be for the peer to choose freely. Held back or written as its kind's budget allows;
/// `held_back` says how many were not written before it.
void limited(Level level, Kind kind, std::string_view event, std::string_view about, Fields fields);
/// Writes `held back` lines for what limited() held back and never told; with `all`, at the end of
/// a program, whatever their budget says.
void tell_held_back(bool all = false);

/// The line's text without time and level; exposed for its tests.
std::string format_fields(Format format, std::string_view event, const Field* fields,
                          std::size_t count);

/// Lets one line through per interval and counts what it holds back, so that a flood of strangers
/// can not fill a disk. Thread-safe.
class RateLimit {
  public:
    explicit RateLimit(Milliseconds interval = Milliseconds{5'000}) : interval_(interval) {}
    /// -1: stay silent; otherwise the number of lines held back since the last one.
    long long pass(Clock::time_point now = Clock::now());

  private:
    const Milliseconds interval_;
    std::mutex mutex_;
    Clock::time_point next_{};
    long long held_ = 0;
};

}  // namespace inout::log
