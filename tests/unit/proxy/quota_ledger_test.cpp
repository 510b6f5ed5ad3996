#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "../logged.hpp"
#include "common/base/limits.hpp"
#include "common/os/saved_file.hpp"
#include "proxy/quota_ledger.hpp"

namespace inout::proxy::quota_ledger_test {
namespace {

class QuotaLedgerTest : public testing::Test {
  protected:
    QuotaLedgerTest() { std::filesystem::create_directories(folder); }
    ~QuotaLedgerTest() override { std::filesystem::remove_all(folder); }

    static std::shared_ptr<ByteQuota> quota(QuotaLedger& ledger, const std::string& who) {
        return ledger.quota_of(who, [](ByteQuota::Event) {});
    }
    /// As a program does at its start and its reloads.
    void open(QuotaLedger& ledger, const std::string& file) {
        auto content = ledger.read(file);
        ASSERT_TRUE(content) << content.error();
        ledger.start();
        if (*content) ledger.open(std::move(**content));
    }
    static std::uint64_t total(ByteQuota& quota) { return quota.state(0).used.total; }
    /// As a person does: a ledger may be saving it at the same time.
    void write(const std::string& text) const {
        const std::string mine = path + ".mine";
        std::ofstream(mine) << text;
        using std::filesystem::perms;
        std::filesystem::permissions(mine, perms::owner_read | perms::owner_write);
        std::filesystem::rename(mine, path);
    }
    /// A new file is made at once, by the ledger's thread.
    void await_first_save() const {
        const auto give_up = Clock::now() + std::chrono::seconds(30);
        while (!std::filesystem::exists(path) && Clock::now() < give_up) std::this_thread::yield();
    }
    std::string content() const { return read_saved_file(path, 10'000).value().value_or("none"); }

    const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                         ("inout-quota-ledger-" + std::to_string(::getpid()));
    const std::string path = (folder / "used.json").string();
};

TEST_F(QuotaLedgerTest, what_was_used_survives_a_restart) {
    {
        QuotaLedger ledger;
        open(ledger, path);
        quota(ledger, "key a")->charge(500, 0);
        quota(ledger, "key b")->charge(7, 0);
        EXPECT_TRUE(ledger.stop());
    }
    {
        QuotaLedger ledger;
        open(ledger, path);
        EXPECT_EQ(total(*quota(ledger, "key a")), 500U);
        quota(ledger, "key a")->charge(1, 0);
    }
    QuotaLedger ledger;
    open(ledger, path);
    EXPECT_EQ(total(*quota(ledger, "key a")), 501U);
    EXPECT_EQ(total(*quota(ledger, "key b")), 7U) << "also of who had no quota in between";
    EXPECT_EQ(ledger.problem(), "");
}

TEST_F(QuotaLedgerTest, a_new_file_is_made_at_once) {
    QuotaLedger ledger;
    open(ledger, path);
    await_first_save();
    EXPECT_NE(content().find("\"version\": 1"), std::string::npos);
}

TEST_F(QuotaLedgerTest, a_damaged_file_closes_all_and_stays_as_it_is) {
    write("{\"version\": 1, \"used\": [");
    {
        QuotaLedger ledger;
        const std::string lines = logged([&] { open(ledger, path); });
        EXPECT_NE(lines.find("quota closed"), std::string::npos) << lines;
        EXPECT_NE(lines.find(path), std::string::npos) << lines;
        const auto a = quota(ledger, "key a");
        EXPECT_TRUE(a->is_used_up(0));
        a->charge(5, 0);
        EXPECT_NE(ledger.problem().find("is damaged"), std::string::npos);
    }
    EXPECT_EQ(content(), "{\"version\": 1, \"used\": [");
}

TEST_F(QuotaLedgerTest, a_file_that_was_put_right_opens_them_again) {
    write("damaged");
    QuotaLedger ledger;
    logged([&] { open(ledger, path); });
    const auto a = quota(ledger, "key a");
    write(quota_file_text({{"key a", {.total = 40, .month = 1}}}));
    EXPECT_TRUE(a->is_used_up(0));
    open(ledger, path);
    EXPECT_FALSE(a->is_used_up(0));
    EXPECT_EQ(total(*a), 40U);
    EXPECT_EQ(ledger.problem(), "");
}

TEST_F(QuotaLedgerTest, the_file_in_use_is_not_read_again) {
    QuotaLedger ledger;
    open(ledger, path);
    write("damaged meanwhile");
    EXPECT_FALSE(*ledger.read(path));
}

TEST_F(QuotaLedgerTest, another_file_counts_by_itself) {
    QuotaLedger ledger;
    open(ledger, path);
    const auto a = quota(ledger, "key a");
    a->charge(30, 0);
    open(ledger, path + ".other");
    EXPECT_EQ(total(*a), 0U);
}

TEST_F(QuotaLedgerTest, a_place_that_can_not_be_written_is_told_before) {
    const auto content = QuotaLedger().read((folder / "nowhere/used.json").string());
    ASSERT_FALSE(content);
    EXPECT_NE(content.error().find("auth.quota_file: "), std::string::npos);
}

TEST_F(QuotaLedgerTest, what_can_not_be_saved_is_told_and_goes_on_counting) {
    QuotaLedger ledger;
    open(ledger, path);
    const auto a = quota(ledger, "key a");
    // Its first file may still be on its way there.
    while (!std::filesystem::exists(path)) std::this_thread::yield();
    const std::string lines = logged([&] {
        std::filesystem::remove_all(folder);
        a->charge(5, 0);
        EXPECT_TRUE(ledger.stop());
    });
    EXPECT_NE(lines.find("quota not saved"), std::string::npos) << lines;
    EXPECT_NE(ledger.problem().find("can not be created"), std::string::npos);
    EXPECT_EQ(total(*a), 5U);
}

TEST_F(QuotaLedgerTest, what_two_processes_count_in_one_file_is_added_up) {
    QuotaLedger before, next;
    open(before, path);
    quota(before, "key a")->charge(100, 0);
    before.share();
    open(next, path);
    next.share();
    // Each ends, and saves, once more than the other one has.
    quota(next, "key a")->charge(20, 0);
    quota(next, "key b")->charge(3, 0);
    EXPECT_TRUE(next.stop());
    quota(before, "key a")->charge(1, 0);
    EXPECT_TRUE(before.stop());
    EXPECT_EQ(total(*quota(before, "key a")), 121U) << "it has learnt of the other one's";
    QuotaLedger last;
    open(last, path);
    EXPECT_EQ(total(*quota(last, "key a")), 121U);
    EXPECT_EQ(total(*quota(last, "key b")), 3U);
}

TEST_F(QuotaLedgerTest, a_damaged_file_is_not_written_over_by_one_that_shares_it) {
    QuotaLedger ledger;
    open(ledger, path);
    quota(ledger, "key a")->charge(1, 0);
    await_first_save();
    ledger.share();
    write("damaged");
    EXPECT_TRUE(ledger.stop());
    EXPECT_EQ(content(), "damaged");
    EXPECT_NE(ledger.problem(), "");
}

}  // namespace
}  // namespace inout::proxy::quota_ledger_test
