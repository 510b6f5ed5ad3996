// The one door to asio: what of it is used, under our names, with the concrete executor.
//
// The concrete executor instead of any_io_executor saves a type-erased copy in every pending
// operation. as_tuple moved out of asio::experimental in 1.24; both places are served here. What an
// executor or a timer belongs to, one thread runs: its worker's.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/recycling_allocator.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>
#if ASIO_VERSION >= 102400
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

#include <cerrno>
#include <system_error>

#include "common/base/limits.hpp"

namespace inout {

using Executor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Endpoint = Tcp::endpoint;
using ListenSocket = asio::basic_socket_acceptor<Tcp, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

/// A coroutine of ours.
template <class T = void>
using Task = asio::awaitable<T, Executor>;

#if ASIO_VERSION >= 102400
namespace asio_tuple = asio;
#else
namespace asio_tuple = asio::experimental;
#endif

/// The process or the system has no descriptors or buffers left. By value: asio's category does not
/// map these to std::errc.
inline bool out_of_resources(const std::error_code& error) {
    const int value = error.category() == asio::error::get_system_category() ? error.value() : 0;
    return value == EMFILE || value == ENFILE || value == ENOBUFS || value == ENOMEM;
}

/// Completion token: awaits and returns a tuple that begins with the error code; never throws.
inline constexpr asio_tuple::as_tuple_t<asio::use_awaitable_t<Executor>> use_result{
    asio::use_awaitable_t<Executor>{}};

}  // namespace inout
