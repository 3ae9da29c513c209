// Models that draw classes or enlarge pictures: what they say of themselves, what they refuse, and their neighbours.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/shared_server.h"

namespace latentd::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::GenerationSpec Enlarge(const std::string& model, const std::string& picture) {
  v1::GenerationSpec spec;
  spec.set_model(model);
  spec.mutable_super_resolution()->mutable_low_res()->set_data(ReadFile(GoldenFolder() + "/inputs/" + picture));
  spec.set_steps(2);
  spec.set_seed(5);
  return spec;
}

v1::GenerationSpec DrawClass(int label) {
  v1::GenerationSpec spec;
  spec.set_model("tiny-ldm-class");
  spec.mutable_class_to_image()->set_label(label);
  spec.set_steps(2);
  spec.set_seed(6);
  return spec;
}

class LatentDiffusion : public SharedServerTest<LatentDiffusion> {
 public:
  static std::vector<std::string> Arguments() { return {}; }

 protected:
  static void ExpectViolation(const std::string& field, const v1::GenerationSpec& spec, const std::string& says) {
    const absl::Status status = client_->Generate(spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field << ": " << status;
    const client::ErrorDetails details = client::GetErrorDetails(status);
    ASSERT_EQ(details.bad_request.field_violations_size(), 1) << field << ": " << status;
    EXPECT_EQ(details.bad_request.field_violations(0).field(), field);
    EXPECT_THAT(details.bad_request.field_violations(0).description(), HasSubstr(says));
  }

  static std::string Picture(const v1::GenerationSpec& spec, const client::Callbacks& callbacks = {}) {
    const auto result = client_->Generate(spec, {}, callbacks);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() && !result->outputs.empty() ? result->outputs[0].data : "";
  }

  // Each of `specs` gives the same bytes alone and beside the others, with which it shares forwards. The first has the
  // most steps.
  static void ExpectNeighboursDoNotMatter(const std::vector<v1::GenerationSpec>& specs) {
    std::vector<std::string> alone;
    for (const v1::GenerationSpec& spec : specs) alone.push_back(Picture(spec));
    const v1::Stats before = *client_->GetStats();
    std::vector<std::future<std::string>> others;
    const auto begin_others = [&](const v1::Event& event) {
      if (!event.has_progress() || !others.empty()) return client::Next::kGoOn;
      for (size_t i = 1; i < specs.size(); ++i) {
        others.push_back(std::async(std::launch::async, [spec = specs[i]] { return Picture(spec); }));
      }
      return client::Next::kGoOn;
    };
    EXPECT_EQ(Picture(specs[0], {.event = begin_others}), alone[0]);
    ASSERT_EQ(others.size(), specs.size() - 1);
    for (size_t i = 1; i < specs.size(); ++i) EXPECT_EQ(others[i - 1].get(), alone[i]) << i;
    const v1::Stats after = *client_->GetStats();
    EXPECT_LT(after.forwards() - before.forwards(), after.evaluations() - before.evaluations());
  }
};

TEST_F(LatentDiffusion, ModelsSayWhatTheyTake) {
  const auto classes = client_->GetModel("models/tiny-ldm-class");
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(classes->architecture(), "ldm-class");
  EXPECT_THAT(classes->tasks(), ElementsAre("class_to_image"));
  EXPECT_EQ(classes->num_classes(), 10);
  EXPECT_EQ(classes->default_guidance_scale(), 3);
  EXPECT_EQ(classes->prompt_tokens(), 0);
  const auto upscaler = client_->GetModel("models/tiny-upscaler");
  ASSERT_TRUE(upscaler.ok()) << upscaler.status();
  EXPECT_EQ(upscaler->architecture(), "stable-diffusion-upscaler");
  EXPECT_THAT(upscaler->tasks(), ElementsAre("super_resolution"));
  EXPECT_EQ(upscaler->upscale_factor(), 4);
  EXPECT_EQ(upscaler->max_noise_level(), 250);
  EXPECT_EQ(upscaler->size_multiple(), 16);
  EXPECT_EQ(upscaler->default_guidance_scale(), 9);
  const auto ldm = client_->GetModel("models/tiny-ldm-upscaler");
  ASSERT_TRUE(ldm.ok()) << ldm.status();
  EXPECT_EQ(ldm->architecture(), "ldm-super-resolution");
  EXPECT_EQ(ldm->upscale_factor(), 2);
  EXPECT_EQ(ldm->max_noise_level(), 0);
  EXPECT_EQ(ldm->size_multiple(), 64);
  EXPECT_EQ(ldm->default_guidance_scale(), 1);
  const auto text = client_->GetModel("models/tiny-ldm-text");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->architecture(), "ldm-text");
  EXPECT_EQ(text->prompt_tokens(), 77);
  EXPECT_EQ(text->num_classes() + text->upscale_factor(), 0);
}

