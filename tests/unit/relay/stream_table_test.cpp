#include "common/relay/stream_table.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace inout::stream_table_test {
namespace {

Endpoint port(std::uint16_t number) { return {asio::ip::address_v4::loopback(), number}; }

StreamEntry make_entry(StreamTable& table, std::string id = "1f") {
    return {table, std::move(id), "web", "192.0.2.1:5", port(1)};
}

std::vector<std::string> ids_of(const StreamTable& table) {
    std::vector<std::string> ids;
    for (const auto& record : table.all()) ids.push_back(record->id);
    return ids;
}
using Ids = std::vector<std::string>;

TEST(StreamTableTest, a_stream_is_there_from_its_first_moment_with_what_is_known_of_it) {
    StreamTable table;
    EXPECT_TRUE(table.all().empty());
    const auto before = Clock::now();
    const StreamEntry entry = make_entry(table);
    const auto all = table.all();
    ASSERT_EQ(all.size(), 1U);
    const StreamRecord& record = *all.front();
    EXPECT_EQ(record.id, "1f");
    EXPECT_EQ(record.topic, "web");
    EXPECT_EQ(record.client, "192.0.2.1:5");
    EXPECT_EQ(record.client_peer(), port(1));
    EXPECT_EQ(record.service_peer(), std::nullopt);
    EXPECT_EQ(record.state(), StreamState::opening);
    EXPECT_GE(record.arrived, before);
    EXPECT_LE(record.arrived, Clock::now());
    EXPECT_EQ(record.bytes_from(StreamLeg::client), 0U);
    EXPECT_EQ(record.bytes_from(StreamLeg::service), 0U);
}

TEST(StreamTableTest, what_its_owner_tells_is_seen_by_who_has_its_record) {
    StreamTable table;
    const StreamEntry entry = make_entry(table);
    const auto record = table.all().front();
    entry->opened(port(2));
    EXPECT_EQ(record->state(), StreamState::open);
    EXPECT_EQ(record->service_peer(), port(2));
    entry->has_moved(StreamLeg::client, 10);
    entry->has_moved(StreamLeg::service, 7);
    entry->has_moved(StreamLeg::client, 25);
    EXPECT_EQ(record->bytes_from(StreamLeg::client), 25U);
    EXPECT_EQ(record->bytes_from(StreamLeg::service), 7U);
    entry->is_ending();
    EXPECT_EQ(record->state(), StreamState::ending);
    EXPECT_EQ(record->service_peer(), port(2));
}

TEST(StreamTableTest, it_is_gone_with_its_owner) {
    StreamTable table;
    std::shared_ptr<StreamRecord> record;
    {
        StreamEntry entry = make_entry(table);
        record = table.all().front();
        StreamEntry next = std::move(entry);
        EXPECT_EQ(table.all().size(), 1U) << "the next owner has it";
    }
    EXPECT_TRUE(table.all().empty());
    EXPECT_EQ(record->id, "1f") << "who has its record may read it all the same";
}

TEST(StreamTableTest, it_may_leave_before_its_owner_goes) {
    StreamTable table;
    StreamEntry entry = make_entry(table);
    const StreamEntry other = make_entry(table, "2f");
    entry.leave();
    EXPECT_EQ(ids_of(table), Ids{"2f"});
    entry.leave();
    EXPECT_EQ(ids_of(table), Ids{"2f"});
}

TEST(StreamTableTest, streams_leave_in_any_order) {
    StreamTable table;
    std::vector<StreamEntry> entries;
    entries.reserve(5);
    for (const char* id : {"1", "2", "3", "4", "5"}) entries.push_back(make_entry(table, id));
    EXPECT_EQ(ids_of(table), (Ids{"5", "4", "3", "2", "1"})) << "the newest first";
    entries[2].leave();
    EXPECT_EQ(ids_of(table), (Ids{"5", "4", "2", "1"}));
    entries[4].leave();
    EXPECT_EQ(ids_of(table), (Ids{"4", "2", "1"}));
    entries[0].leave();
    EXPECT_EQ(ids_of(table), (Ids{"4", "2"}));
    entries[1].leave();
    entries[3].leave();
    EXPECT_EQ(ids_of(table), Ids{});
    const StreamEntry late = make_entry(table, "6");
    EXPECT_EQ(ids_of(table), Ids{"6"});
}

TEST(StreamTableTest, an_id_finds_all_who_have_it_and_nobody_else) {
    StreamTable table;
    const StreamEntry one = make_entry(table, "1f"), same = make_entry(table, "1f"),
                      other = make_entry(table, "2f");
    EXPECT_EQ(table.matching("1f").size(), 2U);
    EXPECT_EQ(table.matching("2f").size(), 1U);
    EXPECT_TRUE(table.matching("").empty());
    EXPECT_TRUE(table.matching("1").empty());
}

TEST(StreamTableTest, other_threads_read_while_streams_come_and_go) {
    StreamTable table;
    const StreamEntry stays = make_entry(table, "stays");
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> seen{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            while (!over) {
                for (const auto& record : table.all()) {
                    EXPECT_EQ(record->topic, "web");
                    EXPECT_EQ(record->service_peer().value_or(port(2)), port(2));
                    EXPECT_LE(record->bytes_from(StreamLeg::client), 3U);
                    ++seen;
                }
                EXPECT_EQ(table.matching("stays").size(), 1U);
            }
        });
    }
    while (seen < 2'000) {
        const StreamEntry passes = make_entry(table, "passes");
        passes->opened(port(2));
        for (std::uint64_t i = 1; i <= 3; ++i) passes->has_moved(StreamLeg::client, i);
        passes->is_ending();
    }
    over = true;
    for (auto& each : readers) each.join();
    EXPECT_EQ(ids_of(table), Ids{"stays"});
}

}  // namespace
}  // namespace inout::stream_table_test
