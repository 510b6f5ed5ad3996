// Answers with SRV records, as name servers send them, and as nobody should.
#include "common/net/service_records.hpp"

#include <gtest/gtest.h>

namespace inout::service_records_test {
namespace {

using Bytes = std::vector<unsigned char>;

void append16(Bytes& bytes, unsigned number) {
    bytes.push_back(static_cast<unsigned char>(number >> 8));
    bytes.push_back(static_cast<unsigned char>(number));
}
void append_name(Bytes& bytes, const std::vector<std::string>& labels) {
    for (const std::string& label : labels) {
        bytes.push_back(static_cast<unsigned char>(label.size()));
        bytes.insert(bytes.end(), label.begin(), label.end());
    }
    bytes.push_back(0);
}

/// The question's name begins behind the header.
constexpr std::size_t kName = 12;

Bytes answer(unsigned records) {
    Bytes bytes;
    for (const unsigned number : {7U, 0x8580U, 1U, records, 0U, 0U}) append16(bytes, number);
    append_name(bytes, {"_inout", "_tcp", "example", "com"});
    append16(bytes, 33);
    append16(bytes, 1);
    return bytes;
}

struct Record {
    unsigned priority, weight, port;
    Bytes target;
    unsigned ttl = 60, type = 33;
};

void append(Bytes& bytes, const Record& record) {
    append16(bytes, 0xc000 | kName);
    for (const unsigned number : {record.type, 1U, 0U, record.ttl}) append16(bytes, number);
    append16(bytes, static_cast<unsigned>(6 + record.target.size()));
    append16(bytes, record.priority);
    append16(bytes, record.weight);
    append16(bytes, record.port);
    bytes.insert(bytes.end(), record.target.begin(), record.target.end());
}

Bytes name(const std::vector<std::string>& labels) {
    Bytes bytes;
    append_name(bytes, labels);
    return bytes;
}

TEST(ServiceRecords, come_by_priority_with_their_weights_and_ports) {
    Bytes bytes = answer(3);
    append(bytes, {2, 5, 40'001, name({"b", "example", "com"})});
    append(bytes, {.priority = 1, .weight = 0, .port = 1, .target = {1, 'c', 0}, .type = 1});
    // By a pointer to the end of the question's name.
    append(bytes, {1, 0, 65'535, {1, 'a', 0xc0, kName + 12}, 7});
    const auto records = read_service_records(bytes);
    ASSERT_TRUE(records);
    EXPECT_EQ(records->targets, (std::vector<ServiceTarget>{{{"a.example.com", 65'535}, 1, 0},
                                                            {{"b.example.com", 40'001}, 2, 5}}));
    EXPECT_EQ(records->fresh, Milliseconds{7'000});
}

TEST(ServiceRecords, are_believed_for_a_time_that_is_bounded) {
    for (const auto& [ttl, fresh] :
         {std::pair{0U, kServiceFreshMin}, std::pair{0xffffU, kServiceFreshMax}}) {
        Bytes bytes = answer(1);
        append(bytes, {1, 1, 1, name({"a"}), ttl});
        EXPECT_EQ(read_service_records(bytes)->fresh, fresh);
    }
}

TEST(ServiceRecords, of_a_service_that_is_not_offered_are_none) {
    EXPECT_TRUE(read_service_records(answer(0))->targets.empty());
    Bytes bytes = answer(1);
    append(bytes, {0, 0, 0, name({})});
    EXPECT_TRUE(read_service_records(bytes)->targets.empty());
}

TEST(ServiceRecords, with_names_that_are_none_are_left_out) {
    Bytes bytes = answer(3);
    append(bytes, {1, 1, 1, name({"a b"})});
    append(bytes, {1, 1, 1, name({std::string("a\0b", 3)})});
    append(bytes, {1, 1, 1, name({"good"})});
    const auto records = read_service_records(bytes);
    ASSERT_TRUE(records && records->targets.size() == 1);
    EXPECT_EQ(records->targets[0].place.host, "good");
}

TEST(ServiceRecords, are_bounded_in_number) {
    constexpr unsigned kMany = 100;
    Bytes bytes = answer(kMany);
    for (unsigned i = 0; i < kMany; ++i) append(bytes, {kMany - i, 1, i + 1, name({"a"})});
    const auto records = read_service_records(bytes);
    ASSERT_TRUE(records);
    EXPECT_EQ(records->targets.size(), kServiceTargetsMax);
    EXPECT_EQ(records->targets[0].place.port, kMany);
}

TEST(ServiceRecords, that_are_cut_anywhere_are_none) {
    Bytes bytes = answer(1);
    append(bytes, {1, 1, 1, name({"a", "example"})});
    ASSERT_TRUE(read_service_records(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(read_service_records({bytes.data(), size})) << size;
    }
}

TEST(ServiceRecords, whose_names_lead_round_and_round_are_none) {
    Bytes bytes = answer(1);
    const auto here = static_cast<unsigned char>(bytes.size() + 18);
    append(bytes, {1, 1, 1, {0xc0, here}});
    EXPECT_FALSE(read_service_records(bytes));
    Bytes long_name = answer(1);
    append(long_name, {1, 1, 1, {1, 'a', 0xc0, here}});
    EXPECT_FALSE(read_service_records(long_name));
}

}  // namespace
}  // namespace inout::service_records_test
