#include "common/config/types.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/config/advice.hpp"
#include "common/config/fields.hpp"
#include "common/config/text_hints.hpp"

namespace inout {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// Writes fields as FieldReader reads them.
class FieldWriter {
  public:
    explicit FieldWriter(OrderedJson& object) : object_(object) { object_ = OrderedJson::object(); }

    template <class Check>
    void text(std::string_view key, const std::string& text, Check, Need = Need::optional) {
        // No key may be empty: such a text is a key that is not there.
        if (!text.empty()) put(key, text);
    }
    void host(std::string_view key, const std::string& host, Need = Need::optional) {
        text(key, host, nullptr);
    }
    void port(std::string_view key, std::uint16_t port, std::uint16_t, Need) { put(key, port); }
    void listener(std::string_view key, const std::string& host) { text(key, host, nullptr); }
    void duration(std::string_view key, Milliseconds time, Range) { put(key, time.count()); }
    void duration_near(std::string_view key, Milliseconds time, Range, std::int64_t) {
        put(key, time.count());
    }
    template <class Unsigned>
    void count(std::string_view key, Unsigned amount, Range) {
        put(key, amount);
    }
    template <class Enum>
    void choice(std::string_view key, Enum chosen, std::span<const std::string_view> names) {
        put(key, names[static_cast<std::size_t>(chosen)]);
    }
    template <class Enum>
    void choice(std::string_view key, std::optional<Enum> chosen,
                std::span<const std::string_view> names) {
        if (chosen) choice(key, *chosen, names);
    }
    void duration(std::string_view key, std::optional<Milliseconds> time, Range range) {
        if (time) duration(key, *time, range);
    }
    void flag(std::string_view key, bool value) { put(key, value); }
    template <class Value>
    void value(std::string_view key, const Value& value, Need = Need::optional) {
        put(key, value.text());
    }
    static bool has_place(std::string_view, bool written) { return written; }
    template <class Value>
    void amount(std::string_view key, const std::optional<Value>& amount, Need = Need::optional) {
        if (amount) put(key, amount->text());
    }
    template <class Value>
    void values(std::string_view key, const std::vector<Value>& values, Range) {
        OrderedJson& array = object_[std::string(key)] = OrderedJson::array();
        for (const Value& value : values) array.push_back(value.text());
    }
    template <class Value>
    void values(std::string_view key, const std::optional<std::vector<Value>>& list, Range range) {
        if (list) values(key, *list, range);
    }
    template <class Visit>
    void object(std::string_view key, Visit visit) {
        FieldWriter fields(object_[std::string(key)]);
        visit(fields);
    }
    template <class Object, class Visit>
    void object(std::string_view key, std::optional<Object>& object, Visit visit) {
        if (!object) return;
        FieldWriter fields(object_[std::string(key)]);
        visit(fields, *object);
    }
    template <class Item, class Visit>
    void list(std::string_view key, std::vector<Item>& items, Range, Visit visit) {
        OrderedJson& array = object_[std::string(key)] = OrderedJson::array();
        for (Item& item : items) {
            FieldWriter fields(array.emplace_back());
            visit(fields, item);
        }
    }

    /// Nothing is checked on the way out.
    static bool good(std::initializer_list<std::string_view>) { return false; }
    template <class Number>
    static void at_most(std::string_view, Number, std::string_view, Number) {}
    static std::string path() { return {}; }
    static void complain(std::string_view, std::string_view) {}
    static void warn(std::string_view, std::string_view) {}
    static bool absent(std::string_view) { return false; }
    static bool is_there(std::string_view, bool given) { return given; }
    static bool has(std::string_view) { return false; }
    static bool is_object(std::string_view, bool written) { return written; }

  private:
    template <class Value>
    void put(std::string_view key, const Value& value) {
        object_[std::string(key)] = value;
    }
    OrderedJson& object_;
};

// --- in and out ---

template <class Config>
Result<Config, ConfigProblems> parse(std::string_view text, std::string_view file,
                                     std::string_view program, ConfigWarnings* warnings) {
    if (text.size() > kConfigMaxBytes) {
        return Failure{ConfigProblems{std::string(file) + ": is larger than " +
                                      std::to_string(kConfigMaxBytes) + " bytes"}};
    }
    const std::string_view whole = text;
    // Editors on Windows put a byte order mark in front; RFC 8259, 8.1 allows to ignore it.
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);

