#include "common/cluster/address_book.hpp"

#include <algorithm>
#include <utility>

namespace inout::cluster {

void AddressBook::ask(StreamId waiter, const std::string& proxy, bool is_up, Clock::time_point now,
                      Effects& effects, Told& told) {
    const auto known = known_.find(proxy);
    if (known != known_.end() && (!is_up || now - known->second.at < kAddressFresh)) {
        return void(told.emplace_back(waiter, known->second.address));
    }
    if (!is_up || !is_name(proxy)) return void(told.emplace_back(waiter, std::string()));
    for (auto& [number, question] : questions_) {
        if (question.proxy == proxy) return question.waiters.push_back(waiter);
    }
    if (questions_.size() >= kAddressQuestionsMax) {
        return void(told.emplace_back(waiter, std::string()));
    }
    const std::uint64_t number = next_++;
    Question& question = questions_[number];
    question.proxy = proxy;
    question.waiters.push_back(waiter);
    send(number, question, now, effects);
}

void AddressBook::leave(StreamId waiter) {
    for (auto& [number, question] : questions_) std::erase(question.waiters, waiter);
}

void AddressBook::send(std::uint64_t number, Question& question, Clock::time_point now,
                       Effects& effects) {
    question.until = now + kAddressPauses[question.sent++];
    effects.operations.push_back({Operation::Kind::publish, subjects_.proxy(question.proxy),
                                  subjects_.answer(inbox_, number),
                                  encode(cluster::Question{proxy_})});
}

void AddressBook::heard(std::uint64_t number, std::string_view body, Clock::time_point now,
                        Told& told) {
    const auto asked = questions_.find(number);
    const auto answer = decode_answer(body);
    if (asked == questions_.end() || !answer || answer->match != Match::exact) return;
    if (answer->proxy != asked->second.proxy) return;
    remember(answer->proxy, answer->address, now);
    for (const StreamId waiter : asked->second.waiters) told.emplace_back(waiter, answer->address);
    questions_.erase(asked);
}

void AddressBook::remember(const std::string& proxy, const std::string& address,
                           Clock::time_point now) {
    if (!known_.contains(proxy) && known_.size() >= kPeersMax) {
        known_.erase(std::min_element(known_.begin(), known_.end(),
                                      [](auto& a, auto& b) { return a.second.at < b.second.at; }));
    }
    known_.insert_or_assign(proxy, Known{address, now});
}

std::optional<Clock::time_point> AddressBook::next_tick() const {
    std::optional<Clock::time_point> next;
    for (const auto& [number, question] : questions_) {
        if (!next || question.until < *next) next = question.until;
    }
    return next;
}

void AddressBook::tick(Clock::time_point now, Effects& effects, Told& told) {
    for (auto each = questions_.begin(); each != questions_.end();) {
        auto& [number, question] = *each;
        if (question.until > now) {
            ++each;
        } else if (question.sent < std::size(kAddressPauses) && !question.waiters.empty()) {
            send(number, question, now, effects);
            ++each;
        } else {
            for (const StreamId waiter : question.waiters) told.emplace_back(waiter, std::string());
            each = questions_.erase(each);
        }
    }
}

}  // namespace inout::cluster
