// What `load` can do; main.cpp reads the command line. Each prints one line on stdout, and throws
// if a connection failed or data was wrong.
#pragma once

#include <netinet/in.h>

#include "load/event_loop.hpp"

namespace inout::bench {

enum class Direction { up, down, both };

[[noreturn]] void serve(const sockaddr_in& address);
void bulk(const sockaddr_in& address, int connections, Seconds time, Direction direction);
void pingpong(const sockaddr_in& address, int connections, int message_bytes, Seconds time);
/// Each connection ends with FIN both ways, or with the client's RST.
enum class End { fin, rst };
void opens(const sockaddr_in& address, int at_once, Seconds time, End end);
void idle(const sockaddr_in& address, int connections);
void burst(const sockaddr_in& address, int at_once, int rounds, int pause_ms);
/// One client after another, each for an answer of kAnswerBytes.
void answers(const sockaddr_in& address, int rounds, int pause_ms);
inline constexpr std::size_t kAnswerBytes = 100'000;

}  // namespace inout::bench
