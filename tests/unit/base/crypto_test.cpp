// The published test vectors, and that each value has exactly one text.
#include "common/base/crypto.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace inout::crypto_test {
namespace {

std::string hex(const Digest& digest) { return to_hex(bytes_of(digest)); }

/// The bytes from `first` to `last`, as RFC 5869 has them.
std::string counting(int first, int last) {
    std::string bytes;
    for (int byte = first; byte <= last; ++byte) bytes += static_cast<char>(byte);
    return bytes;
}

TEST(Crypto, sha256_is_that_of_the_standard) {  // FIPS 180-2, B.1
    EXPECT_EQ(hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Crypto, hmac_is_that_of_rfc_4231) {
    EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                              "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Crypto, hmac_keeps_nothing_of_the_key_before) {
    const Digest before = hmac_sha256("one", "data");
    EXPECT_NE(hmac_sha256({}, "data"), before) << "an empty key is a key";
    EXPECT_NE(hmac_sha256("two", "data"), before);
    EXPECT_EQ(hmac_sha256("one", "data"), before);
    Digest elsewhere{};
    std::thread([&] { elsewhere = hmac_sha256("one", "data"); }).join();
    EXPECT_EQ(elsewhere, before);
}

TEST(Crypto, hkdf_is_that_of_rfc_5869) {
    EXPECT_EQ(hex(hkdf_sha256(std::string(22, '\x0b'), counting(0, 0x0c), counting(0xf0, 0xf9))),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    EXPECT_EQ(hex(hkdf_sha256(counting(0, 0x4f), counting(0x60, 0xaf), counting(0xb0, 0xff))),
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
    EXPECT_EQ(hex(hkdf_sha256(std::string(22, '\x0b'), {}, {})),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(Crypto, comparison_sees_every_byte_and_the_length) {
    const std::string text(32, 'x');
    EXPECT_TRUE(equal_in_constant_time(text, std::string(32, 'x')));
    EXPECT_TRUE(equal_in_constant_time({}, {}));
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string other = text;
        other[at] = 'y';
        EXPECT_FALSE(equal_in_constant_time(text, other)) << at;
    }
    EXPECT_FALSE(equal_in_constant_time(text, text + 'x'));
    EXPECT_FALSE(equal_in_constant_time(text, {}));
}

TEST(Crypto, hex_leads_back_to_its_bytes_and_has_one_spelling) {
    const std::string all = counting(0, 255);
    EXPECT_EQ(to_hex(std::string_view("\x00\x9f\xff", 3)), "009fff");
    EXPECT_EQ(from_hex(to_hex(all)), all);
    EXPECT_EQ(from_hex(""), "");
    for (const auto* bad : {"0", "0g", "AB", "0x", " 0", "/0", ":0", "`0"}) {
        EXPECT_EQ(from_hex(bad), std::nullopt) << bad;
    }
}

TEST(Crypto, base64_is_that_of_rfc_4648) {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
    const std::string all = counting(0, 255);
    EXPECT_EQ(from_base64(to_base64(all)), all);
}

TEST(Crypto, base64_has_one_spelling) {
    for (const auto* bad : {"Zg", "Zg=", "Zg==\n", " Zg=", "Zg===", "====", "Z===", "Zh==", "Z-_=",
                            "Zg==Zg==", "Zm 9", "=Zg=", "Zm9v    "}) {
        EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace inout::crypto_test
