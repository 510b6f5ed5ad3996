// Frames and messages: what one open and one heartbeat cost in coding, each kind by its name; and
// what a proof of identity adds to an open, for in and for the proxy.
#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"
#include "common/wire/proof.hpp"

namespace inout {
namespace {

/// One of each kind, filled as a running system fills it.
std::vector<Message> samples() {
    const std::string magic(kMagicDigits, 'a'), topic = "site-b/mysql", ticket(kTicketDigits, 'b');
    const std::string version(kVersion), id(kStreamIdDigits, 'c'), client = "192.0.2.17:53124";
    return {
        OutRequest{.magic = magic,
                   .version = version,
                   .topic = topic,
                   .ext = true,
                   .instance = ticket,
                   .heartbeat_timeout = Milliseconds(20'000)},
        OutDataRequest{
            .magic = magic, .version = version, .topic = topic, .ext = true, .ticket = ticket},
        InRequest{.magic = magic,
                  .version = version,
                  .topic = topic,
                  .ext = true,
                  .id = id,
                  .client = client,
                  .zstd = 0},
        NewDataRequest{.magic = magic, .topic = topic, .count = 3},
        DataActiveRequest{.magic = magic, .topic = topic, .ext = true, .id = id, .client = client},
        Response{
            .magic = magic, .request = "OutRequest", .ext = true, .proxy = id, .ticket = ticket},
        Ping{},
        Pong{},
        Notice{.code = NoticeCode::draining, .message = "the proxy ends"},
        InWarmRequest{.magic = magic, .version = version},
        ProbeRequest{.magic = magic, .topic = topic},
    };
}

void encode_message(benchmark::State& state, const Message& message) {
    std::size_t bytes = 0;
    for (auto _ : state) {
        const std::string frame = encode(message);
        benchmark::DoNotOptimize(frame.data());
        bytes += frame.size();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

/// From the frame's header to the message, as a receiver does it.
void decode_message(benchmark::State& state, const Message& message) {
    const std::string frame = encode(message);
    for (auto _ : state) {
        const auto size = frame_body_length(frame, kFrameBodyMaxBytes);
        if (!size) return state.SkipWithError("the header is wrong");
        auto decoded = decode(std::string_view(frame).substr(kFrameHeaderBytes, *size));
        if (!decoded) return state.SkipWithError("the body is wrong");
        benchmark::DoNotOptimize(decoded.value());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(frame.size()) * state.iterations());
}

const Secret kSecret("correct horse battery staple");
const ProofChannel kChannel{
    .tls = true, .exporter = std::string(32, 'e'), .nonce = std::string(kNonceDigits, 'f')};
constexpr std::int64_t kNow = 1'767'225'600'000;

void prove_message(benchmark::State& state, Message message) {
    for (auto _ : state) {
        prove(message, "office", kSecret, kNow, kChannel);
        benchmark::DoNotOptimize(message);
    }
}

void check_message(benchmark::State& state, Message message) {
    prove(message, "office", kSecret, kNow, kChannel);
    for (auto _ : state) {
        if (check_proof(message, kSecret, kNow, kChannel) != ProofVerdict::good) {
            return state.SkipWithError("the proof is wrong");
        }
    }
}

const bool registered = [] {
    const std::vector<Message> all = samples();
    if (all.size() != std::variant_size_v<Message>) throw std::logic_error("a kind is missing");
    for (const Message& message : all) {
        const std::string name(type_name(message));
        benchmark::RegisterBenchmark(("encode/" + name).c_str(), encode_message, message);
        benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode_message, message);
        if (!std::holds_alternative<InRequest>(message)) continue;
        benchmark::RegisterBenchmark(("prove/" + name).c_str(), prove_message, message);
        benchmark::RegisterBenchmark(("check/" + name).c_str(), check_message, message);
        InRequest counted = std::get<InRequest>(message);
        counted.use = 2;
        benchmark::RegisterBenchmark("prove/counted InRequest", prove_message, counted);
        benchmark::RegisterBenchmark("check/counted InRequest", check_message, counted);
    }
    return true;
}();

}  // namespace
}  // namespace inout
