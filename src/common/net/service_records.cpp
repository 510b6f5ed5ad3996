#include "common/net/service_records.hpp"

#include <algorithm>

namespace inout {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr unsigned kTypeSrv = 33, kClassIn = 1;
constexpr std::size_t kNameMaxBytes = 255;
/// A name has at most 127 labels; pointers may stand between them.
constexpr int kStepsMax = 256;

/// Reads from the front to the back; nothing beyond the end, where all that is read is bad.
class Cursor {
  public:
    Cursor(std::span<const unsigned char> message, std::size_t at) : message_(message), at_(at) {}

    bool is_good() const { return good_; }
    std::size_t at() const { return at_; }
    void skip(std::size_t bytes) {
        if (bytes > message_.size() - std::min(at_, message_.size())) good_ = false;
        at_ += bytes;
    }
    unsigned number16() {
        const std::size_t at = at_;
        skip(2);
        return good_ ? unsigned{message_[at]} << 8 | message_[at + 1] : 0;
    }
    std::uint32_t number32() {
        const std::uint32_t high = number16();
        return high << 16 | number16();
    }
    /// With dots between its labels. A pointer leads to an earlier place, and is followed.
    std::string name() {
        std::string text;
        std::size_t at = at_;
        bool followed = false;
        for (int step = 0; step < kStepsMax && at < message_.size(); ++step) {
            const std::size_t size = message_[at];
            if (size >= 0xc0) {
                if (at + 1 >= message_.size()) break;
                if (!followed) at_ = at + 2;
                followed = true;
                at = (size & 0x3f) << 8 | message_[at + 1];
                continue;
            }
            if (size == 0) {
                if (!followed) at_ = at + 1;
                return text;
            }
            if (size > kLabelMaxBytes || size >= message_.size() - at) break;
            if (!text.empty()) text += '.';
            text.append(reinterpret_cast<const char*>(&message_[at + 1]), size);
            if (text.size() > kNameMaxBytes) break;
            at += size + 1;
        }
        good_ = false;
        return {};
    }

  private:
    std::span<const unsigned char> message_;
    std::size_t at_;
    bool good_ = true;
};

ServiceTarget read_target(Cursor& cursor) {
    ServiceTarget target;
    target.priority = cursor.number16();
    target.weight = cursor.number16();
    target.place.port = static_cast<std::uint16_t>(cursor.number16());
    target.place.host = cursor.name();
    return target;
}

}  // namespace

std::optional<ServiceRecords> read_service_records(std::span<const unsigned char> message) {
    if (message.size() < kHeaderBytes) return std::nullopt;
    Cursor cursor(message, 4);
    unsigned questions = cursor.number16();
    const unsigned answers = cursor.number16();
    cursor.skip(kHeaderBytes - cursor.at());
    for (; questions > 0 && cursor.is_good(); --questions) {
        cursor.name();
        cursor.skip(4);
    }
    ServiceRecords records;
    Milliseconds fresh = kServiceFreshMax;
    for (unsigned i = 0; i < answers && cursor.is_good(); ++i) {
        cursor.name();
        const unsigned type = cursor.number16(), family = cursor.number16();
        const Milliseconds ttl{std::int64_t{cursor.number32()} * 1'000};
        const std::size_t size = cursor.number16();
        const std::size_t begin = cursor.at();
        if (type == kTypeSrv && family == kClassIn) {
            Cursor data(message, begin);
            ServiceTarget target = read_target(data);
            if (!data.is_good()) return std::nullopt;
            fresh = std::min(fresh, ttl);
            // "." is none; what is no name is nobody's.
            if (target.place.port != 0 && !check_host(target.place.host)) {
                records.targets.push_back(std::move(target));
            }
        }
        cursor.skip(size);
    }
    if (!cursor.is_good()) return std::nullopt;
    std::stable_sort(records.targets.begin(), records.targets.end(),
                     [](const auto& a, const auto& b) { return a.priority < b.priority; });
    if (records.targets.size() > kServiceTargetsMax) records.targets.resize(kServiceTargetsMax);
    records.fresh = std::clamp(fresh, kServiceFreshMin, kServiceFreshMax);
    return records;
}

}  // namespace inout
