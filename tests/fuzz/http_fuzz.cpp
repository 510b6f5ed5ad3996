// Bytes read as an HTTP request, whole and cut: no more is taken than may be, what is read does not
// depend on the cut, and what passes keeps the rules; and what its query says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/admin/gate.hpp"
#include "common/admin/query.hpp"
#include "common/admin/request.hpp"
#include "common/base/limits.hpp"
#include "demand.hpp"

namespace {

using namespace inout;
using namespace inout::admin;

/// An escape stands for each byte, and stands for it again.
void look_at_query(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto query = Query::parse(text, {"id", "topic"});
    if (query) {
        const auto escapes = std::count(text.begin(), text.end(), '%');
        std::size_t size = 0;
        for (const char* key : {"id", "topic"}) {
            const std::string* const value = query->find(key);
            if (value == nullptr) continue;
            size += value->size();
            std::string escaped;
            for (const char c : *value) {
                const auto byte = static_cast<unsigned char>(c);
                escaped += {'%', kDigits[byte / 16], kDigits[byte % 16]};
            }
            demand(percent_decoded(escaped) == *value);
        }
        demand(size + 2 * static_cast<std::size_t>(escapes) <= text.size());
        demand(query->find("other") == nullptr);
    } else {
        demand(!query.error().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t step = 1 + data[0] % 64;
    const std::string_view text = text_of(data, size).substr(1);
    RequestReader whole, cut;
    const std::size_t taken = whole.feed(text);
    demand(taken <= text.size() && taken <= kAdminRequestMaxBytes + 1);
    std::size_t at = 0;
    while (at < text.size() && !cut.is_over()) {
        const std::size_t n = cut.feed(text.substr(at, step));
        demand(n > 0 || cut.is_over());
        at += n;
    }
    demand(whole.is_over() == cut.is_over());
    if (!whole.is_over()) return 0;
    demand((whole.failure() == 0) == (cut.failure() == 0));
    if (whole.failure() != 0) return 0;
    const Request &one = whole.request(), &other = cut.request();
    demand(one.method == other.method && one.target == other.target);
    demand(one.fields.size() == other.fields.size() && one.fields.size() <= kAdminFieldsMax);
    if (!one.has_body) demand(at == taken);
    const Gate gate{.hosts = {"*.example"}, .any_address = data[0] >= 128};
    for (const Purpose purpose : {Purpose::reading, Purpose::acting}) {
        (void)gate.refuse(one, purpose);
    }
    look_at_query(one.query());
    return 0;
}
