// ForwardReader: the server's side of a forward proxy's conversation, up to the request. SOCKS4,
// 4a, 5 and HTTP are told apart by their first byte.
//
// Pure: bytes in, bytes to say out; no I/O and no clock. One thread at a time, in the frame of a
// session. What a stranger sends is bounded: a SOCKS conversation has at most two answers and some
// hundred bytes, an HTTP request kHttpHeadMaxBytes. It takes no byte behind the request: that is
// the stream's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/rules/forward_users.hpp"
#include "common/wire/forward_request.hpp"

namespace inout {

class ForwardReader {
  public:
    enum class State {
        more,     ///< all was taken, and more is needed
        say,      ///< `answer` goes out, and the conversation goes on with the next feed()
        request,  ///< it is there: request()
        refused,  ///< `answer`, if it is not empty, goes out, and then the connection ends
    };
    struct Step {
        State state = State::more;
        std::size_t taken = 0;  ///< bytes; those behind are the next feed()'s, or the stream's
        std::string answer{};
    };

    /// `users`: who may ask; nothing: everybody, with whatever name and password. Must outlive
    /// this.
    explicit ForwardReader(const ForwardUsers* users) : users_(users) {}

    /// Takes what belongs to the conversation. Not after a request or a refusal.
    Step feed(std::string_view bytes);
    const ForwardRequest& request() const { return request_; }
    /// Nothing: the first byte belongs to none, or there was none yet.
    std::optional<ForwardProtocol> protocol() const { return protocol_; }
    /// Why it was refused.
    ForwardFailure failure() const { return failure_; }

  private:
    enum class Expected { first_byte, socks4, methods, password, socks5, http };

    /// `kept_` is a whole piece.
    State judge(std::string& answer);
    State judge_methods(std::string& answer);
    State judge_password(std::string& answer);
    State judge_socks4(std::string& answer);
    State judge_socks5(std::string& answer);
    State judge_http(std::string& answer);
    bool begin(char first);
    /// How many bytes the piece has, as far as those that are there tell.
    std::size_t whole() const;
    std::size_t whole_socks4() const;
    bool has_name_behind() const;
    /// The piece is longer than it may be, or can not become right.
    std::optional<ForwardFailure> excess() const;
    State judge_target(const std::string& host, std::uint16_t port, std::string& answer);
    State refuse(ForwardFailure failure, std::string& answer);

    const ForwardUsers* users_;
    Expected expected_ = Expected::first_byte;
    std::optional<ForwardProtocol> protocol_;
    ForwardFailure failure_ = ForwardFailure::general;
    std::string kept_;  // of the piece that is read now
    ForwardRequest request_;
};

}  // namespace inout
