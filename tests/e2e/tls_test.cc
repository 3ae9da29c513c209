// TLS and mutual TLS on the gRPC port.

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/auth/certificates.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;
using auth::Authority;
using auth::Certificate;
using testing::HasSubstr;

class Tls : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--tls-cert", cert_.cert, "--tls-key", cert_.key};
    arguments.insert(arguments.end(), more.begin(), more.end());
    server_ = ServerProcess::Start({.models = {}, .arguments = arguments});
    ASSERT_NE(server_, nullptr);
  }

  // One call over a new connection, which is tried once.
  absl::Status Call(std::optional<client::TlsOptions> tls) const {
    client::ClientOptions options{.tls = std::move(tls)};
    options.retry.connect_for = absl::ZeroDuration();
    return client::Client::Connect(server_->address(), std::move(options))->GetStats().status();
  }

  static client::TlsOptions Trusting(const Authority& authority) { return {.ca = ReadFile(authority.root().cert)}; }

  static client::TlsOptions As(const Certificate& caller, const Authority& authority) {
    return {.ca = ReadFile(authority.root().cert), .cert = ReadFile(caller.cert), .key = ReadFile(caller.key)};
  }

  const Authority authority_{"authority"};
  const Authority other_{"other"};
  const Certificate cert_ = authority_.Issue("server");
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(Tls, OnlyWhoSpeaksItAndTrustsTheServerGetsThrough) {
  Start();
  EXPECT_TRUE(Call(Trusting(authority_)).ok());
  EXPECT_EQ(Call(Trusting(other_)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Call(std::nullopt).code(), absl::StatusCode::kUnavailable);
}

TEST_F(Tls, MutualTlsAsksForACertificateOfItsAuthority) {
  Start({"--tls-client-ca", authority_.root().cert});
  EXPECT_TRUE(Call(As(authority_.Issue("caller"), authority_)).ok());
  EXPECT_EQ(Call(Trusting(authority_)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Call(As(other_.Issue("stranger"), authority_)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(Tls, FilesThatChangeAreReadAgain) {
  Start();
  EXPECT_TRUE(Call(Trusting(authority_)).ok());
  const Certificate next = other_.Issue("server");
  fs::copy_file(next.key, cert_.key, fs::copy_options::overwrite_existing);
  fs::copy_file(next.cert, cert_.cert, fs::copy_options::overwrite_existing);
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  absl::Status taken = Call(Trusting(other_));
  while (!taken.ok() && absl::Now() < limit) taken = Call(Trusting(other_));
  EXPECT_TRUE(taken.ok()) << taken;
  EXPECT_EQ(Call(Trusting(authority_)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(Tls, AnAddressThatOthersReachNeedsMutualTls) {
  const auto errors = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--listen",   "0.0.0.0:0", "--metrics-listen", "127.0.0.1:0",
                                          "--tls-cert", cert_.cert,  "--tls-key",        cert_.key};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished finished = RunServer(arguments);
    EXPECT_EQ(finished.code, 1);
    return finished.errors;
  };
  EXPECT_THAT(errors({}), HasSubstr("--tls-client-ca"));
  EXPECT_THAT(errors({"--tls-client-ca", "/nowhere.pem"}), HasSubstr("/nowhere.pem"));
  Start({"--tls-client-ca", authority_.root().cert, "--listen", "0.0.0.0:0"});
}

TEST_F(Tls, TheCommandLineSpeaksIt) {
  Start({"--tls-client-ca", authority_.root().cert});
  const Certificate caller = authority_.Issue("caller");
  const auto health = [&](const std::string& flags) {
    return std::system(
        absl::StrCat(LATENTCTL_BINARY, " health --server ", server_->address(), " ", flags, " >/dev/null 2>&1")
            .c_str());
  };
  EXPECT_EQ(
      health(absl::StrCat("--tls-ca ", authority_.root().cert, " --tls-cert ", caller.cert, " --tls-key ", caller.key)),
      0);
  EXPECT_NE(health(absl::StrCat("--tls-ca ", authority_.root().cert)), 0);
  EXPECT_NE(health(""), 0);
}

}  // namespace
}  // namespace latentd::e2e
