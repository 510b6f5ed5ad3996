// Whatever a stranger sends, its proof is checked without harm and is wrong; and whatever message
// can be proven is still proven when it has crossed the wire, but not on another connection.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/protocol/frame.hpp"
#include "common/protocol/proof.hpp"

namespace {

using namespace inout;

void demand(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Secret kSecret("only this process knows it");
    static const std::string kExporter(32, 'e');
    constexpr std::int64_t kNow = 1'767'225'600'000;

    auto message = decode(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!message) return 0;
    demand(check_proof(*message, kSecret, kNow, kExporter) == ProofVerdict::wrong);

    const Proof* const theirs = proof_of(*message);
    const std::string key = theirs != nullptr ? theirs->key : "office";
    prove(*message, key, kSecret, kNow, kExporter);
    if (proof_of(*message) == nullptr) return 0;
    const std::string frame = encode(*message);
    demand(frame.size() <= kFrameSendMaxBytes);
    const auto received = decode(std::string_view(frame).substr(kFrameHeaderBytes));
    demand(static_cast<bool>(received));
    demand(check_proof(*received, kSecret, kNow, kExporter) == ProofVerdict::good);
    demand(check_proof(*received, kSecret, kNow, {}) == ProofVerdict::wrong);
    return 0;
}
