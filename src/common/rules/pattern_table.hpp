// PatternTable: values by topic patterns, and of those whose pattern matches a topic the one with
// the most specific pattern.
//
// Of two patterns that match the same topic the more specific one is told word by word, from the
// left: a literal comes before `*`, and both before `#`; a pattern that has ended comes before one
// that goes on with `#`. Behind a `#` in both, the one with more words comes first, and then again
// word by word. So the order is total and does not depend on the topic.
//
// A trie over words: a `#` leads to a second one, over the words behind it from the right. No node
// is looked at twice for one topic. A look-up allocates nothing. Not thread-safe: its owner locks.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/base/limits.hpp"
#include "common/rules/topic_pattern.hpp"

namespace inout {

/// The words of a topic or a pattern, without any memory of their own.
class TopicWords {
  public:
    /// `text`: at most kTopicMaxBytes long; must outlive this.
    explicit TopicWords(std::string_view text) {
        while (true) {
            const std::size_t dot = text.find('.');
            words_[count_++] = text.substr(0, dot);
            if (dot == text.npos) return;
            text.remove_prefix(dot + 1);
        }
    }
    std::size_t count() const { return count_; }
    std::string_view operator[](std::size_t i) const { return words_[i]; }

  private:
    std::array<std::string_view, kTopicMaxBytes + 1> words_;
    std::size_t count_ = 0;
};

template <class Value>
class PatternTable {
  public:
    /// The value of this very pattern; nullptr: it is not here.
    Value* find(std::string_view pattern) {
        Node* node = &root_;
        walk(pattern, [&node](std::string_view word) {
            node = node != nullptr ? child(*node, word) : nullptr;
        });
        return node != nullptr && node->value ? &*node->value : nullptr;
    }
    const Value* find(std::string_view pattern) const {
        return const_cast<PatternTable*>(this)->find(pattern);
    }

    /// `pattern`: one that TopicPattern::parse takes, and not here yet. If memory runs out nothing
    /// has changed.
    Value& emplace(std::string_view pattern, Value value) try {
        Node* node = &root_;
        walk(pattern, [&node](std::string_view word) { node = &made_child(*node, word); });
        node->value.emplace(std::move(value));
        ++size_;
        return *node->value;
    } catch (...) {
        prune(pattern);
        throw;
    }

    /// Nothing happens if it is not here.
    void erase(std::string_view pattern) {
        if (find(pattern) == nullptr) return;
        Node* node = &root_;
        walk(pattern, [&node](std::string_view word) { node = child(*node, word); });
        node->value.reset();
        --size_;
        prune(pattern);
    }

    /// The value of the most specific pattern that matches; nullptr: none does.
    const Value* best(std::string_view topic) const {
        if (size_ == 0) return nullptr;
        const TopicWords words(topic);
        return forward(root_, words, 0);
    }

    /// `visit(value)` for each, in no order.
    template <class Visit>
    void each(Visit visit) const {
        each(root_, visit);
    }
    std::size_t size() const { return size_; }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const {
            return std::hash<std::string_view>{}(s);
        }
    };
    struct Node {
        std::unordered_map<std::string, std::unique_ptr<Node>, Hash, std::equal_to<>> literals;
        std::unique_ptr<Node> star;
        std::unique_ptr<Node> hash;  // the words behind it, the last one first
        std::optional<Value> value;

        bool is_empty() const { return literals.empty() && !star && !hash && !value; }
    };

    /// Each word of a pattern in the order in which the trie has them.
    template <class Visit>
    static void walk(std::string_view pattern, Visit visit) {
        const TopicWords words(pattern);
        std::size_t at = 0;
        while (at < words.count() && words[at] != "#") visit(words[at++]);
        if (at == words.count()) return;
        visit(words[at++]);
        for (std::size_t end = words.count(); end > at; --end) visit(words[end - 1]);
    }

    static const Node* literal(const Node& node, std::string_view word) {
        const auto found = node.literals.find(word);
        return found != node.literals.end() ? found->second.get() : nullptr;
    }
    static Node* child(Node& node, std::string_view word) {
        if (word == "*") return node.star.get();
        if (word == "#") return node.hash.get();
        return const_cast<Node*>(literal(node, word));
    }
    static Node& made_child(Node& node, std::string_view word) {
        if (Node* const there = child(node, word)) return *there;
        auto fresh = std::make_unique<Node>();
        Node& made = *fresh;
        if (word == "*") {
            node.star = std::move(fresh);
        } else if (word == "#") {
            node.hash = std::move(fresh);
        } else {
            node.literals.emplace(word, std::move(fresh));
        }
        return made;
    }

    template <class Visit>
    static void each(const Node& node, Visit& visit) {
        if (node.value) visit(*node.value);
        for (const auto& [word, next] : node.literals) each(*next, visit);
        if (node.star) each(*node.star, visit);
        if (node.hash) each(*node.hash, visit);
    }

    /// Takes out what leads to no value, along the way of this pattern.
    void prune(std::string_view pattern) {
        std::array<std::pair<Node*, std::string_view>, kPatternWordsMax> way;
        std::size_t length = 0;
        Node* node = &root_;
        walk(pattern, [&](std::string_view word) {
            if (node == nullptr) return;
            way[length++] = {node, word};
            node = child(*node, word);
        });
        for (; length > 0; --length) {
            auto& [parent, word] = way[length - 1];
            const Node* const last = child(*parent, word);
            if (last != nullptr && !last->is_empty()) return;
            if (word == "*") {
                parent->star.reset();
            } else if (word == "#") {
                parent->hash.reset();
            } else if (const auto found = parent->literals.find(word);
                       found != parent->literals.end()) {
                parent->literals.erase(found);
            }
        }
    }

    static const Value* forward(const Node& node, const TopicWords& words, std::size_t at) {
        if (at == words.count()) {
            if (node.value) return &*node.value;
        } else {
            const Node* const next = node.literals.empty() ? nullptr : literal(node, words[at]);
            if (next != nullptr) {
                if (const Value* found = forward(*next, words, at + 1)) return found;
            }
            if (node.star) {
                if (const Value* found = forward(*node.star, words, at + 1)) return found;
            }
        }
        if (!node.hash) return nullptr;
        Best best;
        backward(*node.hash, words, at, words.count(), {}, best);
        return best.value;
    }

    /// How specific what stands behind a `#` is.
    struct Rank {
        std::size_t words = 0;
        std::uint32_t stars = 0;  // a bit for each, the leftmost word's is the highest

        bool is_before(const Rank& other) const {
            return words != other.words ? words > other.words : stars < other.stars;
        }
    };
    static_assert(kPatternWordsMax <= 32);
    struct Best {
        const Value* value = nullptr;
        Rank rank{};
    };

    /// The words from `begin` to `end` are left, of which the `#` takes what nobody wants.
    static void backward(const Node& node, const TopicWords& words, std::size_t begin,
                         std::size_t end, Rank rank, Best& best) {
        if (node.value && (best.value == nullptr || rank.is_before(best.rank))) {
            best = {&*node.value, rank};
        }
        if (begin == end) return;
        const Node* const next = node.literals.empty() ? nullptr : literal(node, words[end - 1]);
        const Rank longer{rank.words + 1, rank.stars};
        if (next != nullptr) backward(*next, words, begin, end - 1, longer, best);
        if (!node.star) return;
        const std::uint32_t star = std::uint32_t{1} << rank.words;
        backward(*node.star, words, begin, end - 1, {longer.words, longer.stars | star}, best);
    }

    Node root_;
    std::size_t size_ = 0;
};

}  // namespace inout
