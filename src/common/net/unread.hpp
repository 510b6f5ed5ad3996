// Unread: what was read from a connection and nobody has taken yet, as a layer over that.
//
// A message says how long it is only in its beginning, and what follows it may be another layer's:
// the record of a TLS handshake, or a stream's raw bytes. So a read takes what is there, and what
// was too much is the first that the next reader gets. Holds memory only while there is something.
// Part of its Connection, on its worker's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "common/os/byte_layer.hpp"

namespace inout {

class Unread final : public ByteLayer {
  public:
    explicit Unread(ByteLayer& below) : below_(&below) {}
    /// Takes over what `other` holds, which is empty afterwards.
    Unread(Unread& other);
    /// Takes over what `other` holds, which comes before what is held here.
    void prepend(Unread& other);
    /// The same of these bytes.
    void put_back(std::string_view bytes);
    /// Lies over another layer from now on. What it holds came from the last one.
    void attach(ByteLayer& below) { below_ = &below; }

    std::string_view bytes() const { return {block_.get() + begin_, end_ - begin_}; }
    bool is_empty() const { return begin_ == end_; }
    /// The first `size` of bytes() have been read.
    void take(std::size_t size);
    /// Adds what one read of the layer below gives, whose result and errno it returns: at most what
    /// makes kUnreadBytes of it, or `size` if that is more. To be asked for more than is held.
    ssize_t fill(std::size_t size);

    ssize_t read(std::span<char> into) override;
    bool is_drained() const override { return is_empty() && below_->is_drained(); }
    bool is_quiet() override { return is_empty() && below_->is_quiet(); }
    bool can_splice() const override { return is_empty() && below_->can_splice(); }
    bool take_raw(std::uint64_t moved) override { return below_->take_raw(moved); }

    ssize_t write(std::string_view data) override { return below_->write(data); }
    int shut_send() override { return below_->shut_send(); }
    bool read_wants_write() const override { return below_->read_wants_write(); }
    bool write_wants_read() const override { return below_->write_wants_read(); }
    ssize_t splice_into(int pipe, std::size_t size) override {
        return below_->splice_into(pipe, size);
    }
    ssize_t splice_from(int pipe, std::size_t size) override {
        return below_->splice_from(pipe, size);
    }
    std::size_t record_overhead() const override { return below_->record_overhead(); }
    unsigned take_work() override { return below_->take_work(); }
    std::error_code last_error() const override { return below_->last_error(); }
    std::string failure() const override { return below_->failure(); }

  private:
    void make_room(std::size_t size);

    ByteLayer* below_;
    std::unique_ptr<char[]> block_;
    std::uint32_t begin_ = 0, end_ = 0, size_ = 0;  // of the block
};

}  // namespace inout
