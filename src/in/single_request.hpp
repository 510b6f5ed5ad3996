// SingleRequest: the layer of a client's connection on which one HTTP request is passed on, and
// nothing behind it: the next may be for somebody else, who alone may see what is in it.
//
// The client is told that the connection ends behind the answer, whatever the server says; what it
// sends all the same goes to nobody. Never blocks. Owned by its Connection, on its worker's thread.
#pragma once

#include <string>
#include <system_error>

#include "common/os/byte_layer.hpp"
#include "common/wire/http_closing.hpp"
#include "common/wire/http_content.hpp"

namespace inout::in {

class SingleRequest final : public ByteLayer {
  public:
    /// `content`: what is still to be read of it from `below`, which must outlive this.
    SingleRequest(ByteLayer& below, const HttpContent& content)
        : below_(&below), content_(content) {}

    /// What is written from now on is the server's answer.
    void begin_answer() { answering_ = true; }

    ssize_t read(std::span<char> into) override;
    ssize_t write(std::string_view data) override;
    int shut_send() override;
    bool read_wants_write() const override { return below_->read_wants_write(); }
    bool write_wants_read() const override { return below_->write_wants_read(); }
    bool is_drained() const override { return !error_ && below_->is_drained(); }
    bool is_quiet() override { return !error_ && below_->is_quiet(); }
    std::size_t record_overhead() const override { return below_->record_overhead(); }
    unsigned take_work() override { return below_->take_work(); }
    std::error_code last_error() const override { return error_ ? error_ : below_->last_error(); }
    std::string failure() const override;

  private:
    bool send_field();

    ByteLayer* below_;
    HttpContent content_;
    HttpClosing closing_;
    bool answering_ = false;
    std::string_view field_;  // what the layer below has not taken of it
    std::error_code error_;   // for good
};

}  // namespace inout::in
