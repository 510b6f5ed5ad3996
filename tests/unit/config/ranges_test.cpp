// The least and the greatest value of every number in the configuration.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/config/types.hpp"

namespace inout::ranges_test {
namespace {

struct RangeCase {
    std::string program;
    std::string key;  // at the top, or `object.member`
    std::int64_t min, max;
};

class Ranges : public testing::TestWithParam<RangeCase> {
  protected:
    /// Whether the program complains about this value by itself. Other problems (no networks, an
    /// order between two keys) do not count.
    static bool refused(std::int64_t value) {
        const auto& [program, key, min, max] = GetParam();
        const auto dot = key.find('.');
        const std::string number = std::to_string(value);
        const std::string text = dot == key.npos ? "{\"" + key + "\": " + number + "}"
                                                 : "{\"" + key.substr(0, dot) + "\": {\"" +
                                                       key.substr(dot + 1) + "\": " + number + "}}";
        const std::string words = key + ": must be a whole number from " + std::to_string(min) +
                                  " to " + std::to_string(max) + ", not " + number;
        const auto among = [&](const auto& result) {
            if (result) return false;
            for (const auto& line : result.error()) {
                EXPECT_EQ(line.find("unknown key"), line.npos) << line;
                if (line.ends_with(": " + words)) return true;
                EXPECT_EQ(line.find("whole number"), line.npos) << line;
            }
            return false;
        };
        if (program == "in") return among(parse_in_config(text, "f"));
        if (program == "out") return among(parse_out_config(text, "f"));
        return among(parse_proxy_config(text, "f"));
    }
};

TEST_P(Ranges, include_their_ends_and_nothing_beyond) {
    EXPECT_TRUE(refused(GetParam().min - 1));
    EXPECT_FALSE(refused(GetParam().min));
    EXPECT_FALSE(refused(GetParam().max));
    EXPECT_TRUE(refused(GetParam().max + 1));
}

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kTenMinutesMs = 600'000;
const RangeCase kCases[] = {
    {"in", "connect_timeout", 100, kTenMinutesMs},
    {"in", "open_timeout", 100, kTenMinutesMs},
    {"in", "peer_timeout", 100, kDayMs},
    {"in", "drain_timeout", 0, kDayMs},
    {"in", "idle_timeout", 0, 30 * kDayMs},
    {"in", "stall_timeout", 0, 30 * kDayMs},
    {"in", "stream_buffer", 0, 67'108'864},
    {"in", "limits.streams_per_client", 0, 10'000'000},
    {"in", "threads", 0, 64},
    {"out", "connect_timeout", 100, kTenMinutesMs},
    {"out", "open_timeout", 100, kTenMinutesMs},
    {"proxy", "port", 0, 65'535},
    {"proxy", "heartbeat_timeout", 100, kDayMs},
    {"proxy", "handshake_timeout", 100, kTenMinutesMs},
    {"proxy", "open_timeout", 100, kTenMinutesMs},
    {"proxy", "answer_timeout", 100, kTenMinutesMs},
    {"proxy", "pool.min", 0, 100},
    {"proxy", "pool.max", 1, 100},
    {"proxy", "limits.connections", 0, 10'000'000},
    {"proxy", "limits.handshakes", 1, 1'000'000},
    {"proxy", "tls_timeout", 100, kTenMinutesMs},
    {"proxy", "limits.per_source", 1, 1'000'000},
    {"proxy", "limits.streams_per_topic", 0, 10'000'000},
    {"proxy", "limits.streams_per_key", 0, 10'000'000},
    {"proxy", "limits.topics_per_key", 0, 100'000},
    {"proxy", "limits.topics", 1, 100'000},
    {"proxy", "limits.waiting", 1, 4'096},
    {"proxy", "limits.warm", 0, 1'000'000},
};
INSTANTIATE_TEST_SUITE_P(OfEveryNumber, Ranges, testing::ValuesIn(kCases), [](const auto& test) {
    std::string name = test.param.program + "_" + test.param.key;
    for (char& c : name) c = c == '.' ? '_' : c;
    return name;
});

// Ports of networks are not at the top; their ends are told apart by what parses.
TEST(Ports, of_networks_are_1_to_65535_or_0_to_listen) {
    const auto parses = [](int server_port, int port) {
        return static_cast<bool>(parse_in_config(
            R"({"networks": [{"server_host": "h", "server_port": )" + std::to_string(server_port) +
                R"(, "port": )" + std::to_string(port) + "}]}",
            "f"));
    };
    EXPECT_TRUE(parses(1, 0));
    EXPECT_TRUE(parses(65'535, 65'535));
    EXPECT_FALSE(parses(0, 0));
    EXPECT_FALSE(parses(65'536, 0));
    EXPECT_FALSE(parses(1, -1));
    EXPECT_FALSE(parses(1, 65'536));
}

}  // namespace
}  // namespace inout::ranges_test
