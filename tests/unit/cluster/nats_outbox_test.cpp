#include "common/cluster/nats_outbox.hpp"

#include <gtest/gtest.h>

namespace inout::cluster::nats_outbox_test {
namespace {

using Kind = Operation::Kind;

TEST(NatsOutbox, keeps_of_a_subject_its_last_state) {
    NatsOutbox outbox;
    outbox.add({Kind::subscribe, "a"});
    outbox.add({Kind::subscribe, "b"});
    outbox.add({Kind::unsubscribe, "b"});
    EXPECT_TRUE(outbox.is_empty()) << "there is no connection yet";
    EXPECT_EQ(outbox.open(), std::vector<std::string>{"a"});
    for (int i = 0; i < 1'000; ++i) {
        outbox.add({Kind::subscribe, "c"});
        outbox.add({Kind::unsubscribe, "c"});
    }
    outbox.add({Kind::unsubscribe, "a"});
    outbox.add({Kind::subscribe, "a"});
    const auto batch = outbox.take();
    ASSERT_EQ(batch.subjects.size(), 2U);
    for (const auto& [subject, is_wanted] : batch.subjects) EXPECT_EQ(is_wanted, subject == "a");
    EXPECT_TRUE(outbox.is_empty());
    outbox.close();
    EXPECT_EQ(outbox.open(), std::vector<std::string>{"a"});
}

TEST(NatsOutbox, loses_messages_beyond_its_bound_and_without_a_connection) {
    NatsOutbox outbox;
    const Operation message{Kind::publish, "s", "", std::string(1'000, 'x')};
    EXPECT_FALSE(outbox.add(message));
    outbox.open();
    std::size_t kept = 0;
    while (outbox.add(message)) ++kept;
    EXPECT_LE(kept * message.body.size(), kNatsQueueMaxBytes);
    EXPECT_GE(kept, 4'000U);
    EXPECT_TRUE(outbox.add({Kind::subscribe, "a"})) << "a subscription is never lost";
    EXPECT_EQ(outbox.take().messages.size(), kept);
    EXPECT_TRUE(outbox.add(message));
    outbox.close();
    outbox.open();
    EXPECT_TRUE(outbox.is_empty()) << "what waited was for a connection that is gone";
}

}  // namespace
}  // namespace inout::cluster::nats_outbox_test
