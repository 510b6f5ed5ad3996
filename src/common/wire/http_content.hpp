// Where the content of an HTTP/1 request ends (RFC 9112, 6 and 7.1), so that what follows is not
// taken for a part of it. Pure: nothing of it is kept. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/wire/http_fields.hpp"

namespace inout {

class HttpContent {
  public:
    /// There is none.
    HttpContent() = default;
    /// As a request's fields say. Nothing: they can be read in two ways, or have a coding that ends
    /// nobody knows where.
    static std::optional<HttpContent> of(const HttpFields& fields);

    /// How many of the bytes that come are content, with what chunks put around it.
    std::size_t take(std::string_view bytes);
    bool is_over() const { return state_ == State::over; }
    /// Its chunks are none: nobody knows where it ends.
    bool is_broken() const { return state_ == State::broken; }

  private:
    enum class State : std::uint8_t {
        plain,  // of a length that was said
        size,
        extension,
        size_end,
        chunk,
        chunk_end,
        chunk_end_lf,
        trailer_begin,
        trailer,
        trailer_end,
        last_lf,
        over,
        broken,
    };
    State after(char c);
    State after_size(char c);

    State state_ = State::over;
    std::uint8_t digits_ = 0;  // of a chunk's size
    std::uint64_t left_ = 0;   // of the plain content, or of the chunk
};

}  // namespace inout
