// Pictures and adapters that cannot be used are refused through the service by name, and it goes on.

#include <gmock/gmock.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/shared_server.h"
#include "tests/e2e/violations.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A layer of tiny-epsilon that LoRAs change.
constexpr char kLayer[] = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
constexpr int kFeatures = 32;  // its inputs and outputs
constexpr uint16_t kOne = 0x3C00;
constexpr uint16_t kNan = 0x7E00;

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<uint16_t> values;  // float16
};

Tensor Filled(int64_t rows, int64_t columns, uint16_t value = kOne) {
  return {{rows, columns}, std::vector<uint16_t>(rows * columns, value)};
}

std::string Safetensors(const std::map<std::string, Tensor>& tensors) {
  nlohmann::json header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(uint16_t));
    header[name] = {{"dtype", "F16"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return model::SafetensorsBytes(header.dump(), data);
}

// A LoRA of one layer.
std::map<std::string, Tensor> Lora(const Tensor& down, const Tensor& up) {
  return {{absl::StrCat(kLayer, ".lora_A.weight"), down}, {absl::StrCat(kLayer, ".lora_B.weight"), up}};
}

class BadFiles : public SharedServerTest<BadFiles> {
 public:
  static std::vector<std::string> Arguments() { return {"--adapters", folder_->path().string()}; }

 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<model::TestFolder>();
    const Tensor down = Filled(2, kFeatures);
    const Tensor up = Filled(kFeatures, 2);
    folder_->Write("good.safetensors", Safetensors(Lora(down, up)));
    folder_->Write("rank-zero.safetensors", Safetensors(Lora(Filled(0, kFeatures), Filled(kFeatures, 0))));
    folder_->Write("nan.safetensors", Safetensors(Lora(down, Filled(kFeatures, 2, kNan))));
    std::map<std::string, Tensor> stray = Lora(down, up);
    stray["unet.nowhere.to_q.lora_A.weight"] = down;
    stray["unet.nowhere.to_q.lora_B.weight"] = up;
    folder_->Write("stray.safetensors", Safetensors(stray));
    folder_->Write("for-xl.safetensors", ReadFile(GoldenFolder() + "/adapters/lora-xl.safetensors"));
    SharedServerTest::SetUpTestSuite();
  }
  static void TearDownTestSuite() {
    SharedServerTest::TearDownTestSuite();
    folder_.reset();
  }

  static v1::GenerationSpec Spec() {
    v1::GenerationSpec spec;
    spec.set_model("tiny-epsilon");
    spec.set_prompt("a red apple");
    spec.set_width(40);
    spec.set_height(48);
    spec.set_steps(2);
    return spec;
  }

  // Of a job with this LoRA.
  static absl::Status WithLora(const std::string& name) {
    v1::GenerationSpec spec = Spec();
    spec.add_loras()->set_name(name);
    return client_->Generate(spec).status();
  }

  static void ExpectUnusable(const std::string& lora, const std::string& says) {
    const absl::Status status = WithLora(lora);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(client::GetErrorDetails(status).info.reason(), "ADAPTER_UNUSABLE") << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(lora), HasSubstr(says)));
    EXPECT_TRUE(WithLora("good").ok());
  }

  static std::string Picture() { return ReadFile(GoldenFolder() + "/inputs/wide.png"); }

  static absl::Status BeginningWith(const std::string& picture) {
    v1::GenerationSpec spec = Spec();
    spec.mutable_image_to_image()->mutable_image()->set_data(picture);
    return client_->Generate(spec).status();
  }

  inline static std::unique_ptr<model::TestFolder> folder_;  // the adapters
};

TEST_F(BadFiles, ALoraOfRankZero) { ExpectUnusable("rank-zero", absl::StrCat(kLayer, ".lora_A.weight")); }

TEST_F(BadFiles, ALoraWithNumbersThatAreNone) { ExpectUnusable("nan", absl::StrCat(kLayer, ".lora_B.weight")); }

TEST_F(BadFiles, ALoraWithKeysThatMatchNothing) {
  ExpectUnusable("stray", "unet.nowhere.to_q.lora_A.weight");
  ExpectUnusable("stray", "unet.nowhere.to_q.lora_B.weight");
}

TEST_F(BadFiles, ALoraForAnotherArchitecture) {
  const absl::Status status = WithLora("for-xl");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("for-xl"), HasSubstr("stable-diffusion-xl")));
}

TEST_F(BadFiles, FiftyLorasInARequest) {
  v1::GenerationSpec spec = Spec();
  for (int i = 0; i < 50; ++i) spec.add_loras()->set_name("good");
  ExpectOnlyViolation(client_->Generate(spec).status(), "spec.loras");
}

TEST_F(BadFiles, APictureThatIsCutOff) {
  const std::string picture = Picture();
  ExpectOnlyViolation(BeginningWith(picture.substr(0, picture.size() / 2)), "spec.image_to_image.image.data");
  EXPECT_TRUE(BeginningWith(picture).ok());
}

// Its header says 60,000 x 60,000 pixels; nothing is unpacked to see that.
TEST_F(BadFiles, APictureThatIsABomb) {
  std::string picture = Picture();
  const std::string edge("\x00\x00\xEA\x60", 4);
  picture.replace(16, 8, edge + edge);  // width and height, which begin a PNG's first chunk
  const absl::Status status = BeginningWith(picture);
  ExpectOnlyViolation(status, "spec.image_to_image.image.data");
  EXPECT_THAT(std::string(status.message()), HasSubstr("60000"));
}

TEST_F(BadFiles, AMaskOfAnotherSize) {
  v1::GenerationSpec spec = Spec();
  spec.mutable_inpaint()->mutable_image()->set_data(Picture());
  spec.mutable_inpaint()->mutable_mask()->set_data(ReadFile(GoldenFolder() + "/inputs/tall-mask.png"));
  ExpectOnlyViolation(client_->Generate(spec).status(), "spec.inpaint.mask");
}

}  // namespace
}  // namespace latentd::e2e
