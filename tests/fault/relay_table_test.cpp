// What others see of a stream while its relay carries it, and how they end it.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include "../unit/logged.hpp"
#include "stream.hpp"

namespace inout::relay_table_test {
namespace {

constexpr const char* kUnknown = "00";

/// How many have this id, and are told to end.
std::size_t reset_by_id(RelaySet& set, std::string_view id, std::string words) {
    auto found = set.streams().matching(id);
    const std::size_t count = found.size();
    set.reset(std::move(found), {.cause = StreamEnd::Cause::kicked, .words = std::move(words)});
    return count;
}

/// What its peer sees as the other side.
Endpoint own_name(const UniqueFd& fd) {
    Endpoint name;
    auto size = static_cast<socklen_t>(name.capacity());
    ::getsockname(fd.get(), name.data(), &size);
    name.resize(size);
    return name;
}

class RelayTableTest : public StreamTest {
  protected:
    /// One that has carried some bytes each way.
    Stream& add_running(Path path = Path::plain) {
        Stream& stream = add(path);
        stream.client.to_send = 3'000;
        stream.service.to_send = 1'000;
        EXPECT_TRUE(run_until(
            [&] { return stream.client.received == 1'000 && stream.service.received == 3'000; }));
        return stream;
    }
    static StreamTable::Records records_of(const Stream& stream) {
        return stream.sets.front()->streams().all();
    }
    static bool is_listed(const Stream& stream) {
        return std::any_of(stream.sets.begin(), stream.sets.end(),
                           [](const auto& each) { return !each->streams().all().empty(); });
    }
};

TEST_F(RelayTableTest, an_open_stream_shows_both_its_peers) {
    Stream& stream = add(Path::plain);
    const auto records = records_of(stream);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records.front()->state(), StreamState::open);
    EXPECT_EQ(records.front()->client_peer(), own_name(stream.client.fd));
    EXPECT_EQ(records.front()->service_peer(), own_name(stream.service.fd));
    stream.will_carry(0, 0);
    EXPECT_TRUE(run_to_the_end());
}

TEST_F(RelayTableTest, its_bytes_are_read_by_other_threads_as_they_grow) {
    for (const Path path : {Path::plain, Path::one_tls_leg}) {
        Stream& stream = add(path);
        const auto record = records_of(stream).front();
        std::atomic<bool> over{false};
        std::atomic<std::uint64_t> up{0}, down{0};
        std::thread reader([&] {
            while (!over) {
                const auto up_now = record->bytes_from(StreamLeg::client);
                const auto down_now = record->bytes_from(StreamLeg::service);
                EXPECT_GE(up_now, up);
                EXPECT_GE(down_now, down);
                up = up_now;
                down = down_now;
                std::this_thread::yield();
            }
        });
        stream.client.to_send = 2 * kMegabyte;
        stream.service.to_send = kMegabyte;
        EXPECT_TRUE(run_until([&] { return up > 0 && down > 0; }));
        EXPECT_TRUE(run_until([&] { return up == 2 * kMegabyte && down == kMegabyte; }));
        stream.client.fin_after = stream.service.fin_after = true;
        EXPECT_TRUE(run_to_the_end());
        over = true;
        reader.join();
    }
}

/// However it ends, it is in no table any more, and its record says the last.
TEST_F(RelayTableTest, it_is_gone_at_every_end) {
    using End = std::pair<const char*, std::function<void(Stream&)>>;
    const End ends[] = {
        {"both FIN", [](Stream& s) { s.client.fin_after = s.service.fin_after = true; }},
        {"RST of the client", [](Stream& s) { reset(s.client.fd); }},
        {"RST of the service", [](Stream& s) { reset(s.service.fd); }},
        {"FIN, then RST",
         [this](Stream& s) {
             s.client.fin_after = true;
             EXPECT_TRUE(run_until([&] { return s.service.end == inout::End::fin; }));
             reset(s.service.fd);
         }},
        {"all are reset",
         [](Stream& s) {
             s.sets.front()->reset_all(
                 {.cause = StreamEnd::Cause::drain, .words = "drain timeout"});
         }},
        {"it is reset", [](Stream& s) { reset_by_id(*s.sets.front(), "1f", "for a test"); }},
        {"a call fails",
         [](Stream& s) {
             s.calls.front()->fail_call(1, EIO);
             s.client.to_send += 1'000;
         }},
    };
    for (const Path path : kPaths) {
        for (const auto& [name, end] : ends) {
            Stream& stream = add_running(path);
            const auto record = records_of(stream).front();
            end(stream);
            EXPECT_TRUE(run_to_the_end()) << name;
            EXPECT_FALSE(is_listed(stream)) << name;
            EXPECT_GE(record->bytes_from(StreamLeg::client), 3'000U) << name;
            EXPECT_EQ(record->bytes_from(StreamLeg::service), 1'000U) << name;
        }
    }
}

TEST_F(RelayTableTest, it_is_ending_while_what_is_left_waits_for_a_paused_reader) {
    Stream& stream = add_running();
    const auto record = records_of(stream).front();
    stream.service.reading = false;
    stream.client.to_send += 20 * kMegabyte;
    EXPECT_TRUE(run_until_all_rests());
    EXPECT_EQ(record->state(), StreamState::open);
    reset(stream.client.fd);
    EXPECT_TRUE(run_until([&] { return record->state() == StreamState::ending; }));
    stream.service.reading = true;
    EXPECT_TRUE(run_to_the_end());
}

TEST_F(RelayTableTest, a_reset_by_id_is_an_rst_at_both_ends_with_its_reason_in_the_log) {
    for (const Path path : {Path::plain, Path::one_tls_leg}) {
        Stream& stream = add_running(path);
        const std::string lines = logged([&] {
            std::thread([&] {
                EXPECT_EQ(reset_by_id(*stream.sets.front(), "1f", "told by a test"), 1U);
            }).join();
            EXPECT_TRUE(run_to_the_end());
        });
        EXPECT_EQ(stream.client.end, End::rst);
        EXPECT_EQ(stream.service.end, End::rst);
        EXPECT_NE(lines.find(" id=1f "), std::string::npos) << lines;
        EXPECT_NE(lines.find("reason=\"told by a test\""), std::string::npos) << lines;
    }
}

TEST_F(RelayTableTest, an_id_that_no_stream_has_is_told) {
    Stream& stream = add_running();
    EXPECT_EQ(reset_by_id(*stream.sets.front(), kUnknown, "told by a test"), 0U);
    stream.will_carry(4'000, 2'000);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(4'000, 2'000);
    EXPECT_EQ(reset_by_id(*stream.sets.front(), "1f", "told by a test"), 0U) << "it has ended";
}

TEST_F(RelayTableTest, all_that_share_an_id_are_reset) {
    Stream& stream = add_running();
    RelaySet& set = *stream.sets.front();
    TcpPair left, right;
    set.start({adopt_owned(context, std::move(left.b)), adopt_owned(context, std::move(right.b)),
               StreamEntry(set.streams(), "1f", "t", "c:2", {})});
    TcpPair other_left, other_right;
    set.start({adopt_owned(context, std::move(other_left.b)),
               adopt_owned(context, std::move(other_right.b)),
               StreamEntry(set.streams(), "2f", "t", "c:3", {})});
    EXPECT_EQ(reset_by_id(set, "1f", "told by a test"), 2U);
    EXPECT_TRUE(run_until([&] { return set.size() == 1 && stream.ended(); }));
    EXPECT_EQ(end_of(left.a.get()), End::rst);
    EXPECT_EQ(end_of(right.a.get()), End::rst);
    EXPECT_EQ(records_of(stream).front()->id, "2f");
    set.reset_all({.cause = StreamEnd::Cause::drain, .words = "the test is over"});
}

TEST_F(RelayTableTest, of_many_that_are_reset_only_some_are_in_one_turn) {
    Stream& stream = add_running();
    RelaySet& set = *stream.sets.front();
    std::list<TcpPair> peers;
    for (std::size_t i = 0; i < 2 * kResetsAtOnce; ++i) {
        TcpPair left, right;
        set.start({adopt_owned(context, std::move(left.b)),
                   adopt_owned(context, std::move(right.b)),
                   StreamEntry(set.streams(), "2f", "t", "c:2", {})});
        peers.push_back(std::move(left));
        peers.push_back(std::move(right));
    }
    EXPECT_EQ(reset_by_id(set, "2f", "told by a test"), 2 * kResetsAtOnce);
    std::size_t left_between = 0;
    asio::post(context, [&] { left_between = set.size(); });
    EXPECT_TRUE(run_until([&] { return set.size() == 1; }));
    EXPECT_EQ(left_between, 1 + kResetsAtOnce);
    for (const TcpPair& peer : peers) EXPECT_EQ(end_of(peer.a.get()), End::rst);
    stream.will_carry(4'000, 2'000);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(4'000, 2'000);
}

TEST_F(RelayTableTest, a_stream_that_ends_by_itself_before_its_reset_ends_once) {
    Stream& stream = add_running();
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until([&] { return stream.client.ended() && stream.service.ended(); }));
    reset_by_id(*stream.sets.front(), "1f", "told by a test");
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.client.end, End::fin);
    EXPECT_EQ(stream.service.end, End::fin);
}

TEST_F(RelayTableTest, a_stream_that_is_reset_while_it_is_opened_ends_when_it_is_open) {
    Stream& stream = add_running();
    RelaySet& set = *stream.sets.front();
    StreamEntry opening(set.streams(), "2f", "t", "c:2", {});
    EXPECT_EQ(reset_by_id(set, "2f", "told by a test"), 1U);
    EXPECT_TRUE(run_until([&] { return opening->told != nullptr; }));
    TcpPair left, right;
    const std::string lines = logged([&] {
        set.start({adopt_owned(context, std::move(left.b)),
                   adopt_owned(context, std::move(right.b)), std::move(opening)});
        EXPECT_EQ(set.size(), 1U) << "it is over at once";
    });
    EXPECT_EQ(end_of(left.a.get()), End::rst);
    EXPECT_EQ(end_of(right.a.get()), End::rst);
    EXPECT_NE(lines.find("reason=\"told by a test\""), std::string::npos) << lines;
    EXPECT_EQ(records_of(stream).size(), 1U);
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
}

}  // namespace
}  // namespace inout::relay_table_test
