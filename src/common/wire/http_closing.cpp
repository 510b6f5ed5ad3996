#include "common/wire/http_closing.hpp"

#include <utility>

namespace inout {

std::size_t HttpClosing::pass(std::string_view bytes) {
    if (state_ == State::over) return bytes.size();
    std::size_t at = 0;
    while (at < bytes.size() && !due_ && state_ != State::over) {
        const char c = bytes[at++];
        if (c == '\n') {
            end_line();
        } else if (c != '\r') {
            if (line_ < begin_.size()) begin_[line_] = c;
            ++line_;
        }
    }
    return due_ ? at : bytes.size();
}

void HttpClosing::end_line() {
    const bool is_empty = std::exchange(line_, 0) == 0;
    if (state_ == State::interim) {
        if (is_empty) state_ = State::first_line;
        return;
    }
    const std::string_view begin(begin_.data(), begin_.size());
    const bool is_interim = begin.starts_with("HTTP/1.") && begin.ends_with(" 1");
    state_ = is_interim ? State::interim : State::over;
    due_ = !is_interim && begin.starts_with("HTTP/1.");
    begin_ = {};
}

bool HttpClosing::take_due() { return std::exchange(due_, false); }

}  // namespace inout
