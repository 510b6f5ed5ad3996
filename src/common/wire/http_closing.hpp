// Where an HTTP/1 response has to say that its connection ends behind it (RFC 9112, 9.6), as it
// passes by. Pure: nothing of it is kept. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace inout {

class HttpClosing {
  public:
    /// The field. It stands before all others, and clients that go by the first one go by it.
    static constexpr std::string_view kField = "Connection: close\r\n";

    /// How many of these bytes pass; fewer than all: the field is due behind them.
    std::size_t pass(std::string_view bytes);
    /// kField stands behind what has passed; to be asked once behind each pass().
    bool take_due();

  private:
    enum class State : std::uint8_t {
        first_line,
        interim,  // the fields of one that another follows (RFC 9110, 15.2)
        over,     // what it is does not matter any more, or is no HTTP
    };
    void end_line();

    State state_ = State::first_line;
    bool due_ = false;
    std::array<char, 10> begin_{};  // of the line: HTTP/1.1 2
    std::size_t line_ = 0;          // bytes of it, without CR and LF
};

}  // namespace inout
