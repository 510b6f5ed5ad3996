// The tries of an open against a naive model, over every course that five of them can take.
#include "proxy/tries.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace inout::proxy::tries_test {
namespace {

using Next = OutTries::Next;
using Verdict = Activation::Verdict;
using namespace std::chrono_literals;

constexpr std::size_t kDepth = 5;
const Clock::time_point kStart{}, kGiveUpAt = kStart + 10s;

/// Where the client's first bytes are when an out has answered, or has not.
enum class Bytes { none, kept, lost };

/// What happens to one try.
struct Course {
    bool ext;
    Bytes bytes;
    Activation answer;
    bool late;  ///< the open's time is over then
};

/// All that can follow where the bytes are `so_far`: they do not leave, and are not found again.
std::vector<Course> make_courses(Bytes so_far) {
    std::vector<Activation> answers{{Verdict::open}, {Verdict::dead}};
    answers.push_back({.verdict = Verdict::dead, .untouched = true});
    answers.push_back({Verdict::refused, {Code::open_timeout, "silent"}});
    for (const bool untouched : {false, true}) {
        answers.push_back({Verdict::draining, {Code::draining, "ending"}, untouched});
        answers.push_back({Verdict::refused, {Code::backend_refused, "no"}, untouched});
        answers.push_back({Verdict::refused, {Code::e2e, "no key"}, untouched});
    }
    std::vector<Course> all;
    for (const bool ext : {false, true}) {
        for (const Bytes bytes : {Bytes::none, Bytes::kept, Bytes::lost}) {
            if (bytes < so_far) continue;
            for (const Activation& answer : answers) {
                // judge() makes none of these.
                if (!ext && (answer.untouched || answer.verdict == Verdict::draining)) continue;
                for (const bool late : {false, true}) all.push_back({ext, bytes, answer, late});
            }
        }
    }
    return all;
}

const std::vector<Course>& courses(Bytes so_far) {
    static const std::vector<Course> all[] = {make_courses(Bytes::none), make_courses(Bytes::kept),
                                              make_courses(Bytes::lost)};
    return all[static_cast<std::size_t>(so_far)];
}

/// What a stream has met so far, in the simplest words.
struct Model {
    std::size_t asked = 0;          ///< that were no dead connections
    std::size_t in_asked = 0;       ///< by other requests of in
    bool backend_may_have = false;  ///< somebody's backend may have bytes of this client
    Bytes bytes = Bytes::none;
    std::vector<Code> refusals;

