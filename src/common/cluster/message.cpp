#include "common/cluster/message.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/host_port.hpp"
#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/subject.hpp"
#include "common/wire/plain_json.hpp"

namespace inout::cluster {
namespace {

/// Of these messages; a change that an older proxy must not take for what it knows gets another.
constexpr std::int64_t kVersion = 1;

enum Member {
    kV,
    kProxy,
    kAddress,
    kMatch,
    kPattern,
    kShared,
    kReady,
    kWeight,
    kRunning,
    kMembers
};
constexpr std::array<std::string_view, kMembers> kNames = {
    "v", "proxy", "address", "match", "pattern", "shared", "ready", "weight", "running"};
constexpr std::array<std::string_view, 3> kMatchWords = {"none", "exact", "pattern"};

/// The members of one flat object; anything that holds others ends the reading.
class Members {
  public:
    /// False: it is no message of ours.
    bool read(std::string_view body) {
        if (body.size() > kMessageMaxBytes || !PlainJson(body, *this).parse()) return false;
        return number(kV, 0, kVersion + 1, 0) == kVersion;
    }
    std::string_view text(Member member) const { return values_[member].text; }
    /// Clamped; `absent` if it is not there.
    std::int64_t number(Member member, std::int64_t least, std::int64_t most,
                        std::int64_t absent) const {
        const Value& value = values_[member];
        return value.is_number ? std::clamp(value.number, least, most) : absent;
    }

    // The events; false ends the reading.
    bool null() { return true; }
    bool boolean(bool) { return true; }
    bool number_integer(std::int64_t number) { return keep({.is_number = true, .number = number}); }
    bool number_unsigned(std::uint64_t number) {
        return number_integer(static_cast<std::int64_t>(number));  // 18 digits
    }
    bool string(std::string_view text) { return keep({.text = text}); }
    bool key(std::string_view name) {
        at_ = static_cast<std::size_t>(std::ranges::find(kNames, name) - kNames.begin());
        return true;
    }
    bool start_object(std::size_t) { return !std::exchange(is_open_, true); }
    bool end_object() { return true; }
    bool start_array(std::size_t) { return false; }
    bool end_array() { return false; }

  private:
    struct Value {
        std::string_view text{};
        bool is_number = false;
        std::int64_t number = 0;
    };
    bool keep(const Value& value) {
        if (!is_open_) return false;
        if (at_ < kMembers) values_[at_] = value;
        return true;
    }

    std::array<Value, kMembers> values_{};
    std::size_t at_ = kMembers;
    bool is_open_ = false;
};

class Writer {
  public:
    void text(Member member, std::string_view text) {
        begin(member);
        out_ += '"';
        out_ += text;
        out_ += '"';
    }
    void number(Member member, std::int64_t number) {
        begin(member);
        out_ += std::to_string(number);
    }
    std::string done() { return std::move(out_) + '}'; }

  private:
    void begin(Member member) {
        out_ += out_.size() > 1 ? ",\"" : "\"";
        out_ += kNames[member];
        out_ += "\":";
    }
    std::string out_{"{"};
};

Writer message_of(std::string_view proxy) {
    Writer writer;
    writer.number(kV, kVersion);
    writer.text(kProxy, proxy);
    return writer;
}

std::string tokens_of_pattern(const std::string& text) {
    return tokens_of(TopicPattern::parse(text).value());
}

bool is_address(std::string_view text) {
    return text.size() <= kAddressMaxBytes && parse_host_port(text).operator bool();
}

/// What says how, and what belongs to it. False if that makes no sense.
bool read_match(const Members& members, Answer& answer) {
    const auto* const word = std::ranges::find(kMatchWords, members.text(kMatch));
    if (word == kMatchWords.end()) return false;
    answer.match = static_cast<Match>(word - kMatchWords.begin());
    if (answer.match == Match::none) return true;
    answer.address = members.text(kAddress);
    if (!is_address(answer.address)) return false;
    if (answer.match == Match::exact) return true;
    const auto pattern = pattern_of(members.text(kPattern));
    if (pattern) answer.pattern = pattern->text();
    return pattern.has_value();
}

}  // namespace

std::string encode(const Question& question) { return message_of(question.proxy).done(); }

std::string encode(const Answer& answer) {
    Writer writer = message_of(answer.proxy);
    writer.text(kMatch, kMatchWords[static_cast<std::size_t>(answer.match)]);
    if (answer.match == Match::none) return writer.done();
    writer.text(kAddress, answer.address);
    if (answer.match == Match::pattern) {
        writer.text(kPattern, tokens_of_pattern(answer.pattern));
    }
    writer.number(kShared, answer.shared ? 1 : 0);
    writer.number(kReady, answer.ready ? 1 : 0);
    writer.number(kWeight, answer.weight);
    writer.number(kRunning, answer.running);
    return writer.done();
}

std::string encode(const News& news) {
    Writer writer = message_of(news.proxy);
    if (!news.pattern.empty()) writer.text(kPattern, tokens_of_pattern(news.pattern));
    return writer.done();
}

std::optional<Question> decode_question(std::string_view body) {
    Members members;
    if (!members.read(body) || !is_name(members.text(kProxy))) return std::nullopt;
    return Question{std::string(members.text(kProxy))};
}

std::optional<Answer> decode_answer(std::string_view body) {
    Members members;
    if (!members.read(body) || !is_name(members.text(kProxy))) return std::nullopt;
    Answer answer{std::string(members.text(kProxy))};
    if (!read_match(members, answer)) return std::nullopt;
    if (answer.match == Match::none) return answer;
    answer.shared = members.number(kShared, 0, 1, 0) != 0;
    answer.ready = members.number(kReady, 0, 1, 1) != 0;
    answer.weight = static_cast<unsigned>(members.number(kWeight, 1, kWeightMax, 1));
    answer.running = static_cast<unsigned>(members.number(kRunning, 0, kRunningMax, 0));
    return answer;
}

std::optional<News> decode_news(std::string_view body) {
    Members members;
    if (!members.read(body) || !is_name(members.text(kProxy))) return std::nullopt;
    News news{std::string(members.text(kProxy))};
    if (members.text(kPattern).empty()) return news;
    const auto pattern = pattern_of(members.text(kPattern));
    if (!pattern) return std::nullopt;
    news.pattern = pattern->text();
    return news;
}

}  // namespace inout::cluster
