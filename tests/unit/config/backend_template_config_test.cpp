// Templates of backends in the configuration of out.
#include <gtest/gtest.h>

#include "../config_problems.hpp"

namespace inout::backend_template_config_test {
namespace {

std::string text(const std::string& members) {
    return R"({"networks": [{"server_host": "h", "server_port": 1, "topic": "db.*", )" + members +
           "}]}";
}
std::string problems(const std::string& members) { return config_problems::out(text(members)); }
bool says(const std::string& members, const std::string& what) {
    const std::string all = problems(members);
    EXPECT_NE(all.find(what), std::string::npos) << all;
    return all.find(what) != std::string::npos;
}

constexpr const char* kGood =
    R"("pattern": true, "backend_host": "{1}.svc", "backend_port": 5432,
       "backend_allow": ["10.0.0.0/8"])";
constexpr const char* kGoodPort =
    R"("pattern": true, "backend_host": "h", "backend_port": "{2}",
       "backend_ports": "7000-7100", "backend_allow": ["10.0.0.0/8"])";

TEST(BackendTemplateConfig, is_read_and_written) {
    for (const char* members : {kGood, kGoodPort}) {
        const auto config = parse_out_config(text(members), "f");
        ASSERT_TRUE(config) << problems(members);
        const auto& made = config->networks.front().backend_template;
        ASSERT_TRUE(made);
        EXPECT_EQ(made->allow.size(), 1U);
        EXPECT_EQ(made->backend_of("db.7001")->port, members == kGood ? 5432 : 7001);
        const auto again = parse_out_config(to_json(*config), "f");
        ASSERT_TRUE(again) << to_json(*config);
        EXPECT_EQ(*again, *config);
    }
    EXPECT_FALSE(parse_out_config(text(R"("backend_host": "h", "backend_port": 1)"), "f")
                     ->networks.front()
                     .backend_template);
}

TEST(BackendTemplateConfig, needs_a_pattern_a_list_of_addresses_and_of_ports) {
    EXPECT_TRUE(says(R"("pattern": true, "backend_host": "{1}", "backend_port": 1)",
                     "backend_allow: is required"));
    EXPECT_TRUE(says(R"("pattern": true, "backend_host": "{1}", "backend_port": 1,
                        "backend_allow": [])",
                     "backend_allow: must have 1 to 1000 entries"));
    EXPECT_TRUE(says(R"("backend_host": "{1}", "backend_port": 1, "backend_allow": ["10.0.0.1"])",
                     "needs \"pattern\": true"));
    EXPECT_TRUE(says(R"("pattern": true, "backend_host": "h", "backend_port": "{1}",
                        "backend_allow": ["10.0.0.1"])",
                     "backend_ports: is required"));
    EXPECT_TRUE(says(R"("pattern": true, "backend_host": "{0}", "backend_port": 1,
                        "backend_allow": ["10.0.0.1"])",
                     "backend_host: may have {topic}"));
    EXPECT_TRUE(says(R"("pattern": true, "backend_host": "{1}", "backend_port": 70000,
                        "backend_allow": ["10.0.0.1"])",
                     "backend_port: must be ports from 1 to 65535"));
    EXPECT_TRUE(says(R"("backend_host": "h", "backend_port": 1, "backend_allow": ["10.0.0.1"])",
                     "unknown key \"backend_allow\""));
}

}  // namespace
}  // namespace inout::backend_template_config_test