TEST_F(LatentDiffusion, AFinishedJobSaysWhatItWasMadeFrom) {
  const auto result = client_->Generate(Enlarge("tiny-upscaler", "low-wide.png"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outputs[0].info.width(), 80);
  EXPECT_EQ(result->outputs[0].info.height(), 48);
  const auto job = client_->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().super_resolution().noise_level(), 20);
  EXPECT_EQ(job->spec().super_resolution().low_res().blob_sha256().size(), 64);
  EXPECT_EQ(job->spec().width(), 80);
  const auto drawn = client_->Generate(DrawClass(4));
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_EQ(client_->GetJob(drawn->job)->spec().class_to_image().label(), 4);
}

TEST_F(LatentDiffusion, LabelsAreThoseOfTheModel) {
  for (const int label : {-1, 10, 1'000'000}) {
    ExpectViolation("spec.class_to_image.label", DrawClass(label), "must be from 0 to 9");
  }
}

TEST_F(LatentDiffusion, ModelsWithoutTextTakeNoPrompts) {
  for (v1::GenerationSpec spec : {DrawClass(1), Enlarge("tiny-ldm-upscaler", "low-32.png")}) {
    spec.set_prompt("an apple");
    ExpectViolation("spec.prompt", spec, "must be empty");
    spec.clear_prompt();
    spec.set_negative_prompt("green");
    ExpectViolation("spec.negative_prompt", spec, "must be empty");
  }
}

TEST_F(LatentDiffusion, SmallPicturesFitTheModel) {
  // 70 x 40 is fine, and 97 x 61 too large: 16 x 16 is what the upscaler was trained on, and four times as much its
  // most.
  ExpectViolation("spec.super_resolution.low_res", Enlarge("tiny-upscaler", "wide.png"), "got 97 × 61");
  ExpectViolation("spec.super_resolution.low_res", Enlarge("tiny-ldm-upscaler", "low-wide.png"), "from 32 to 128");
  v1::GenerationSpec spec = Enlarge("tiny-upscaler", "low-wide.png");
  spec.mutable_super_resolution()->mutable_low_res()->set_fit(v1::InputImage::FIT_REFUSE);
  ExpectViolation("spec.super_resolution.low_res", spec, "multiples of 4");
  spec.mutable_super_resolution()->mutable_low_res()->clear_fit();
  spec.set_width(96);
  ExpectViolation("spec.width", spec, "or 80");
  spec.set_width(80);
  EXPECT_TRUE(client_->Generate(spec).ok());
  spec.mutable_super_resolution()->mutable_low_res()->set_data("a text");
  ExpectViolation("spec.super_resolution.low_res.data", spec, "");
  spec.mutable_super_resolution()->clear_low_res();
  ExpectViolation("spec.super_resolution.low_res", spec, "must be set");
}

TEST_F(LatentDiffusion, NoiseLevelsAreThoseOfTheModel) {
  v1::GenerationSpec spec = Enlarge("tiny-upscaler", "low-wide.png");
  for (const int level : {-1, 251, 1'000'000}) {
    spec.mutable_super_resolution()->set_noise_level(level);
    ExpectViolation("spec.super_resolution.noise_level", spec, "from 0 to 250");
  }
  spec = Enlarge("tiny-ldm-upscaler", "low-32.png");
  spec.mutable_super_resolution()->set_noise_level(20);
  ExpectViolation("spec.super_resolution.noise_level", spec, "must not be set");
  spec.mutable_super_resolution()->clear_noise_level();
  spec.set_guidance_scale(2);
  ExpectViolation("spec.guidance_scale", spec, "must be 1 or less");
}

