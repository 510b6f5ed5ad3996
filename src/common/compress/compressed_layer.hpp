// CompressedLayer: the layer of a connection whose stream is compressed, over its frames, its TLS,
// or its session from end to end.
//
// What is written goes down as blocks, each complete; what is read are the peer's. The ends are
// those of the layer below. A write is taken when all of its block was, so that what the layer
// below has not taken is still its writer's. Holds no buffer while nothing waits, and no frame of
// zstd once a direction has rested. Owned by its Connection, on its worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "common/compress/block_reader.hpp"
#include "common/compress/block_writer.hpp"
#include "common/os/byte_layer.hpp"

namespace inout {

/// The peer has broken the rules of compressed streams; failure() has the words.
const std::error_category& compression_category();

class CompressedLayer final : public ByteLayer {
  public:
    /// As if it were not there, until something begins.
    explicit CompressedLayer(ByteLayer& below) : below_(&below) {}

    /// What is written from now on becomes blocks; `plain` bytes of the stream went before them.
    void begin_sending(std::uint64_t plain = 0);
    /// What comes from now on are blocks, behind `plain` bytes that are content as it is. `ahead`:
    /// was read from the layer below already.
    void begin_receiving(std::string_view ahead, std::size_t plain = 0);
    enum class Rest {
        none,    ///< it is used, or has rested before
        sent,    ///< the word that the frame is over
        waits,   ///< for room: then send_rest(), unless something else is written
        failed,  ///< errno says why; the socket tells an error only once
    };
    /// To be called once in a while: where nothing was written since the last call, and nothing
    /// waits, the frame ends, and both sides let its memory go.
    Rest rest();
    /// What is left of that word.
    Rest send_rest() { return rest_after(send_pending()); }

    /// Of this leg: bytes of blocks, and of what went before them.
    std::uint64_t wire_sent() const { return wire_sent_; }
    std::uint64_t wire_received() const { return wire_received_; }

    ssize_t read(std::span<char> into) override;
    ssize_t write(std::string_view data) override;
    int shut_send() override;
    bool read_wants_write() const override { return below_->read_wants_write(); }
    bool write_wants_read() const override { return below_->write_wants_read(); }
    bool is_drained() const override;
    bool is_quiet() override;
    /// Not what is written here; but who carries the blocks may move them by splice(2).
    bool take_raw(std::uint64_t moved) override;
    std::size_t record_overhead() const override {
        return below_->record_overhead() + kBlockHeaderBytes;
    }
    unsigned take_work() override;
    std::error_code last_error() const override { return error_ ? error_ : below_->last_error(); }
    std::string failure() const override { return error_ ? failure_ : below_->failure(); }

  private:
    ssize_t break_off(std::string_view problem);
    bool send(std::string_view block);
    bool send_pending();
    static Rest rest_after(bool sent);

    ByteLayer* below_;
    bool sending_ = false;
    BlockWriter writer_;
    std::optional<BlockReader> reader_;  // nothing: what comes is as it is
    std::string pending_;                // of a block that the layer below has not taken
    std::size_t owed_ = 0;               // content of that block, which comes again
    std::uint64_t wire_sent_ = 0, wire_received_ = 0, sent_at_rest_ = 0;
    std::error_code error_;  // of reading, for good
    std::string failure_;
};

}  // namespace inout
