#include "common/net/unread.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/limits.hpp"

namespace inout {

Unread::Unread(Unread& other)
    : below_(other.below_),
      block_(std::move(other.block_)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      size_(std::exchange(other.size_, 0)) {}

void Unread::prepend(Unread& other) {
    std::swap(block_, other.block_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(size_, other.size_);
    if (other.is_empty()) return;
    const std::string_view behind = other.bytes();
    make_room((end_ - begin_) + behind.size());
    std::copy(behind.begin(), behind.end(), block_.get() + end_);
    end_ += static_cast<std::uint32_t>(behind.size());
    other.take(behind.size());
}

void Unread::put_back(std::string_view bytes) {
    Unread front(*below_);
    front.make_room(bytes.size());
    std::copy(bytes.begin(), bytes.end(), front.block_.get());
    front.end_ = static_cast<std::uint32_t>(bytes.size());
    if (!bytes.empty()) prepend(front);
}

void Unread::take(std::size_t size) {
    begin_ += static_cast<std::uint32_t>(std::min<std::size_t>(size, end_ - begin_));
    if (!is_empty()) return;
    block_.reset();
    begin_ = end_ = size_ = 0;
}

ssize_t Unread::fill(std::size_t size) {
    make_room(std::max(size, kUnreadBytes));
    const ssize_t n = below_->read({block_.get() + end_, size_ - end_});
    if (n > 0) end_ += static_cast<std::uint32_t>(n);
    if (is_empty()) take(0);
    return n;
}

/// For so many bytes in all.
void Unread::make_room(std::size_t size) {
    const std::string_view held = bytes();
    if (size_ < size) {
        auto larger = std::make_unique_for_overwrite<char[]>(size);
        std::copy(held.begin(), held.end(), larger.get());
        block_ = std::move(larger);
        size_ = static_cast<std::uint32_t>(size);
    } else if (begin_ > 0) {
        std::memmove(block_.get(), held.data(), held.size());
    }
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(held.size());
}

ssize_t Unread::read(std::span<char> into) {
    if (is_empty()) return below_->read(into);
    const std::size_t size = std::min<std::size_t>(into.size(), end_ - begin_);
    std::copy_n(block_.get() + begin_, size, into.begin());
    take(size);
    return static_cast<ssize_t>(size);
}

}  // namespace inout
