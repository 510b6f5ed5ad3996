#include "in/single_request.hpp"

#include <cerrno>

namespace inout::in {

ssize_t SingleRequest::read(std::span<char> into) {
    if (!error_) {
        const ssize_t n = below_->read(into);
        if (n <= 0) return n;
        const std::size_t content = content_.take({into.data(), static_cast<std::size_t>(n)});
        if (content > 0) return static_cast<ssize_t>(content);
        if (!content_.is_broken()) {
            errno = EAGAIN;  // its next turn, if there is more
            return -1;
        }
        error_ = std::make_error_code(std::errc::protocol_error);
    }
    errno = EPROTO;
    return -1;
}

ssize_t SingleRequest::write(std::string_view data) {
    if (!answering_) return below_->write(data);
    if (!send_field()) return -1;
    HttpClosing ahead = closing_;
    const ssize_t n = below_->write(data.substr(0, ahead.pass(data)));
    if (n <= 0) return n;
    closing_.pass(data.substr(0, static_cast<std::size_t>(n)));
    if (closing_.take_due()) {
        field_ = HttpClosing::kField;
        send_field();  // or with the next bytes, or the end
    }
    return n;
}

/// Whether nothing of it is left; else errno says why.
bool SingleRequest::send_field() {
    while (!field_.empty()) {
        const ssize_t n = below_->write(field_);
        if (n < 0) return false;
        field_.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

int SingleRequest::shut_send() { return send_field() ? below_->shut_send() : -1; }

std::string SingleRequest::failure() const {
    return error_ ? "the chunks of its request are none" : below_->failure();
}

}  // namespace inout::in
