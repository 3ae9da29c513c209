// Callers who must say who they are: keys and tokens, and everything that must not get in.

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/sha256.h"
#include "tests/e2e/server_process.h"
#include "tests/model/weights/test_folder.h"
#include "tests/server/auth/certificates.h"
#include "tests/server/auth/tokens.h"

namespace latentd::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Access : public testing::Test {
 protected:
  // Replaces a file as those do who replace files in use.
  std::string Write(const std::string& name, const std::string& text) {
    std::filesystem::rename(folder_.Write(name + ".new", text), folder_.path() / name);
    return folder_.path() / name;
  }

  static std::string Key(const std::string& key, const std::string& tenant,
                         const std::string& roles = "generate, read") {
    const std::string hash = client::Sha256Hex(key);
    return absl::StrCat("- {id: k", hash.substr(0, 8), ", sha256: ", hash, ", tenant: ", tenant, ", roles: [", roles,
                        "]}\n");
  }

  void Start(const std::vector<std::string>& arguments) {
    server_ = ServerProcess::Start({.models = {}, .arguments = arguments});
    ASSERT_NE(server_, nullptr);
  }

  std::unique_ptr<client::Client> As(const std::string& credentials, const client::Metadata& more = {}) const {
    client::ClientOptions options;
    options.retry.connect_for = absl::ZeroDuration();
    options.retry.busy_for = absl::ZeroDuration();
    if (!credentials.empty()) options.metadata.emplace_back("authorization", absl::StrCat("Bearer ", credentials));
    options.metadata.insert(options.metadata.end(), more.begin(), more.end());
    return client::Client::Connect(server_->address(), std::move(options));
  }

  static v1::GenerationSpec Spec() {
    v1::GenerationSpec spec;
    spec.set_model("pictograms");
    spec.set_prompt("a red apple");
    spec.set_steps(2);
    return spec;
  }

  absl::StatusCode CodeFor(const std::string& credentials, const client::Metadata& more = {}) const {
    return As(credentials, more)->GetStats().status().code();
  }

  static std::vector<std::string> NamesOf(const client::Client& client) {
    std::vector<std::string> names;
    const auto jobs = client.ListJobs();
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    for (const v1::Job& job : *jobs) names.push_back(job.name());
    return names;
  }

