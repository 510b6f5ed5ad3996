#include "in/last_words.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"

namespace inout::in {
namespace {

std::atomic<std::size_t> lingering{0};

class LingeringPlace {
  public:
    LingeringPlace() : has_(lingering.fetch_add(1) < kLastWordsMax) {
        if (!has_) lingering.fetch_sub(1);
    }
    LingeringPlace(const LingeringPlace&) = delete;
    LingeringPlace& operator=(const LingeringPlace&) = delete;
    ~LingeringPlace() {
        if (has_) lingering.fetch_sub(1);
    }
    explicit operator bool() const { return has_; }

  private:
    const bool has_;
};

/// What is unread would make an RST of its end, which may overtake the words.
void end_at_once(Connection& client) {
    std::array<char, 4'096> unread;
    std::size_t left = kFarewellMaxBytes;
    ssize_t n = 0;
    while (left > 0 && (n = client.wire().read(unread)) > 0) {
        left -= std::min(left, static_cast<std::size_t>(n));
    }
    client.close_clean();
}

}  // namespace

Task<> say_last(Connection& client, std::string words, ClientPlaces& places) {
    client.on_reset({});
    places.descriptors = {};
    places.of_client.reset();
    const LingeringPlace place;
    if (!place) {
        client.send(words);
        end_at_once(client);
        co_return;
    }
    Deadline deadline(client);
    deadline.expires_after(kFarewell);
    const auto error = co_await client.write_all(words);
    deadline.cancel();
    if (!error) co_await say_farewell(client);
}

}  // namespace inout::in
