#include "proxy/allowances.hpp"

#include <algorithm>
#include <new>
#include <system_error>

#include "common/base/log.hpp"
#include "common/base/wall_clock.hpp"

namespace inout::proxy {
namespace {

constexpr std::string_view kPer[] = {"total", "month"};

bool has_quotas(const ProxyConfig& config) {
    const auto has_one = [](const auto& entry) { return entry.allowance.quota.has_value(); };
    return config.auth &&
           (std::any_of(config.auth->keys.begin(), config.auth->keys.end(), has_one) ||
            std::any_of(config.auth->certs.begin(), config.auth->certs.end(), has_one));
}

}  // namespace

Result<std::optional<QuotaLedger::Content>, std::string> Allowances::read(
    const ProxyConfig& config) const {
    if (!has_quotas(config)) return std::optional<QuotaLedger::Content>();
    return ledger_.read(config.auth->quota_file);
}

std::optional<std::string> Allowances::start(const ProxyConfig& config) try {
    if (has_quotas(config)) ledger_.start();
    return std::nullopt;
} catch (const std::system_error& error) {
    return "no threads: " + error.code().message();
}

void Allowances::take(const ProxyConfig& config, std::optional<QuotaLedger::Content> content) {
    const auto before = table_.get();
    auto table = std::make_shared<Table>();
    if (content) ledger_.open(std::move(*content));
    if (config.auth) {
        for (const KeyEntry& key : config.auth->keys) {
            add(*table, {Identity::Kind::key, key.id}, key.allowance);
        }
        for (const CertEntry& cert : config.auth->certs) {
            add(*table, {Identity::Kind::certificate, cert.name}, cert.allowance);
        }
    }
    for (const auto& [who, old] : *before) {
        const auto found = table->find(who);
        const bool stays = found != table->end();
        take_effect(stays ? found->second.options : std::nullopt, old.rates,
                    stays ? found->second.rates : Rates{});
        if (old.quota && !(stays && found->second.quota)) old.quota->set_limit(std::nullopt);
    }
    any_ = !table->empty();
    table_.set(std::move(table));
}

void Allowances::add(Table& table, const Identity& who, const AllowanceOptions& options) {
    if (!options.rate && !options.quota) return;
    const std::string name = to_string(who);
    const auto before = table_.get();
    const auto old = before->find(name);
    Allowance allowance{.options = options.rate};
    allowance.rates = rates_for(options.rate, old != before->end() ? old->second.rates : Rates{},
                                executor_.value());
    if (options.quota) {
        allowance.quota =
            ledger_.quota_of(name, [this, who](ByteQuota::Event event) { tell(who, event); });
        allowance.quota->set_limit(
            ByteQuota::Limit{options.quota->bytes->count(), options.quota->per});
    }
    table.emplace(name, std::move(allowance));
}

void Allowances::tell(const Identity& who, ByteQuota::Event event) const try {
    const auto table = table_.get();
    const Allowance* const allowance = find(*table, who);
    if (allowance == nullptr || !allowance->quota) return;
    if (event == ByteQuota::Event::refused) {
        used_up_(who, allowance->quota->why());
        return;
    }
    const auto state = allowance->quota->state(unix_time_ms());
    if (!state.limit) return;
    log::warning(event == ByteQuota::Event::nearly ? "quota nearly used up" : "quota used up",
                 {{"identity", allowance->quota->who()},
                  {"used", state.counted},
                  {"bytes", state.limit->bytes},
                  {"per", kPer[static_cast<std::size_t>(state.limit->per)]}});
} catch (const std::bad_alloc&) {
    log::lose_line();  // who moves bytes has to go on with the account of them
}

const Allowances::Allowance* Allowances::find(const Table& table, const Identity& who) const {
    if (who.kind == Identity::Kind::anonymous) return nullptr;
    const auto found = table.find(to_string(who));
    return found == table.end() ? nullptr : &found->second;
}

Reason Allowances::objection_of(const Identity& who, bool asks) const {
    const auto table = table_.get();
    const Allowance* const allowance = find(*table, who);
    if (allowance == nullptr || !allowance->quota ||
        !allowance->quota->is_used_up(unix_time_ms())) {
        return {Code::none, {}};
    }
    return {Code::quota,
            asks ? allowance->quota->why() : "the quota of who serves this topic is used up"};
}

std::optional<StreamEnd> Allowances::end_of(const Identity& asks, const Identity& serves) const {
    for (const Identity* const who : {&asks, &serves}) {
        Reason reason = objection(*who, true);
        if (reason.code == Code::none) continue;
        return StreamEnd{.cause = StreamEnd::Cause::quota, .words = std::move(reason.detail)};
    }
    return std::nullopt;
}

std::unique_ptr<StreamLimits> Allowances::limits_of(const Identity& asks,
                                                    const Identity& serves) const {
    const auto table = table_.get();
    const Allowance* const first = find(*table, asks);
    const Allowance* const second = find(*table, serves);
    auto limits = std::make_unique<StreamLimits>();
    // Who asks itself counts once.
    for (const Allowance* const each : {first, second == first ? nullptr : second}) {
        if (each == nullptr) continue;
        if (each->rates.up) limits->up.push_back(each->rates.up);
        if (each->rates.down) limits->down.push_back(each->rates.down);
        if (each->quota) limits->quotas.push_back(each->quota);
    }
    return limits->empty() ? nullptr : std::move(limits);
}

std::vector<admin::QuotaFact> Allowances::facts() const {
    std::vector<admin::QuotaFact> facts;
    const std::int64_t now = unix_time_ms();
    for (const auto& quota : ledger_.quotas()) {
        const auto state = quota->state(now);
        if (!state.limit) continue;
        admin::QuotaFact& fact = facts.emplace_back();
        fact.key = quota->who();
        fact.bytes = state.limit->bytes;
        fact.used = state.counted;
        fact.per = kPer[static_cast<std::size_t>(state.limit->per)];
        fact.closed = state.closed;
        if (state.limit->per == QuotaPer::month) {
            fact.resets_ms = begin_of_month(state.used.month + 1);
        }
    }
    return facts;
}

}  // namespace inout::proxy
