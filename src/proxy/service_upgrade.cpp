// How one process of the proxy takes over from another (docs/architecture.md, "Upgrade"): the part
// of the service that hands over, and its end. Main thread.
#include <algorithm>
#include <cstring>

#include "common/os/inherited_sockets.hpp"
#include "proxy/service.hpp"

namespace inout::proxy {
namespace {

/// Goes with the sockets: a proxy keeps its id, so that no out takes the next process for another
/// proxy behind a balancer.
constexpr std::string_view kProxyWord = "proxy ";
// What else is handed over begins with one of these.
constexpr char kTopic = 't', kPattern = 'p', kProofs = 'r', kProofsOfPeer = 'h';
/// Proofs of one key in one word, beside the key's id.
constexpr std::size_t kProofsInWord = 32;
/// How long what was accepted before has for its first message, and for a data connection that is
/// parked here. Its outs have moved by then.
constexpr Milliseconds kHandOverStay{300};

/// The owner's name, a NUL, and the proofs.
void add_proofs(std::vector<std::string>& words, const Identity& owner,
                const std::vector<ReplayGuard::Tag>& tags) {
    const char kind = owner.kind == Identity::Kind::proxy ? kProofsOfPeer : kProofs;
    for (std::size_t i = 0; i < tags.size(); i += kProofsInWord) {
        std::string word = kind + owner.name + '\0';
        for (std::size_t j = i; j < std::min(tags.size(), i + kProofsInWord); ++j) {
            word.append(tags[j].begin(), tags[j].end());
        }
        words.push_back(std::move(word));
    }
}

void take_proofs(const Gatekeeper& gatekeeper, std::string_view word) {
    const std::size_t end = word.find('\0');
    if (end == word.npos) return;
    const Identity owner{
        word.front() == kProofsOfPeer ? Identity::Kind::proxy : Identity::Kind::key,
        std::string(word.substr(1, end - 1))};
    word.remove_prefix(end + 1);
    for (ReplayGuard::Tag tag; word.size() >= tag.size(); word.remove_prefix(tag.size())) {
        std::memcpy(tag.data(), word.data(), tag.size());
        gatekeeper.take_proof(owner, tag);
    }
}

}  // namespace

/// Before anything listens or is counted. Whether there is a process to take over from.
bool ProxyService::succeed() {
    const std::string id = inherited_sockets().word(kProxyWord);
    if (id.empty()) return false;
    state_.proxy_id = id;
    state_.allowances.share();
    return true;
}

std::optional<std::string> ProxyService::copy_sockets(std::vector<NamedDescriptor>& sockets) {
    if (const auto error = acceptor_->copy_sockets(sockets)) return error.message();
    sockets.push_back({std::string(kProxyWord) + state_.proxy_id, {}});
    state_.allowances.share();  // from here on both may count
    return std::nullopt;
}

/// Connections wait until the next process takes them. What it would ask its outs for would find
/// only that one.
std::vector<std::string> ProxyService::hand_over() {
    acceptor_->hold(true);
    state_.handed_over = true;
    std::vector<std::string> words;
    const auto names = state_.directory.names();
    for (const auto& topic : names.topics) words.push_back(kTopic + topic);
    for (const auto& pattern : names.patterns) words.push_back(kPattern + pattern);
    for (const auto& [owner, tags] : state_.settings()->gatekeeper.give_proofs()) {
        add_proofs(words, owner, tags);
    }
    return words;
}

void ProxyService::take_back() {
    if (!state_.handed_over.exchange(false)) return;
    state_.settings()->gatekeeper.keep_proofs();
    acceptor_->hold(false);
}

bool ProxyService::may_take_over() { return !state_.cluster || state_.cluster->engine().is_up(); }

void ProxyService::take_over(const std::vector<std::string>& words) {
    Directory::Names names;
    const SettingsPtr settings = state_.settings();
    for (const std::string& word : words) {
        if (word.empty()) continue;
        switch (word.front()) {
            case kTopic: names.topics.push_back(word.substr(1)); break;
            case kPattern: names.patterns.push_back(word.substr(1)); break;
            case kProofs:
            case kProofsOfPeer: take_proofs(settings->gatekeeper, word); break;
            default: break;  // of a newer version
        }
    }
    if (!words.empty()) state_.directory.inherit(names);
    acceptor_->hold(false);
}

void ProxyService::drain() {
    acceptor_->close();
    if (!state_.handed_over) {
        end_service(false);
        return;
    }
    state_.spares.shed();
    tell_outs(true);
    stay_.emplace(workers_.main().executor());
    stay_->expires_after(kHandOverStay);
    stay_->async_wait([this](std::error_code) {
        stay_.reset();
        end_service(true);
    });
}

/// Outs of 0.0.1 understand no notice. Where another process serves they have to go there.
void ProxyService::tell_outs(bool at_once) {
    for (const auto& registration : state_.directory.all()) {
        registration->notify(NoticeCode::draining, "proxy is ending", at_once);
    }
}

void ProxyService::end_service(bool is_replaced) {
    state_.draining = true;
    state_.spares.close();
    state_.passed_on.drain();
    if (state_.cluster) {
        state_.cluster->close();
        // For the others the two are one proxy, and what they ask for is at the next process now.
        if (is_replaced) state_.cluster->leave();
    }
    state_.directory.close();
    for (const auto& registration : state_.directory.all()) {
        registration->pool->close();
        if (is_replaced && !registration->ext) registration->end();
    }
    tell_outs(is_replaced);
}

}  // namespace inout::proxy