    Problems problems(text, file);
    Config config;
    const auto document = parse_json_document(text);
    if (!document) {
        const auto other = other_format(whole);
        problems.add(other ? text.substr(0, 1) : document.error().where, "",
                     other ? *other : document.error().what);
    } else if (document.value().kind != JsonValue::Kind::object) {
        problems.add(document.value().source, "", "the configuration must be an object, { … }");
    } else {
        FieldReader fields(document.value(), "", problems);
        visit(fields, config);
        fields.finish();
        const auto meant = written_for(document.value());
        if (!problems.empty() && meant && *meant != program) {
            Problems one(text, file);  // the others would only repeat it
            one.add(document.value().source, "",
                    "this is a configuration of " + std::string(*meant) + ", and this program is " +
                        std::string(program));
            return Failure{one.lines()};
        }
        if (problems.empty()) visit_advice(fields, config);
    }
    if (!problems.empty()) return Failure{problems.lines()};
    if (warnings != nullptr) *warnings = problems.warnings();
    return config;
}

template <class Config>
std::string write(Config config) {
    OrderedJson object;
    FieldWriter fields(object);
    visit(fields, config);
    // A value that did not come from a file may hold bytes that are not UTF-8: mended, not thrown
    // at.
    return object.dump(4, ' ', false, OrderedJson::error_handler_t::replace);
}

template <class Enum, std::size_t size>
std::optional<Enum> from_name(const std::string_view (&names)[size], std::string_view name) {
    const auto index = find_choice(names, name);
    return index ? std::optional(static_cast<Enum>(*index)) : std::nullopt;
}

HostPort loopback(std::uint16_t port) { return {"127.0.0.1", port}; }

}  // namespace

Result<InConfig, ConfigProblems> parse_in_config(std::string_view text, std::string_view file,
                                                 ConfigWarnings* warnings) {
    return parse<InConfig>(text, file, "in", warnings);
}
Result<OutConfig, ConfigProblems> parse_out_config(std::string_view text, std::string_view file,
                                                   ConfigWarnings* warnings) {
    return parse<OutConfig>(text, file, "out", warnings);
}
Result<ProxyConfig, ConfigProblems> parse_proxy_config(std::string_view text, std::string_view file,
                                                       ConfigWarnings* warnings) {
    return parse<ProxyConfig>(text, file, "proxy", warnings);
}

InConfig default_in_config() {
    InConfig config;
    config.networks.push_back({loopback(40'001), loopback(40'002), "default"});
    return config;
}
OutConfig default_out_config() {
    OutConfig config;
    config.networks.push_back({loopback(40'001), loopback(40'003), "default"});
    return config;
}
ProxyConfig default_proxy_config() { return {}; }

std::vector<BackendOptions> backends_of(const OutNetwork& network) {
    if (!network.backends.empty()) return network.backends;
    BackendOptions only;
    only.address = {network.backend, network.backend_unix, network.exit.has_value()};
    return {std::move(only)};
}

std::string place_text(const InNetwork& network) {
    if (!network.bind_unix.empty()) return "unix:" + network.bind_unix;
    const std::string text = to_string(network.listen);
    return network.ports ? text.substr(0, text.rfind(':') + 1) + network.ports->text() : text;
}

std::vector<AddressRange> default_trusted() {
    return {AddressRange::parse("127.0.0.0/8").value(), AddressRange::parse("::1").value()};
}

std::string to_json(const InConfig& config) { return write(config); }
std::string to_json(const OutConfig& config) { return write(config); }
std::string to_json(const ProxyConfig& config) { return write(config); }

std::optional<log::Level> parse_log_level(std::string_view name) {
    return from_name<log::Level>(kLevelNames, name);
}
std::string_view to_string(log::Level level) {
    return kLevelNames[static_cast<std::size_t>(level)];
}
std::optional<log::Format> parse_log_format(std::string_view name) {
    return from_name<log::Format>(kFormatNames, name);
}

}  // namespace inout
