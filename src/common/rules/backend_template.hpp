// BackendTemplate: where the streams of a topic pattern go, made from the topic that was asked for.
//
// Who may ask for a topic chooses a part of the name, so nothing is taken as it comes: each word is
// one label of a host name, the name is absolute, a port is one of a listed range, and of the
// addresses that the name has only those that are listed are dialled. Pure; made
// from the configuration, then read only: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/host_port.hpp"
#include "common/base/result.hpp"

namespace inout {

/// Text with places in it: `{topic}`, `{1}` to `{32}` for its words, `{-1}` to `{-32}` for those
/// from its end.
class TopicTemplate {
  public:
    /// The failure is worded to follow its key.
    static Result<TopicTemplate, std::string> parse(std::string_view text);

    /// Whether it has no place.
    bool is_constant() const { return pieces_.size() == 1 && pieces_.front().place == kText; }
    /// Each word a label: letters, digits, and hyphens within, 1 to 63 of them. The failure says
    /// what is wrong with the topic.
    Result<std::string, std::string> fill(std::string_view topic) const;
    const std::string& text() const { return text_; }

    bool operator==(const TopicTemplate&) const = default;

  private:
    static constexpr int kText = 0, kTopic = 100;
    struct Piece {
        int place;         ///< which word, or one of the two above
        std::string text;  ///< of kText
        bool operator==(const Piece&) const = default;
    };

    std::string text_;
    std::vector<Piece> pieces_;
};

/// The ports from `first` to `last`: "7000-7100", or one.
struct PortRange {
    std::uint16_t first = 0, last = 0;

    static Result<PortRange, std::string> parse(std::string_view text);
    std::string text() const;
    bool operator==(const PortRange&) const = default;
};

struct BackendTemplate {
    TopicTemplate host, port;
    PortRange ports;                  ///< of these one
    std::vector<AddressRange> allow;  ///< and an address of these

    /// The backend of this topic; what is wrong with the topic.
    Result<HostPort, std::string> backend_of(std::string_view topic) const;
    /// Whether its name may lead to this address. What no service of others can be at (this
    /// machine, its links, groups, an IPv4 address inside an IPv6 one, the metadata of a cloud)
    /// must be listed as such, by a range that has nothing else.
    bool may_dial(const IpAddress& address) const;

    bool operator==(const BackendTemplate&) const = default;
};

}  // namespace inout