TEST_F(LatentDiffusion, AnotherTaskIsRefusedWithThoseThereAre) {
  for (const auto& [model, task] : {std::pair("tiny-ldm-class", "class_to_image"),
                                    {"tiny-upscaler", "super_resolution"},
                                    {"tiny-ldm-upscaler", "super_resolution"}}) {
    v1::GenerationSpec spec;
    spec.set_model(model);
    const absl::Status status = client_->Generate(spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << model;
    EXPECT_THAT(std::string(status.message()), HasSubstr(task));
  }
  v1::GenerationSpec spec = Enlarge("tiny-ldm-text", "low-wide.png");
  EXPECT_EQ(client_->Generate(spec).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LatentDiffusion, RowsOfOtherNoiseLevelsChangeNothing) {
  std::vector<v1::GenerationSpec> specs;
  for (const auto& [level, steps, sampler] :
       {std::tuple(10, 16, "ddim"), {200, 8, "euler_a"}, {0, 6, "ddim"}, {250, 7, "dpmpp_2m"}}) {
    specs.push_back(Enlarge("tiny-upscaler", "low-wide.png"));
    specs.back().mutable_super_resolution()->set_noise_level(level);
    specs.back().set_steps(steps);
    specs.back().set_sampler(sampler);
    specs.back().set_seed(level);
    specs.back().set_guidance_scale(level == 200 ? 1 : 5);
  }
  ExpectNeighboursDoNotMatter(specs);
}

TEST_F(LatentDiffusion, RowsOfOtherSmallPicturesChangeNothing) {
  v1::GenerationSpec long_one = Enlarge("tiny-ldm-upscaler", "low-32.png");  // 64 x 32 of it
  long_one.set_steps(12);
  v1::GenerationSpec other = long_one;
  other.mutable_super_resolution()->mutable_low_res()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
  other.mutable_super_resolution()->mutable_low_res()->set_fit(v1::InputImage::FIT_CROP);
  v1::GenerationSpec again = long_one;
  again.set_sampler("euler");
  again.set_steps(8);
  again.set_seed(99);
  ExpectNeighboursDoNotMatter({long_one, again, other});
}

TEST_F(LatentDiffusion, RowsOfOtherClassesChangeNothing) {
  std::vector<v1::GenerationSpec> specs;
  for (const auto& [label, steps, scale] : {std::tuple(3, 24, 3.0), {7, 12, 1.0}, {0, 10, 8.0}, {9, 8, 2.0}}) {
    specs.push_back(DrawClass(label));
    specs.back().set_steps(steps);
    specs.back().set_guidance_scale(scale);
    specs.back().set_eta(label == 0 ? 1 : 0);
  }
  ExpectNeighboursDoNotMatter(specs);
}

TEST_F(LatentDiffusion, RowsOfOtherPromptsChangeNothing) {
  std::vector<v1::GenerationSpec> specs;
  for (const auto& [prompt, steps] : {std::pair("a red apple", 20), {"", 8}, {"the green house in the morning", 10}}) {
    v1::GenerationSpec spec;
    spec.set_model("tiny-ldm-text");
    spec.set_prompt(prompt);
    spec.set_negative_prompt("house");
    spec.set_steps(steps);
    spec.set_seed(steps);
    specs.push_back(spec);
  }
  specs.push_back(specs[0]);  // and one that begins with a picture
  specs.back().set_width(64);
  specs.back().set_height(64);
  specs.back().mutable_image_to_image()->mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/tall.png"));
  ExpectNeighboursDoNotMatter(specs);
}

// A copy of a good model's folder in which one text is another.
struct Fault {
  std::string model;
  std::string file;
  std::string from;
  std::string to;
  std::string says;
};

TEST(LatentDiffusionFolders, EachFaultIsNamed) {
  namespace fs = std::filesystem;
  const std::vector<Fault> faults = {
      {"tiny-upscaler", "unet/config.json", "\"num_class_embeds\": 256", "\"num_class_embeds\": null",
       "class_embedding.weight"},
      {"tiny-upscaler", "model_index.json", "\"max_noise_level\": 250", "\"max_noise_level\": 256",
       "num_class_embeds must be"},
      {"tiny-upscaler", "model_index.json", "\"max_noise_level\": 250", "\"max_noise_level\": 0", "max_noise_level"},
      {"tiny-upscaler", "low_res_scheduler/scheduler_config.json", "\"num_train_timesteps\": 1000",
       "\"num_train_timesteps\": 200", "low_res_scheduler"},
      {"tiny-upscaler", "low_res_scheduler/scheduler_config.json", "DDPMScheduler", "DDIMScheduler", "DDPMScheduler"},
      {"tiny-ldm-upscaler", "unet/config.json", "\"sample_size\": 32", "\"sample_size\": null", "sample_size"},
      {"tiny-ldm-text", "bert/config.json", "\"vocab_size\": 79", "\"vocab_size\": 7", "embed_tokens"},
      {"tiny-ldm-text", "bert/config.json", "\"max_position_embeddings\": 77", "\"max_position_embeddings\": 76",
       "embed_positions"},
      {"tiny-ldm-text", "tokenizer/vocab.txt", "house\n", "house\nhousehold\n", "the text encoder has 79"},
      {"tiny-ldm-text", "tokenizer/vocab.txt", "[SEP]", "[sep]", "lacks [SEP]"},
      {"tiny-ldm-class", "class_embedder/config.json", "\"num_classes\": 10", "\"num_classes\": 11",
       "embedding.weight"},
      {"tiny-ldm-class", "class_embedder/config.json", "\"num_classes\": 10", "\"classes\": 10",
       "num_classes: is missing"},
      {"tiny-ldm-class", "unet/config.json", "\"cross_attention_dim\": 16", "\"cross_attention_dim\": 24",
       "attn2.to_k"},
  };
  const fs::path folder = fs::temp_directory_path() / ("latentd-ldm-" + std::to_string(getpid()));
  for (size_t i = 0; i < faults.size(); ++i) {
    const fs::path copy = folder / std::to_string(i);
    fs::create_directories(folder);
    fs::copy(GoldenModels() + "/" + faults[i].model, copy, fs::copy_options::recursive);
    std::string content = ReadFile((copy / faults[i].file).string());
    const size_t place = content.find(faults[i].from);
    ASSERT_NE(place, std::string::npos) << faults[i].from;
    content.replace(place, faults[i].from.size(), faults[i].to);
    std::ofstream(copy / faults[i].file, std::ios::binary) << content;
  }
  const auto server = ServerProcess::Start({.models = folder.string(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  for (size_t i = 0; i < faults.size(); ++i) {
    const auto model = client->GetModel("models/" + std::to_string(i));
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->state(), v1::Model::STATE_BROKEN) << i << ": " << faults[i].to;
    EXPECT_THAT(model->error().message(), HasSubstr(faults[i].says)) << i;
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace latentd::e2e