  const model::TestFolder folder_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(Access, OnlyKnownKeysGetIn) {
  const std::string keys = Write("keys.yaml", absl::StrCat(Key("apple", "shop"), Key("pear", "shop")));
  Start({"--api-keys", keys});
  EXPECT_EQ(CodeFor("apple"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeFor(""), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CodeFor("plum"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CodeFor("", {{"authorization", "apple"}}), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(As("")->Health().value_or(false)) << "health is everybody's";

  Write("keys.yaml", Key("pear", "shop"));
  EXPECT_EQ(CodeFor("apple"), absl::StatusCode::kUnauthenticated) << "revoked";
  EXPECT_EQ(CodeFor("pear"), absl::StatusCode::kOk);
  server_->Signal(SIGTERM);
  EXPECT_EQ(server_->Wait(), 0);
  EXPECT_THAT(server_->log(), testing::Not(testing::AnyOf(HasSubstr("apple"), HasSubstr("pear")))) << "no key in a log";
}

TEST_F(Access, TokensOfKnownSignersGetIn) {
  const auth::TokenSigner signer("ES256", "k1");
  Start({"--jwks", Write("jwks.json", auth::Jwks(signer.Jwk())), "--jwt-issuer", "https://id.example", "--jwt-audience",
         "pictures"});
  const auto claims = [](int64_t seconds, const std::string& audience = "pictures") {
    return absl::StrCat(R"({"iss": "https://id.example", "aud": ")", audience,
                        R"(", "sub": "ann", "tenant": "shop", "roles": ["generate", "read"], "exp": )",
                        absl::ToUnixSeconds(absl::Now()) + seconds, "}");
  };
  const auto job = As(signer.Sign(claims(600)))->Generate(Spec());
  EXPECT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(CodeFor(signer.Sign(claims(-600))), absl::StatusCode::kUnauthenticated) << "expired";
  EXPECT_EQ(CodeFor(signer.Sign(claims(600, "other"))), absl::StatusCode::kUnauthenticated) << "for others";
  EXPECT_EQ(CodeFor(auth::TokenSigner("ES256", "k1").Sign(claims(600))), absl::StatusCode::kUnauthenticated)
      << "signed by another";
  EXPECT_EQ(CodeFor(absl::StrCat(auth::Base64Url(R"({"alg": "none"})"), ".", auth::Base64Url(claims(600)), ".")),
            absl::StatusCode::kUnauthenticated)
      << "not signed";
}

TEST_F(Access, TenantsSeeTheirOwnJobsOnly) {
  Start({"--api-keys", Write("keys.yaml", absl::StrCat(Key("apple", "shop"), Key("plum", "rival")))});
  const auto shop = As("apple");
  const auto rival = As("plum");
  const auto made = shop->Generate(Spec());
  ASSERT_TRUE(made.ok()) << made.status();

  EXPECT_THAT(NamesOf(*shop), ElementsAre(made->job));
  EXPECT_THAT(NamesOf(*rival), testing::IsEmpty());
  EXPECT_TRUE(shop->GetOutput(made->job, 0).ok());
  EXPECT_EQ(rival->GetJob(made->job).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(rival->GetOutput(made->job, 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(rival->Watch(made->job).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(rival->CancelJob(made->job).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Access, HeadersThatClaimAnIdentityAreNothing) {
  Start({"--api-keys", Write("keys.yaml", absl::StrCat(Key("apple", "shop"), Key("plum", "rival")))});
  const auto made = As("apple")->Generate(Spec());
  ASSERT_TRUE(made.ok()) << made.status();
  for (const char* header : {"x-latentd-tenant", "x-latentd-caller", "x-forwarded-user", "x-tenant", "tenant"}) {
    EXPECT_EQ(CodeFor("", {{header, "shop"}}), absl::StatusCode::kUnauthenticated) << header;
    EXPECT_EQ(As("plum", {{header, "shop"}})->GetJob(made->job).status().code(), absl::StatusCode::kNotFound) << header;
  }
}

TEST_F(Access, RolesAreHeeded) {
  Start({"--api-keys", Write("keys.yaml", absl::StrCat(Key("reader", "shop", "read"), Key("boss", "shop", "admin")))});
  EXPECT_EQ(As("reader")->Generate(Spec()).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(As("reader")->UnloadModel("pictograms").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(As("boss")->LoadModel("pictograms").ok());
  EXPECT_EQ(As("boss")->ListJobs().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(Access, QuotasSayWhichAndWhen) {
  const std::string keys = Write("keys.yaml", absl::StrCat(Key("apple", "shop"), Key("plum", "rival")));
  // Two steps of one guided picture of 64 x 64 take 16,384.
  const std::string tenants = Write("tenants.yaml", "tenants: {shop: {pixel_steps_per_minute: 20000}}\n");
  Start({"--api-keys", keys, "--tenants", tenants});
  const auto shop = As("apple");
  EXPECT_TRUE(shop->Generate(Spec()).ok());
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  const absl::Status refused = shop->CreateJob(request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  const client::ErrorDetails details = client::GetErrorDetails(refused);
  EXPECT_EQ(details.info.reason(), "QUOTA_EXCEEDED");
  EXPECT_EQ(details.info.metadata().at("quota"), "pixel-steps per minute");
  EXPECT_TRUE(As("plum")->Generate(Spec()).ok());

  Write("tenants.yaml", "tenants: {shop: {pixel_steps_per_minute: 2000000}}\n");
  EXPECT_TRUE(shop->Generate(Spec()).ok()) << "the file was read again";
}

TEST_F(Access, FilesThatCannotBeUsedStopTheStart) {
  const auto errors = [](const std::vector<std::string>& arguments) {
    const Finished finished = RunServer(arguments);
    EXPECT_EQ(finished.code, 1);
    return finished.errors;
  };
  EXPECT_THAT(errors({"--api-keys", "/nowhere.yaml"}), HasSubstr("/nowhere.yaml"));
  EXPECT_THAT(errors({"--api-keys", Write("keys.yaml", "- {id: web}\n")}), HasSubstr("keys.yaml: line 1"));
  EXPECT_THAT(errors({"--jwks", Write("jwks.json", "{}")}), HasSubstr("jwks.json"));
}

TEST_F(Access, AnAddressThatOthersReachNeedsTlsBesideKeys) {
  const std::string keys = Write("keys.yaml", Key("apple", "shop"));
  const Finished finished = RunServer({"--listen", "0.0.0.0:0", "--metrics-listen", "127.0.0.1:0", "--api-keys", keys});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("--tls-cert"));
  const auth::Authority authority("authority");
  const auth::Certificate cert = authority.Issue("server");
  Start({"--listen", "0.0.0.0:0", "--api-keys", keys, "--tls-cert", cert.cert, "--tls-key", cert.key});
}

TEST_F(Access, TheCommandLineHasAKey) {
  Start({"--api-keys", Write("keys.yaml", Key("apple", "shop"))});
  const auto models = [&](const std::string& environment, const std::string& flags) {
    return std::system(absl::StrCat(environment, " ", LATENTCTL_BINARY, " models --server ", server_->address(), " ",
                                    flags, " >/dev/null 2>&1")
                           .c_str());
  };
  EXPECT_EQ(models("", "--api-key apple"), 0);
  EXPECT_EQ(models("LATENTD_API_KEY=apple", ""), 0);
  EXPECT_NE(models("", ""), 0);
  EXPECT_NE(models("LATENTD_API_KEY=apple", "--api-key plum"), 0) << "the flag wins";
}

}  // namespace
}  // namespace latentd::e2e
