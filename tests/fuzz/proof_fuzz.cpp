// Whatever a stranger sends, its proof is checked without harm and is wrong; and whatever message
// can be proven is still proven when it has crossed the wire, but not on another connection.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/wire/proof.hpp"
#include "crossing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    static const Secret kSecret("only this process knows it");
    static const ProofChannel kTls{true, std::string(32, 'e'), std::string(32, 'f')};
    constexpr std::int64_t kNow = 1'767'225'600'000;

    auto message = decode(text_of(data, size));
    if (!message) return 0;
    demand(check_proof(*message, kSecret, kNow, kTls) == ProofVerdict::wrong);

    const Proof* const theirs = proof_of(*message);
    const std::string key = theirs != nullptr ? theirs->key : "office";
    prove(*message, key, kSecret, kNow, kTls);
    if (proof_of(*message) == nullptr) return 0;
    const Message received = crossed(*message);
    demand(check_proof(received, kSecret, kNow, kTls) == ProofVerdict::good);
    demand(check_proof(received, kSecret, kNow, {}) == ProofVerdict::wrong);
    demand(check_proof(received, kSecret, kNow, {true, ""}) == ProofVerdict::wrong);
    const ProofChannel unnumbered{true, kTls.exporter};
    demand((check_proof(received, kSecret, kNow, unnumbered) == ProofVerdict::wrong) ==
           is_counted(received));
    return 0;
}
