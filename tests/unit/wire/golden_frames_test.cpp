// That the programs write and read the frozen frames, and that no message is without one.
#include "../golden_sources.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "common/wire/frame.hpp"

// A member that is added does not compile here: it needs rows with it and without it.
namespace inout {
bool operator==(const Proof& a, const Proof& b) {
    const auto members = [](const Proof& m) {
        const auto& [key, time_ms, mac, mac_1] = m;
        return std::tie(key, time_ms, mac, mac_1);
    };
    return members(a) == members(b);
}
}  // namespace inout

namespace inout::golden_frames_test {

auto golden_members(const OutRequest& m) {
    const auto& [magic, version, topic, ext, instance, standby, heartbeat_timeout, bound, share,
                 weight, pattern, source, probe, proof] = m;
    return std::tie(magic, version, topic, ext, instance, standby, heartbeat_timeout, bound, share,
                    weight, pattern, source, probe, proof);
}
auto golden_members(const OutDataRequest& m) {
    const auto& [magic, version, topic, ext, ticket, mac, quiet, reuse, framed, hop, bind, origin,
                 proof] = m;
    return std::tie(magic, version, topic, ext, ticket, mac, quiet, reuse, framed, hop, bind,
                    origin, proof);
}
auto golden_members(const InRequest& m) {
    const auto& [magic, version, topic, ext, id, client, e2e, zstd, early, framed, use, tried, hop,
                 origin, source, proof] = m;
    return std::tie(magic, version, topic, ext, id, client, e2e, zstd, early, framed, use, tried,
                    hop, origin, source, proof);
}
auto golden_members(const InWarmRequest& m) {
    const auto& [magic, version, reuse, framed, hop, probe, proof] = m;
    return std::tie(magic, version, reuse, framed, hop, probe, proof);
}
auto golden_members(const ProbeRequest& m) {
    const auto& [magic, topic, serves, pattern, origin] = m;
    return std::tie(magic, topic, serves, pattern, origin);
}
auto golden_members(const NewDataRequest& m) {
    const auto& [magic, topic, count, waiting] = m;
    return std::tie(magic, topic, count, waiting);
}
auto golden_members(const DataActiveRequest& m) {
    const auto& [magic, topic, ext, id, client, e2e, zstd, use, source] = m;
    return std::tie(magic, topic, ext, id, client, e2e, zstd, use, source);
}
auto golden_members(const Response& m) {
    const auto& [magic, request, message, ext, code, proxy, ticket, position, quiet, warm, identity,
                 time_ms, reuse, nonce, retry, zstd, out, share, pattern, source, probe, took,
                 elsewhere, lists] = m;
    return std::tie(magic, request, message, ext, code, proxy, ticket, position, quiet, warm,
                    identity, time_ms, reuse, nonce, retry, zstd, out, share, pattern, source,
                    probe, took, elsewhere, lists);
}
auto golden_members(const Notice& m) {
    const auto& [code, message, at_once] = m;
    return std::tie(code, message, at_once);
}
auto golden_members(const Ping&) {
    static_assert(std::is_empty_v<Ping>);
    return std::tuple{};
}
auto golden_members(const Pong&) {
    static_assert(std::is_empty_v<Pong>);
    return std::tuple{};
}

namespace {

using golden::Way;

/// Members that every message of the kind has; they stand first.
template <class M>
constexpr std::size_t kAlwaysThere = 2;
template <>
constexpr std::size_t kAlwaysThere<OutRequest> = 3;
template <>
constexpr std::size_t kAlwaysThere<OutDataRequest> = 3;
template <>
constexpr std::size_t kAlwaysThere<InRequest> = 3;
template <>
constexpr std::size_t kAlwaysThere<Notice> = 1;

/// The header of a body of this length, written out as docs/protocol.md has it.
std::string golden_header(std::size_t bytes) {
    std::string header(8, '\0');
    header[0] = static_cast<char>(bytes & 0xff);
    header[1] = static_cast<char>(bytes >> 8);
    return header;
}

bool is_golden(const Message& got, const Message& wanted) {
    return got.index() == wanted.index() &&
           std::visit(
               [&]<class M>(const M& m) {
                   return golden_members(m) == golden_members(std::get<M>(wanted));
               },
               got);
}

TEST(GoldenFrames, header_is_a_little_endian_length_of_8_bytes) {
    EXPECT_EQ(golden_header(300), std::string("\x2c\x01\0\0\0\0\0\0", 8));
    EXPECT_EQ(encode(Ping{}),
              std::string("\x1c\0\0\0\0\0\0\0{\"Type\":\"Ping\",\"Payload\":{}}", 36));
}

TEST(GoldenFrames, what_is_sent_is_every_byte_of_it) {
    for (const auto& row : golden::all_frames()) {
        EXPECT_EQ(row.body.size(), row.bytes) << row.what;
        if (row.way == Way::taken) continue;
        EXPECT_EQ(encode(row.message), golden_header(row.bytes) + std::string(row.body))
            << row.what;
    }
}

TEST(GoldenFrames, what_arrives_is_understood_as_every_member_of_it) {
    for (const auto& row : golden::all_frames()) {
        const auto got = decode(row.body);
        ASSERT_TRUE(got) << row.what;
        EXPECT_TRUE(is_golden(*got, row.message)) << row.what << ": " << encode(*got);
    }
}

template <class M>
void expect_rows_with_and_without_each_member() {
    const M nothing{};
    constexpr std::size_t kCount = std::tuple_size_v<decltype(golden_members(nothing))>;
    std::array<bool, kCount> with{}, without{};
    bool is_sent = false;
    for (const auto& row : golden::all_frames()) {
        const M* message = std::get_if<M>(&row.message);
        if (message == nullptr) continue;
        is_sent = is_sent || row.way == Way::sent;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            [[maybe_unused]] const auto note = [&](std::size_t i, bool is_default) {
                if (is_default) {
                    without[i] = true;
                } else if (row.way == Way::sent) {
                    with[i] = true;
                }
            };
            (note(I, std::get<I>(golden_members(*message)) == std::get<I>(golden_members(nothing))),
             ...);
        }
        (std::make_index_sequence<kCount>{});
    }
    EXPECT_TRUE(is_sent) << type_name(M{});
    for (std::size_t i = 0; i < kCount; ++i) {
        EXPECT_TRUE(with[i]) << type_name(M{}) << " is never sent with its member " << i;
        EXPECT_TRUE(without[i] || i < kAlwaysThere<M>)
            << type_name(M{}) << " is never without its member " << i;
    }
}

TEST(GoldenFrames, every_message_has_rows_with_and_without_each_of_its_members) {
    []<class... M>(std::variant<M...>*) {
        (expect_rows_with_and_without_each_member<M>(), ...);
    }(static_cast<Message*>(nullptr));
}

TEST(GoldenFrames, a_proof_has_rows_with_each_of_its_versions) {
    std::set<std::pair<bool, bool>> versions;
    for (const auto& row : golden::all_frames()) {
        const auto* out = std::get_if<OutRequest>(&row.message);
        if (out == nullptr || !out->proof) continue;
        versions.insert({out->proof->mac.empty(), out->proof->mac_1.empty()});
    }
    EXPECT_EQ(versions.size(), 3U) << "version 2, version 1, both";
}

TEST(GoldenFrames, every_code_has_its_word) {
    std::set<Code> codes{Code::none};
    for (const auto& [code, word] : golden::kCodeWords) {
        codes.insert(code);
        const std::string body =
            R"({"Type":"Response","Payload":{"magic":"a","request":"InRequest","message":"no",)"
            R"("ext":{"v":1,"code":")" +
            std::string(word) + R"("}}})";
        const Response refusal{
            .magic = "a", .request = "InRequest", .message = "no", .ext = true, .code = code};
        EXPECT_EQ(encode(refusal), golden_header(body.size()) + body);
        const auto got = decode(body);
        EXPECT_TRUE(got && is_golden(*got, refusal)) << word;
    }
    for (int i = 0; i <= static_cast<int>(Code::unknown); ++i) {
        EXPECT_TRUE(codes.contains(static_cast<Code>(i))) << i;
    }
}

TEST(GoldenFrames, every_notice_has_its_word) {
    std::set<NoticeCode> codes;
    for (const auto& row : golden::all_frames()) {
        if (const auto* notice = std::get_if<Notice>(&row.message)) codes.insert(notice->code);
    }
    for (int i = 0; i <= static_cast<int>(NoticeCode::other); ++i) {
        EXPECT_TRUE(codes.contains(static_cast<NoticeCode>(i))) << i;
    }
}

}  // namespace
}  // namespace inout::golden_frames_test
