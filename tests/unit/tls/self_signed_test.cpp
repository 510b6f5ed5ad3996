#include "common/tls/self_signed.hpp"

#include <gtest/gtest.h>

#include "common/tls/pinned_key.hpp"

namespace inout::self_signed_test {
namespace {

TEST(SelfSigned, IsForItsHostAndHasItsPin) {
    for (const char* host : {"relay.example.com", "192.0.2.255", "2001:db8::ff", "localhost"}) {
        const auto made = make_self_signed(host);
        ASSERT_TRUE(made) << made.error();
        const auto known = pinned_key(made->certificate);
        ASSERT_TRUE(known) << known.error();
        EXPECT_EQ(known->host, host);
        EXPECT_EQ(known->pin, made->pin);
    }
}

TEST(SelfSigned, EachHasAKeyOfItsOwn) {
    const auto one = make_self_signed("a"), two = make_self_signed("a");
    ASSERT_TRUE(one && two);
    EXPECT_NE(one->pin, two->pin);
    EXPECT_NE(one->key, two->key);
}

TEST(PinnedKey, OfWhatIsNoCertificateThereIsNone) {
    const auto made = make_self_signed("a");
    ASSERT_TRUE(made);
    EXPECT_FALSE(pinned_key(""));
    EXPECT_FALSE(pinned_key(made->key));
    EXPECT_FALSE(pinned_key(made->certificate.substr(0, made->certificate.size() / 2)));
}

}  // namespace
}  // namespace inout::self_signed_test
