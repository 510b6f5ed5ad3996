// Whether a backend works: it is dialled, and where the network says how it begins to speak, heard.
// Nothing of a client goes there, and nothing is learnt from it: that is the asker's affair. On the
// asker's worker.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/rules/reason.hpp"
#include "out/backend_dial.hpp"

namespace inout::out {

/// How long a backend may take where the network has no health check, which would say so.
inline constexpr Milliseconds kQuestionTime{4'000};

/// Told of the connection when there is one, to end it if need be. False: nothing more is asked.
using Dialled = std::function<bool(const ConnectionPtr&)>;

/// Nothing: it works; else what is wrong.
Task<std::optional<Reason>> ask_backend(Executor executor, std::shared_ptr<Backends> backends,
                                        std::size_t index, Milliseconds timeout, Dialled dialled);

/// The same for a stream of this topic: one of the backends works, or the one that the network's
/// template makes. They are asked in turn, within `timeout` in all; the failure is of the first.
Task<std::optional<Reason>> ask_backends(Executor executor, std::shared_ptr<const Network> network,
                                         std::string topic, Milliseconds timeout);

}  // namespace inout::out
