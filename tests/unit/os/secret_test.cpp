// Secrets stay in memory and in files that only their owner can read.
#include "common/base/secret.hpp"
#include "common/os/secret_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <type_traits>

#include "common/base/limits.hpp"
#include "common/os/file.hpp"

namespace inout::secret_test {
namespace {

namespace fs = std::filesystem;

const std::string kText = "sixteen bytes ok";

template <class T>
constexpr bool kPrintable = requires(std::ostream& out, const T& value) {
    out << value;
};
static_assert(kPrintable<std::string> && !kPrintable<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);

/// A directory of its own for each test, with one file.
class SecretFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "secret-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = name + "/key";
    }
    void TearDown() override { fs::remove_all(directory_); }

    void write(const std::string& content, mode_t mode = 0600) {
        fs::remove(path_);
        std::ofstream(path_, std::ios::binary) << content;
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    }
    /// The secret, or why there is none.
    std::string read() const {
        const auto secret = read_secret_file(path_);
        return secret ? std::string(secret->bytes()) : secret.error();
    }
    std::string content() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    mode_t mode() const {
        struct stat status {};
        return ::stat(path_.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
    }

    std::string directory_, path_;
};

TEST(Secret, copies_are_equal_and_a_moved_one_is_empty) {
    Secret secret("short");
    Secret copy = secret;
    EXPECT_EQ(copy.bytes(), "short");
    const Secret moved = std::move(secret);
    EXPECT_EQ(moved.bytes(), "short");
    EXPECT_EQ(secret.bytes(), "");  // NOLINT(bugprone-use-after-move)
    copy = Secret("another");
    EXPECT_EQ(copy.bytes(), "another");
    EXPECT_EQ(Secret().bytes(), "");
}

TEST_F(SecretFile, is_any_text_without_one_final_newline) {
    for (const std::string end : {"", "\n", "\r\n"}) {
        write(kText + end);
        EXPECT_EQ(read(), kText);
    }
    write(kText + "\n\n");
    EXPECT_EQ(read(), kText + "\n");
    write(kText + "\r");
    EXPECT_EQ(read(), kText + "\r");
    write("\n" + kText + std::string("\0\xff", 2));
    EXPECT_EQ(read(), "\n" + kText + std::string("\0\xff", 2));
}

TEST_F(SecretFile, has_16_to_4096_bytes_the_newline_not_counted) {
    write(std::string(15, 'x') + "\n");
    EXPECT_EQ(read(), "is too short to be a secret: 15 bytes, at least 16 are needed");
    write("");
    EXPECT_EQ(read(), "is too short to be a secret: 0 bytes, at least 16 are needed");
    write(std::string(kSecretMaxBytes, 'x') + "\r\n");
    EXPECT_EQ(read(), std::string(kSecretMaxBytes, 'x'));
    for (const std::size_t more : {1U, 2U, 3U, 100'000U}) {
        write(std::string(kSecretMaxBytes + more, 'x') + "\r\n");
        EXPECT_EQ(read(), "is too long to be a secret: at most 4096 bytes are allowed");
    }
}

TEST_F(SecretFile, is_refused_when_others_can_read_or_write_it) {
    write(kText, 0644);
    EXPECT_EQ(read(), "can be read by others (mode 0644): chmod 600");
    write(kText, 0604);
    EXPECT_EQ(read(), "can be read by others (mode 0604): chmod 600");
    write(kText, 0602);
    EXPECT_EQ(read(), "can be changed by others (mode 0602): chmod 600");
    write(kText, 0620);
    EXPECT_EQ(read(), "can be changed by its group (mode 0620): chmod 600");
    write(kText, 0400);
    EXPECT_EQ(read(), kText);
}

TEST_F(SecretFile, may_be_read_by_its_group_only_if_it_belongs_to_root) {
    for (const mode_t mode : {mode_t{0640}, mode_t{0440}}) {
        write(kText, mode);
        if (::geteuid() == 0) {
            EXPECT_EQ(read(), kText);
        } else {
            EXPECT_TRUE(read().starts_with("can be read by its group")) << read();
        }
    }
}

TEST_F(SecretFile, of_somebody_else_is_not_ours) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    constexpr uid_t kNobody = 65'534;
    for (const mode_t mode : {mode_t{0600}, mode_t{0440}}) {
        write(kText, mode);
        ASSERT_EQ(::chown(path_.c_str(), kNobody, static_cast<gid_t>(-1)), 0);
        EXPECT_TRUE(read().starts_with("belongs to the user 65534")) << read();
    }
}

TEST_F(SecretFile, is_what_a_link_leads_to) {
    write(kText);
    fs::rename(path_, directory_ + "/target");
    fs::create_symlink("target", path_);
    EXPECT_EQ(read(), kText);
    ASSERT_EQ(::chmod((directory_ + "/target").c_str(), 0644), 0);
    EXPECT_EQ(read(), "can be read by others (mode 0644): chmod 600");
}

TEST_F(SecretFile, a_tls_key_may_be_read_by_its_group_and_a_certificate_by_everybody) {
    const auto problem = [&](FileAudience audience, mode_t mode, std::size_t max_bytes = 100) {
        write(kText, mode);
        const auto content = read_file(path_, audience, max_bytes);
        return content ? std::string(content->bytes()) : content.error();
    };
    EXPECT_EQ(problem(FileAudience::group, 0640), kText);
    EXPECT_EQ(problem(FileAudience::group, 0660),
              "can be changed by its group (mode 0660): chmod 600");
    EXPECT_EQ(problem(FileAudience::group, 0644), "can be read by others (mode 0644): chmod 600");
    EXPECT_EQ(problem(FileAudience::everybody, 0666), kText);
    EXPECT_EQ(problem(FileAudience::everybody, 0644, kText.size()), kText);
    EXPECT_EQ(problem(FileAudience::everybody, 0644, kText.size() - 1), "is longer than 15 bytes");
}

TEST(Secrets, are_a_new_key_only_as_the_program_writes_it) {
    const std::string key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    EXPECT_TRUE(is_new_key(Secret(key)));
    for (const std::string& other :
         {key.substr(1), key + "0", std::string(64, '0'), std::string(63, 'a') + "b",
          std::string(60, 'x') + "0123", std::string("correct horse battery staple")}) {
        EXPECT_FALSE(is_new_key(Secret(other))) << other;
    }
}

TEST(Secrets, are_guessable_if_short_or_of_few_characters) {
    EXPECT_FALSE(is_guessable(Secret("0123456789abcdef0123456789abcdef")));
    EXPECT_FALSE(is_guessable(Secret("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ")));
    EXPECT_TRUE(is_guessable(Secret("0123456789abcdef0123456789abcde")));
    EXPECT_TRUE(is_guessable(Secret(std::string(1'000, 'x'))));
    EXPECT_TRUE(is_guessable(Secret("our office secret")));
}

TEST_F(SecretFile, must_be_a_file_and_never_keeps_the_program_waiting) {
    EXPECT_EQ(read(), "can not be opened: No such file or directory");
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(read(), "is not a regular file");
    fs::remove(path_);
    fs::create_directory(path_);
    EXPECT_EQ(read(), "is a directory, not a regular file");
}

TEST_F(SecretFile, a_new_one_belongs_to_its_owner_alone_whatever_the_umask) {
    for (const mode_t mask : {mode_t{0}, mode_t{0777}, mode_t{022}}) {
        fs::remove(path_);
        const mode_t before = ::umask(mask);
        const auto problem = write_new_secret_file(path_, kText + "\n");
        ::umask(before);
        EXPECT_EQ(problem, std::nullopt);
        EXPECT_EQ(mode(), 0600U) << mask;
        EXPECT_EQ(content(), kText + "\n");
        EXPECT_EQ(read(), kText);
    }
}

TEST_F(SecretFile, a_new_one_never_replaces_anything) {
    write("precious", 0644);
    EXPECT_EQ(write_new_secret_file(path_, kText), "exists already");
    EXPECT_EQ(content(), "precious");
    EXPECT_EQ(mode(), 0644U);
    fs::remove(path_);
    const std::string target = directory_ + "/elsewhere";
    fs::create_symlink(target, path_);
    EXPECT_EQ(write_new_secret_file(path_, kText), "exists already");
    EXPECT_FALSE(fs::exists(target));
    EXPECT_EQ(write_new_secret_file(directory_ + "/no/key", kText),
              "can not be created: No such file or directory");
}

}  // namespace
}  // namespace inout::secret_test
