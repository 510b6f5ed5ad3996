// ServerTries: the way of one open over the servers of its network. A network with one server has
// one try, as long as that is not about to end. On the worker of its client, in the frame of its
// session.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "common/rules/quota.hpp"
#include "common/rules/reason.hpp"
#include "in/network.hpp"

namespace inout::in {

/// What a client has in the limits, until its stream has ended.
struct ClientPlaces {
    std::shared_ptr<Server> server;  ///< of whose share the descriptors are: where it is served
    Budget::Places descriptors;      ///< of both connections
    std::unique_ptr<Quota::Place> of_client;
};

class ServerTries {
  public:
    /// The first is at the server of `places`, which changes with the others. Both must outlive it.
    ServerTries(const Network& network, ClientPlaces& places)
        : network_(network), places_(places) {}
    ServerTries(const ServerTries&) = delete;
    ServerTries& operator=(const ServerTries&) = delete;

    unsigned count() const { return count_; }
    /// For a dial of this server, and for its first word: a share of connect_timeout where others
    /// are left, so that a silent one does not cost all of it.
    Milliseconds dial_timeout() const;
    /// It failed here: on to another server, or, if a proxy alone is ending, to that one again.
    /// False: none is left, or it was tried often enough.
    bool next(const Reason& failure);
    /// An out, of this name, has refused it here, end to end: once more, to another out. False: it
    /// was tried often enough.
    bool again(const Reason& failure, const std::string& out);
    /// Those outs, for InRequest::tried.
    const std::string& refusing() const { return refusing_; }
    /// Over: what the first of them has said, or this, if that was the only one.
    const Reason& why(const Reason& last) const { return first_server_ ? first_ : last; }
    /// Where that was.
    const Server& where() const { return first_server_ ? *first_server_ : *places_.server; }

  private:
    std::span<const Server* const> tried() const { return {tried_.data(), failed_}; }
    void keep(const Reason& failure);
    bool next_process(const Reason& failure);

    const Network& network_;
    ClientPlaces& places_;
    unsigned count_ = 1;
    std::size_t failed_ = 0;
    std::array<const Server*, kTriesMax> tried_{};
    std::shared_ptr<const Server> first_server_{};
    Reason first_{Code::none, {}};
    std::string refusing_{};
};

}  // namespace inout::in
