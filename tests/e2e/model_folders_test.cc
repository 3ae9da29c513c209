// A broken model folder is reported with everything that is wrong in it, and the others still serve.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void Write(const fs::path& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

// Replaces the first `from` by `to`, of the same length, in a safetensors file's header.
void Patch(const fs::path& file, const std::string& from, const std::string& to) {
  std::string content = ReadFile(file.string());
  const size_t place = content.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  ASSERT_EQ(from.size(), to.size());
  Write(file, content.replace(place, from.size(), to));
}

class ModelFolders : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("latentd-models-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    fs::copy(GoldenModels() + "/tiny-v", folder_ / "good", fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A copy of a good model; the file of its U-Net's weights.
  fs::path Copy(const std::string& name) const {
    fs::copy(GoldenModels() + "/tiny-v", folder_ / name, fs::copy_options::recursive);
    return folder_ / name / "unet" / "diffusion_pytorch_model.safetensors";
  }

  fs::path folder_;
};

TEST_F(ModelFolders, EachFaultIsReportedAndTheOthersServe) {
  const fs::path truncated = Copy("truncated");
  fs::resize_file(truncated, fs::file_size(truncated) / 2);
  Write(Copy("oversized-header"), std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}");
  Patch(Copy("wrong-shape"), R"({"format":"pt"},"conv_in.bias":{"dtype":"F16","shape":[16])",
        R"({"format":"p"},"conv_in.bias":{"dtype":"F16","shape":[4,4])");
  Patch(Copy("wrong-dtype"), "\"conv_in.bias\":{\"dtype\":\"F16\"", "\"conv_in.bias\":{\"dtype\":\"I16\"");
  Patch(Copy("missing"), "\"conv_in.bias\"", "\"conv_in.bian\"");
  Patch(Copy("overlap"), "[1184,1216]", "[1180,1212]");
  Write(Copy("no-config").parent_path() / "config.json", "{ this is not JSON");
  fs::remove(Copy("no-weights"));

  const auto server = ServerProcess::Start({.models = folder_.string(), .arguments = {"--preload", "all"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());

  const auto expect_broken = [&](const std::string& name, const auto& message) {
    const auto model = client->GetModel("models/" + name);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->state(), v1::Model::STATE_BROKEN) << name;
    EXPECT_THAT(model->error().message(), message) << name;
    v1::GenerationSpec spec;
    spec.set_model(name);
    const absl::Status status = client->Generate(spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), message) << name;
  };
  expect_broken("truncated", HasSubstr("unet"));
  expect_broken("oversized-header", HasSubstr("header"));
  expect_broken("wrong-shape", AllOf(HasSubstr("conv_in.bias"), HasSubstr("[4, 4]")));
  expect_broken("wrong-dtype", HasSubstr("conv_in.bias"));
  expect_broken("missing", AllOf(HasSubstr("conv_in.bias"), HasSubstr("conv_in.bian")));
  expect_broken("overlap", HasSubstr("overlaps"));
  expect_broken("no-config", HasSubstr("JSON"));
  expect_broken("no-weights", HasSubstr("unet"));

  v1::GenerationSpec good;
  good.set_model("good");
  good.set_steps(1);
  const auto result = client->Generate(good);
  EXPECT_TRUE(result.ok()) << result.status();
}

TEST_F(ModelFolders, AModelThatIsNamedToBePreloadedAndCannotBeEndsTheServer) {
  const fs::path truncated = Copy("truncated");
  fs::resize_file(truncated, fs::file_size(truncated) / 2);
  const Finished finished = RunServer({"--models", folder_.string(), "--preload", "good,truncated", "--listen",
                                       "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.errors, AllOf(HasSubstr("latentd: --preload truncated: "), HasSubstr("unet"),
                                     Not(HasSubstr("\"message\":\"ready\""))));
}

TEST_F(ModelFolders, SeveralModelsTakeTurnsUnderAMemoryBudget) {
  Copy("other");
  // One of the two fits, not both.
  const int64_t size =
      4 * static_cast<int64_t>(fs::file_size(folder_ / "other/unet/diffusion_pytorch_model.safetensors"));
  const auto server =
      ServerProcess::Start({.models = folder_.string(), .arguments = {"--model-memory", std::to_string(size)}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  for (int i = 0; i < 4; ++i) {
    v1::GenerationSpec spec;
    spec.set_model(i % 2 == 0 ? "good" : "other");
    spec.set_steps(2);
    const auto result = client->Generate(spec);
    ASSERT_TRUE(result.ok()) << result.status();
  }
  const auto models = client->ListModels();
  ASSERT_TRUE(models.ok());
  int loaded = 0;
  for (const v1::Model& model : *models) loaded += model.state() == v1::Model::STATE_LOADED ? 1 : 0;
  EXPECT_EQ(loaded, 1);
}

TEST_F(ModelFolders, AConfigurationFileWithAnUnknownKeyIsRefused) {
  Write(folder_ / "config.yaml", "models: somewhere\nmax-bach-rows: 4\n");
  const Finished finished = RunServer({"--config", (folder_ / "config.yaml").string()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.errors, AllOf(HasSubstr("max-bach-rows"), HasSubstr("config.yaml:2")));
}

}  // namespace
}  // namespace latentd::e2e