    Next expected(const Course& course) {
        bytes = course.bytes;
        if (course.answer.verdict == Verdict::open) {
            ++asked;
            return Next::open;
        }
        const bool passed = bytes != Bytes::none;
        if (passed && !course.answer.untouched) backend_may_have = true;
        const bool may_be_sent_again = !passed || (!backend_may_have && bytes == Bytes::kept);
        if (course.answer.verdict == Verdict::dead) {
            if (!may_be_sent_again) {
                ++asked;
                refusals.push_back(Code::no_out);
            }
            return may_be_sent_again && !course.late ? Next::same_out : Next::none;
        }
        ++asked;
        refusals.push_back(course.answer.refusal.code);
        const Code code = course.answer.refusal.code;
        const bool another_may_say_yes = code == Code::backend_refused || code == Code::draining ||
                                         (!course.ext && code != Code::open_timeout);
        const bool safe = may_be_sent_again && (course.ext || !passed);
        return safe && another_may_say_yes && !course.late && asked + in_asked < 5 ? Next::other
                                                                                   : Next::none;
    }
    Code code() const {
        for (const Code each : refusals) {
            if (each != Code::draining) return each;
        }
        return refusals.empty() ? Code::unknown : Code::draining;
    }
};

struct Seen {
    std::size_t courses = 0, wrong = 0;
    std::string first_wrong;
};

std::string words(const std::vector<const Course*>& path) {
    std::string text;
    for (const Course* course : path) {
        text += ' ' + std::to_string(static_cast<int>(course->answer.verdict)) +
                std::string(to_string(course->answer.refusal.code)) +
                (course->answer.untouched ? "!" : "") + (course->ext ? "" : " of 0.0.1") +
                " bytes " + std::to_string(static_cast<int>(course->bytes)) +
                (course->late ? " late;" : ";");
    }
    return text;
}

void follow(const OutTries& tries, const Tried& tried, const Model& model,
            std::vector<const Course*>& path, Seen& seen) {
    for (const Course& course : courses(model.bytes)) {
        OutTries now_tries = tries;
        Tried now_tried = tried;
        Model now_model = model;
        const OutTries::Facts facts{.ext = course.ext,
                                    .passed = course.bytes != Bytes::none,
                                    .kept = course.bytes != Bytes::lost};
        const auto now = course.late ? kGiveUpAt : kStart;
        const RegistrationId id = path.size() + 1;
        const Next next = now_tries.after(course.answer, facts, id, now_tried, now);
        const Next expected = now_model.expected(course);
        ++seen.courses;
        const bool goes_on = next == Next::other || next == Next::same_out;
        const bool is_right =
            next == expected && now_tries.count() == now_model.asked &&
            now_tries.count() + now_model.in_asked <= 5 &&
            now_tries.is_untouched() == !now_model.backend_may_have &&
            !(goes_on && (now_model.backend_may_have || course.late)) &&
            now_tried.has(id, {}) ==
                (next == Next::other || course.answer.verdict == Verdict::refused ||
                 course.answer.verdict == Verdict::draining) &&
            now_tries.reason({Code::unknown, {}}).code == now_model.code();
        path.push_back(&course);
        if (!is_right && ++seen.wrong == 1) seen.first_wrong = words(path);
        if (goes_on && path.size() < kDepth) follow(now_tries, now_tried, now_model, path, seen);
        path.pop_back();
    }
}

TEST(OutTries, are_what_a_naive_model_allows_in_every_course_of_five) {
    const std::string name = "01234567";
    std::string names;
    for (std::size_t in_asked = 0; in_asked < 5; ++in_asked) {
        if (in_asked > 0) names += (names.empty() ? "" : ",") + name;
        Seen seen;
        const Model model{.in_asked = in_asked};
        std::vector<const Course*> path;
        follow(OutTries(kGiveUpAt), Tried(names), model, path, seen);
        EXPECT_EQ(seen.wrong, 0U) << seen.first_wrong << ", of " << seen.courses;
        EXPECT_GT(seen.courses, 10'000U);
    }
}

TEST(OutTries, leave_out_what_was_tried_by_this_request_or_by_others_of_in) {
    Tried tried("01234567,89abcdef");
    EXPECT_FALSE(tried.is_empty());
    EXPECT_TRUE(tried.has(1, "01234567"));
    EXPECT_TRUE(tried.has(1, "89abcdef"));
    EXPECT_FALSE(tried.has(1, "76543210"));
    EXPECT_FALSE(tried.has(1, {}));
    EXPECT_FALSE(tried.had_one());
    tried.add(1);
    EXPECT_TRUE(tried.has(1, "76543210"));
    EXPECT_TRUE(tried.had_one());
    EXPECT_FALSE(tried.is_full());
    tried.add(2);
    tried.add(3);
    EXPECT_TRUE(tried.is_full());
    tried.add(4);
    EXPECT_TRUE(Tried().is_empty());
}

TEST(OutTries, pass_over_who_may_not_have_the_stream) {
    OutTries tries(kGiveUpAt);
    Tried tried;
    const Reason why{Code::quota, "used up"};
    EXPECT_EQ(tries.passed_over(1, tried, why, kStart), Next::other);
    EXPECT_EQ(tries.passed_over(2, tried, {Code::no_topic, {}}, kGiveUpAt), Next::none);
    EXPECT_EQ(tries.reason({Code::no_out, {}}).detail, "used up");
    EXPECT_TRUE(tries.is_untouched());
}

TEST(OutTries, at_other_proxies_count_with_those_here) {
    OutTries tries(kGiveUpAt);
    Tried tried;
    const Reason refused{Code::backend_refused, "there"}, gone{Code::no_topic, "gone"};
    const auto ask = [&](const Reason& why, bool counts) {
        return tries.after_hop(why, counts, true, true, tried, kStart);
    };
    EXPECT_EQ(tries.passed_over(1, tried, {Code::quota, "here"}, kStart), Next::other);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(gone, false), Next::other) << "no out was asked";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(refused, true), Next::other);
    EXPECT_EQ(ask(refused, true), Next::none) << "of the fifth out";
    EXPECT_EQ(tries.count(), 8U);
    EXPECT_EQ(tries.reason(gone).code, Code::quota) << "the first";
    EXPECT_TRUE(tries.was_refused() && tries.is_untouched());

    OutTries lost(kGiveUpAt);
    EXPECT_EQ(lost.after_hop(gone, false, false, false, tried, kStart), Next::none);
    EXPECT_FALSE(lost.is_untouched());
    EXPECT_FALSE(lost.was_refused());
    EXPECT_EQ(lost.reason(gone).code, Code::no_topic);
}

TEST(OutTries, that_fail_for_one_stream_are_no_failures_of_the_out) {
    for (const Code code : {Code::backend_refused, Code::backend_timeout, Code::backend_unresolved,
                            Code::open_timeout, Code::limit, Code::unready, Code::no_topic}) {
        EXPECT_TRUE(is_failure_of_out(code, true)) << to_string(code);
    }
    for (const Code code : {Code::e2e, Code::draining, Code::malformed}) {
        EXPECT_FALSE(is_failure_of_out(code, true)) << to_string(code);
    }
    EXPECT_TRUE(is_failure_of_out(Code::unknown, false)) << "all that a 0.0.1 out can say";
}

}  // namespace
}  // namespace inout::proxy::tries_test
