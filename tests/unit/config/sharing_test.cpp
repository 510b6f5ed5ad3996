// The keys of several outs on one topic, and of topic patterns: what is accepted, and what is
// called a mistake.
#include <gtest/gtest.h>

#include "../config_problems.hpp"
#include "common/config/types.hpp"

namespace inout::sharing_test {
namespace {

using config_problems::problems;

std::string entry(const std::string& members) {
    return R"({"networks": [{"server_host": "h", "server_port": 1, "backend_host": "b",
 "backend_port": 2, )" +
           members + "}]}";
}
std::string out_problems(const std::string& members) {
    return problems(parse_out_config(entry(members), "f"));
}
OutNetwork network(const std::string& members) {
    return parse_out_config(entry(members), "f").value().networks.front();
}

TEST(Sharing, is_off_unless_it_is_asked_for) {
    const OutNetwork plain = network(R"("topic": "t")");
    EXPECT_FALSE(plain.share || plain.pattern);
    EXPECT_EQ(plain.weight, 1U);
    const OutNetwork shared = network(R"("share": true, "weight": 100)");
    EXPECT_TRUE(shared.share);
    EXPECT_EQ(shared.weight, 100U);
}

TEST(Sharing, has_a_weight_only_where_there_are_others) {
    EXPECT_NE(out_problems(R"("weight": 2)").find("has no meaning without \"share\": true"),
              std::string::npos);
    EXPECT_NE(out_problems(R"("share": true, "weight": 0)").find("from 1 to 100"),
              std::string::npos);
    EXPECT_NE(out_problems(R"("share": "yes")").find("must be true or false, not \"yes\""),
              std::string::npos);
}

TEST(Patterns, are_checked_as_those_of_permissions_are) {
    EXPECT_TRUE(network(R"("topic": "db.#", "pattern": true)").pattern);
    EXPECT_NE(out_problems(R"("topic": "#.#", "pattern": true)")
                  .find("topic: is no pattern: it may have one '#' only"),
              std::string::npos);
    EXPECT_EQ(network(R"("topic": "#.#")").topic, "#.#") << "as a topic it is one";
}

TEST(Dispatch, names_topics_and_a_way) {
    const auto config =
        parse_proxy_config(R"({"dispatch": [{"topics": ["a.*"], "by": "round_robin"}, {}]})", "f");
    ASSERT_TRUE(config);
    ASSERT_EQ(config->dispatch.size(), 2U);
    EXPECT_EQ(config->dispatch[0].by, Dispatch::round_robin);
    EXPECT_EQ(config->dispatch[1].by, Dispatch::least_streams);
    EXPECT_TRUE(config->dispatch[1].topics.empty());
    EXPECT_NE(problems(parse_proxy_config(R"({"dispatch": [{"by": "first"}]})", "f"))
                  .find("one of \"least_streams\", \"round_robin\", \"random\", \"source\""),
              std::string::npos);
}

}  // namespace
}  // namespace inout::sharing_test
