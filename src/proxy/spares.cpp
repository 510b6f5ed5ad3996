#include "proxy/spares.hpp"

#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"

namespace inout::proxy {
namespace {

/// What is wrong with a request for a stream on a spare connection; nothing: it is in its place.
std::string_view objection(const InRequest* in, const StreamFraming* framing) {
    if (in == nullptr || in->version != kVersion) return "misplaced message on a spare connection";
    const unsigned next = framing != nullptr ? framing->uses() + 1 : 0;
    if (in->use != next) return "a request out of turn on a spare connection";
    return {};
}

}  // namespace

std::unique_ptr<Spare> keep_spare(ProxyState& state, const ConnectionPtr& connection,
                                  StandingPtr standing,
                                  std::shared_ptr<Strangers::Acquaintance> known) {
    if (state.draining) return nullptr;
    const auto owner = state.owner_of(standing->identity, *connection);
    auto spare = std::make_unique<Spare>(Spare{connection, std::move(standing), std::move(known)});
    const auto verdict = state.budget.take(DescriptorBudget::Kind::spare, owner, 1,
                                           descriptors_in_use(), spare->share);
    if (verdict != DescriptorBudget::Verdict::granted) return nullptr;
    return spare;
}

Task<> spare_session(ProxyState& state, Worker& worker, std::unique_ptr<Spare> spare) {
    const ConnectionPtr owned = spare->connection;
    Connection& connection = *owned;
    const Use use = connection.framing() != nullptr ? Use::on_request : Use::once;
    spare->place = state.spares.add(owned, use, spare->standing);
    // It may have lost its permission before it was in the list.
    if (!spare->place || !state.settings()->gatekeeper.may_park_spare(*spare->standing)) {
        spare->place.reset();
        close_idle(connection, use);
        co_return;
    }
    connection.keep_alive();
    Deadline deadline(connection, use);
    deadline.expires_after(kSpareKept);
    auto received = co_await read_message(connection, kFirstFrameBodyMaxBytes);
    deadline.cancel();
    std::shared_ptr<Strangers::Acquaintance> known = std::move(spare->known);
    spare.reset();
    if (!received) {
        if (received.error().is_garbage()) count_refused(connection, to_string(received.error()));
        co_return;
    }
    auto* const in = std::get_if<InRequest>(&*received);
    const StreamFraming* const framing = connection.framing();
    if (const auto problem = objection(in, framing); !problem.empty()) {
        count_refused(connection, std::string(problem));
        co_return;
    }
    const std::string nonce = framing != nullptr ? framing->nonce : std::string();
    auto standing = co_await admit(state, connection, *received, nullptr, nonce);
    if (!standing) co_return;
    co_await pairing_session(state, worker, owned, std::move(*in), std::move(standing),
                             std::move(known));
}

}  // namespace inout::proxy
