// The head of a request over HTTP, of which strangers may send any part in any pieces.
#include "common/net/http_head_io.hpp"

#include <gtest/gtest.h>

#include <string>

#include "../calls_layer.hpp"
#include "../loopback.hpp"
#include "common/wire/http_fields.hpp"

namespace inout::http_head_io_test {
namespace {

using namespace std::chrono_literals;

const std::string kStart = "GET /inout HTTP/1.1\r\n", kField = "Name: value\r\n";

class CountedReads : public SocketCalls {
  public:
    ssize_t recv(int fd, void* buffer, std::size_t size) override {
        ++reads;
        return SocketCalls::recv(fd, buffer, size);
    }
    unsigned reads = 0;
};

/// A connection, its peer, and how often it is read.
struct Reader {
    explicit Reader(std::string_view sent) {
        connection.push(std::make_unique<CallsLayer>(connection.wire(), calls));
        send(sent);
    }
    void send(std::string_view text) const {
        ASSERT_EQ(::send(pair.a.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
    }
    /// Looks at all that is there; nothing: more is waited for.
    std::optional<Result<std::size_t, std::error_code>> look() {
        context.restart();
        context.run_for(20ms);
        return result;
    }

    CountedReads calls;
    asio::io_context context;
    TcpPair pair;
    Connection connection = adopt(context, std::move(pair.b));
    std::optional<Result<std::size_t, std::error_code>> result;
};

Task<> read_into(Reader& reader) { reader.result = co_await read_http_head(reader.connection); }

void begin(Reader& reader) {
    asio::co_spawn(reader.context, read_into(reader), [](const std::exception_ptr&) {});
}

std::string head_of(std::size_t fields) {
    std::string head = kStart;
    for (std::size_t i = 0; i < fields; ++i) head += kField;
    return head;
}

TEST(HttpHeadIoTest, a_long_head_is_read_with_few_reads) {
    const std::string head = head_of(500);
    Reader reader(head);
    begin(reader);
    EXPECT_FALSE(reader.look());
    EXPECT_LE(reader.calls.reads, 16U) << "of " << head.size() << " bytes";
    reader.send("\r\nbehind");
    const auto size = reader.look();
    ASSERT_TRUE(size && *size);
    EXPECT_EQ(**size, head.size() + 2);
    EXPECT_EQ(reader.connection.unread(), head + "\r\nbehind");
}

TEST(HttpHeadIoTest, its_end_may_come_in_pieces) {
    const std::string head = head_of(1);
    for (std::size_t cut = 1; cut < 4; ++cut) {
        const std::string whole = head + "\r\n";
        Reader reader(whole.substr(0, whole.size() - cut));
        begin(reader);
        EXPECT_FALSE(reader.look());
        reader.send(whole.substr(whole.size() - cut));
        const auto size = reader.look();
        ASSERT_TRUE(size && *size) << cut;
        EXPECT_EQ(**size, whole.size());
    }
}

TEST(HttpHeadIoTest, one_that_is_too_long_is_none) {
    Reader reader(head_of(800));
    begin(reader);
    const auto size = reader.look();
    ASSERT_TRUE(size && !*size);
    EXPECT_EQ(size->error(), std::errc::message_size);
    EXPECT_EQ(reader.connection.unread().size(), kHttpHeadMaxBytes);
}

}  // namespace
}  // namespace inout::http_head_io_test
