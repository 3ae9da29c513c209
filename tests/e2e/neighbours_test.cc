// Neighbours don't matter: a request gives the same bytes alone, in a full batch, joining half-way, and beside
// cancelled rows.

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

// The latent of 17 x 16 is large enough for Winograd's convolution on the first level of the U-Net, and of no other.
v1::GenerationSpec Spec(int64_t seed, int steps, const std::string& sampler) {
  v1::GenerationSpec spec;
  spec.set_model("tiny-epsilon");
  spec.set_prompt("a red apple");
  spec.set_width(136);
  spec.set_height(128);
  spec.set_steps(steps);
  spec.set_sampler(sampler);
  spec.set_seed(seed);
  spec.set_guidance_scale(5);
  return spec;
}

class Neighbours : public testing::Test {
 protected:
  void SetUp() override {
    server_ = ServerProcess::Start(
        {.models = GoldenModels(), .arguments = {"--max-batch-rows", "8", "--adapters", GoldenFolder() + "/adapters"}});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
  }

  std::string Picture(const v1::GenerationSpec& spec, const client::Callbacks& callbacks = {}) {
    const auto result = client_->Generate(spec, {}, callbacks);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() && !result->outputs.empty() ? result->outputs[0].data : "";
  }

  // The picture of a request beside others, which `begin` sends when the first is known to be in the midst of its
  // steps.
  std::string PictureBeside(const v1::GenerationSpec& spec, const std::function<void()>& begin) {
    bool begun = false;
    return Picture(spec, {.event = [&](const v1::Event& event) {
                     if (event.has_progress() && !std::exchange(begun, true)) begin();
                     return client::Next::kGoOn;
                   }});
  }

  // U-Net forwards, and rows in them, since the last call.
  struct Work {
    int64_t forwards;
    int64_t evaluations;
  };
  Work SinceThen() {
    const v1::Stats before = std::exchange(stats_, *client_->GetStats());
    return {stats_.forwards() - before.forwards(), stats_.evaluations() - before.evaluations()};
  }

  std::future<std::string> Begin(const v1::GenerationSpec& spec) {
    return std::async(std::launch::async, [this, spec] { return Picture(spec); });
  }

  // The others begin when the first is known to be in the midst of its steps.
  void ExpectEachIsItsLoneRun(const std::vector<v1::GenerationSpec>& specs) {
    std::vector<std::string> alone;
    for (const v1::GenerationSpec& spec : specs) alone.push_back(Picture(spec));
    SinceThen();
    std::vector<std::future<std::string>> others;
    const std::string first = PictureBeside(specs[0], [&] {
      for (size_t i = 1; i < specs.size(); ++i) others.push_back(Begin(specs[i]));
    });
    EXPECT_EQ(first, alone[0]);
    ASSERT_EQ(others.size() + 1, specs.size());
    for (size_t i = 1; i < specs.size(); ++i) EXPECT_EQ(others[i - 1].get(), alone[i]) << i;
    const Work together = SinceThen();
    EXPECT_LT(together.forwards, together.evaluations);
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  v1::Stats stats_;
};

v1::GenerationSpec WithPicture(v1::GenerationSpec spec) {
  v1::ImageToImage& task = *spec.mutable_image_to_image();
  task.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
  task.set_strength(0.7);
  return spec;
}

v1::GenerationSpec WithMask(v1::GenerationSpec spec) {
  v1::Inpaint& task = *spec.mutable_inpaint();
  task.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/wide.png"));
  task.mutable_mask()->set_data(ReadFile(GoldenFolder() + "/inputs/wide-mask.png"));
  return spec;
}

v1::GenerationSpec WithLora(v1::GenerationSpec spec, const std::string& name, double scale) {
  v1::Lora& lora = *spec.add_loras();
  lora.set_name(name);
  lora.set_scale(scale);
  return spec;
}

TEST_F(Neighbours, RowsOfOtherTasksShareItsForwardsAndEachIsItsLoneRun) {
  ExpectEachIsItsLoneRun({Spec(1, 40, "ddim"), WithPicture(Spec(2, 40, "euler_a")), WithMask(Spec(3, 40, "dpmpp_2m")),
                          WithPicture(Spec(4, 30, "pndm"))});
}

TEST_F(Neighbours, RowsOfOtherLorasShareItsForwardsAndEachIsItsLoneRun) {
  ExpectEachIsItsLoneRun({WithLora(Spec(1, 40, "ddim"), "lora-attention", 1), Spec(2, 40, "euler"),
                          WithLora(WithLora(Spec(3, 40, "dpmpp_2m"), "lora-kohya", 0.8), "lora-before-peft", -0.5),
                          WithLora(WithPicture(Spec(4, 40, "euler_a")), "lora-kohya", 0.6),
                          WithLora(Spec(5, 8, "lcm"), "lora-attention", 0.4), WithMask(Spec(6, 30, "ddim"))});
}

TEST_F(Neighbours, RowsOfOtherEmbeddingsShareItsForwardsAndEachIsItsLoneRun) {
  const auto with = [](v1::GenerationSpec spec, const std::string& prompt, const std::vector<std::string>& embeddings) {
    spec.set_model("tiny-prompts");
    spec.set_width(72);
    spec.set_height(56);
    spec.set_prompt(prompt);
    for (const std::string& name : embeddings) spec.add_embeddings(name);
    return spec;
  };
  ExpectEachIsItsLoneRun({with(Spec(1, 40, "ddim"), "a <cat-toy> house", {"toy"}),
                          with(Spec(2, 40, "euler"), "a <cat-toy> house", {}),
                          with(Spec(3, 40, "dpmpp_2m"), "a (<many toys>:1.3) in <cat-toy>", {"toys", "toy"}),
                          with(Spec(4, 30, "ddim"), "bad-hands BREAK <cat-toy>", {"toy", "bad-hands"})});
}

TEST_F(Neighbours, RowsWithAndWithoutBoxesShareItsForwardsAndEachIsItsLoneRun) {
  const auto with = [](v1::GenerationSpec spec, int boxes, double beta) {
    spec.set_model("tiny-gligen");
    spec.set_width(72);
    spec.set_height(56);
    for (int i = 0; i < boxes; ++i) {
      v1::Box& box = *spec.mutable_boxes_to_image()->add_boxes();
      box.set_phrase(i % 2 == 0 ? "a red apple" : "the green house");
      box.set_x0(0.03 * i);
      box.set_x1(0.03 * i + 0.1);
      box.set_y1(0.7);
    }
    if (boxes > 0) spec.mutable_boxes_to_image()->set_scheduled_sampling_beta(beta);
    return spec;
  };
  v1::GenerationSpec unguided = with(Spec(4, 30, "pndm"), 3, 0.8);
  unguided.set_guidance_scale(1);
  v1::GenerationSpec longer = with(Spec(5, 40, "ddim"), 1, 1);
  longer.set_prompt("an apple BREAK in the house");
  ExpectEachIsItsLoneRun({with(Spec(1, 40, "ddim"), 2, 0.5), with(Spec(2, 40, "euler"), 0, 0),
                          with(Spec(3, 40, "heun"), 30, 0.3), unguided, longer});
}

v1::GenerationSpec WithControl(v1::GenerationSpec spec, const std::string& name, const std::string& picture,
                               double scale) {
  v1::Control& control = *spec.add_controls();
  control.set_name(name);
  control.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/" + picture + ".png"));
  control.set_scale(scale);
  return spec;
}

v1::GenerationSpec InSteps(v1::GenerationSpec spec, double start, double end) {
  v1::Control& control = *spec.mutable_controls()->rbegin();
  control.set_start(start);
  control.set_end(end);
  return spec;
}

TEST_F(Neighbours, RowsOfOtherControlNetsShareItsForwardsAndEachIsItsLoneRun) {
  ExpectEachIsItsLoneRun(
      {WithControl(Spec(1, 25, "ddim"), "control", "wide", 1), Spec(2, 25, "euler"),
       WithControl(WithControl(Spec(3, 20, "dpmpp_2m"), "control-bgr", "tall", 0.5), "control", "wide", -0.4),
       InSteps(WithControl(WithPicture(Spec(4, 20, "heun")), "control", "tall", 0.8), 0.2, 0.7),
       InSteps(WithControl(WithMask(Spec(5, 20, "euler_a")), "control-bgr", "wide", 1), 0, 0.5)});
}

v1::GenerationSpec WithImagePrompt(v1::GenerationSpec spec, const std::string& name, const std::string& picture,
                                   double scale) {
  v1::ImagePrompt& prompt = *spec.add_image_prompts();
  prompt.set_name(name);
  prompt.mutable_image()->set_data(ReadFile(GoldenFolder() + "/inputs/" + picture + ".png"));
  prompt.set_scale(scale);
  return spec;
}

// Ten rows, so that a forward of more than eight has them all.
TEST_F(Neighbours, OneBatchHoldsEveryKindOfRowAndEachIsItsLoneRun) {
  server_ = ServerProcess::Start(
      {.models = GoldenModels(), .arguments = {"--max-batch-rows", "16", "--adapters", GoldenFolder() + "/adapters"}});
  ASSERT_NE(server_, nullptr);
  client_ = client::Client::Connect(server_->address());
  std::vector<v1::GenerationSpec> slow = {
      Spec(1, 30, "ddim"),
      WithPicture(Spec(2, 40, "euler_a")),
      WithMask(Spec(3, 30, "dpmpp_2m")),
      WithLora(Spec(4, 30, "euler"), "lora-attention", 1),
      WithLora(Spec(5, 30, "ddim"), "lora-kohya", 0.7),
      WithControl(Spec(6, 30, "ddim"), "control", "wide", 1),
      WithControl(WithControl(WithLora(Spec(7, 30, "pndm"), "lora-attention", 0.4), "control", "tall", 0.6),
                  "control-bgr", "wide", 0.5),
      WithControl(WithPicture(Spec(8, 30, "heun")), "control-bgr", "tall", -0.5),
      WithImagePrompt(Spec(10, 30, "euler"), "ip-base", "wide", 0.8)};
  v1::GenerationSpec quick = WithLora(Spec(9, 4, "lcm"), "lora-before-peft", 0.5);
  quick.set_guidance_scale(1);
  quick.set_width(72);
  quick.set_height(56);
  for (v1::GenerationSpec& spec : slow) {
    spec.set_width(72);
    spec.set_height(56);
  }
  std::vector<std::string> alone;
  for (const v1::GenerationSpec& spec : slow) alone.push_back(Picture(spec));
  const std::string quick_alone = Picture(quick);
  for (const std::string& picture : alone) EXPECT_NE(picture, "");
  const auto larger_forwards = [&] {
    const std::string page = server_->MetricsPage();
    return metrics::ValueOf(page, "latentd_batch_rows_count{model=\"tiny-epsilon\"}") -
           metrics::ValueOf(page, "latentd_batch_rows_bucket{model=\"tiny-epsilon\",le=\"8\"}");
  };
  EXPECT_EQ(larger_forwards(), 0);

  std::latch begun(static_cast<std::ptrdiff_t>(slow.size()));
  std::vector<std::future<std::string>> others;
  for (const v1::GenerationSpec& spec : slow) {
    others.push_back(std::async(std::launch::async, [&, spec] {
      bool counted = false;
      const auto count = [&] {
        if (!std::exchange(counted, true)) begun.count_down();
      };
      std::string picture = PictureBeside(spec, count);
      count();  // also when it has failed
      return picture;
    }));
  }
  begun.wait();  // now all others are in the midst of their steps
  EXPECT_EQ(Picture(quick), quick_alone);
  for (size_t i = 0; i < slow.size(); ++i) EXPECT_EQ(others[i].get(), alone[i]) << i;
  EXPECT_GT(larger_forwards(), 0);
}

TEST_F(Neighbours, RowsOfOtherImagePromptsShareItsForwardsAndEachIsItsLoneRun) {
  v1::GenerationSpec unguided = WithImagePrompt(Spec(5, 40, "ddim"), "ip-plus", "tall", 0.7);
  unguided.set_guidance_scale(1);
  ExpectEachIsItsLoneRun(
      {WithImagePrompt(Spec(1, 40, "ddim"), "ip-base", "wide", 0.8), Spec(2, 40, "euler"),
       WithImagePrompt(Spec(3, 40, "dpmpp_2m"), "ip-base", "tall", 0.8),
       WithImagePrompt(WithImagePrompt(Spec(4, 40, "euler_a"), "ip-plus", "wide", 0.5), "ip-full-face", "tall", -0.3),
       unguided, WithLora(WithImagePrompt(WithPicture(Spec(6, 40, "ddim")), "ip-base", "wide", 0.4), "lora-kohya", 0.6),
       WithMask(Spec(7, 30, "ddim"))});
}

TEST_F(Neighbours, PromptsOfOtherLengthsShareItsForwardsAndEachIsItsLoneRun) {
  const auto with_prompts = [](v1::GenerationSpec spec, const std::string& prompt, const std::string& negative) {
    spec.set_model("tiny-prompts");
    spec.set_prompt(prompt);
    spec.set_negative_prompt(negative);
    return spec;
  };
  const std::string three_windows = "a (red:1.4) apple BREAK the green house BREAK [orange]";
  v1::GenerationSpec literal = with_prompts(Spec(5, 40, "ddim"), three_windows, "the (house");
  literal.set_literal_prompt(true);
  const std::vector<v1::GenerationSpec> specs = {with_prompts(Spec(1, 40, "ddim"), three_windows, "green"),
                                                 with_prompts(Spec(2, 40, "euler_a"), "a red apple", "green"),
                                                 with_prompts(Spec(3, 40, "ddim"), "the (green) house", three_windows),
                                                 with_prompts(Spec(4, 40, "dpmpp_2m"), "a red apple", ""), literal};
  std::vector<std::string> alone;
  for (const v1::GenerationSpec& spec : specs) alone.push_back(Picture(spec));
  SinceThen();
  std::vector<std::future<std::string>> others;
  const std::string first = PictureBeside(specs[0], [&] {
    for (size_t i = 1; i < specs.size(); ++i) others.push_back(Begin(specs[i]));
  });
  EXPECT_EQ(first, alone[0]);
  for (size_t i = 1; i < specs.size(); ++i) EXPECT_EQ(others[i - 1].get(), alone[i]) << i;
  const Work together = SinceThen();
  EXPECT_LT(together.forwards, together.evaluations / 2);  // most forwards hold several
}

v1::GenerationSpec OfXl(v1::GenerationSpec spec) {
  spec.set_model("tiny-xl");
  return spec;
}

TEST_F(Neighbours, RowsOfStableDiffusionXlShareForwardsWhateverTheyAreToldOfSizes) {
  v1::GenerationSpec other_sizes = OfXl(Spec(3, 30, "euler_a"));
  other_sizes.mutable_size_conditioning()->set_original_width(700);
  other_sizes.mutable_size_conditioning()->set_crop_top(90);
  other_sizes.set_prompt_2("the green house");
  v1::GenerationSpec unfinished = OfXl(Spec(4, 30, "dpmpp_2m"));
  unfinished.set_denoising_end(0.7);
  unfinished.set_negative_prompt("red");
  const std::vector<v1::GenerationSpec> specs = {OfXl(Spec(1, 40, "euler")), OfXl(WithPicture(Spec(2, 40, "heun"))),
                                                 other_sizes, unfinished, OfXl(WithMask(Spec(5, 20, "ddim")))};
  std::vector<std::string> alone;
  for (const v1::GenerationSpec& spec : specs) alone.push_back(Picture(spec));
  v1::GenerationSpec own_sizes = other_sizes;
  own_sizes.clear_size_conditioning();
  EXPECT_NE(Picture(own_sizes), alone[2]);
  SinceThen();
  std::vector<std::future<std::string>> others;
  const std::string first = PictureBeside(specs[0], [&] {
    for (size_t i = 1; i < specs.size(); ++i) others.push_back(Begin(specs[i]));
  });
  EXPECT_EQ(first, alone[0]);
  for (size_t i = 1; i < specs.size(); ++i) EXPECT_EQ(others[i - 1].get(), alone[i]) << i;
  const Work together = SinceThen();
  EXPECT_LT(together.forwards, together.evaluations);
}

TEST_F(Neighbours, RowsOfStableDiffusionXlWithAndWithoutControlNets) {
  v1::GenerationSpec other_sizes = WithControl(OfXl(Spec(2, 20, "euler_a")), "control-xl", "tall", 0.5);
  other_sizes.mutable_size_conditioning()->set_original_width(700);
  ExpectEachIsItsLoneRun({OfXl(Spec(1, 25, "ddim")), other_sizes,
                          OfXl(WithControl(WithPicture(Spec(3, 20, "euler")), "control-xl", "wide", 1))});
}

TEST_F(Neighbours, AFullBatchOfOtherSamplersStepsAndGuidanceChangesNothing) {
  const v1::GenerationSpec spec = Spec(7, 60, "euler_a");
  const std::string alone = Picture(spec);
  EXPECT_EQ(SinceThen().forwards, 60);
  std::vector<std::future<std::string>> others;
  const std::string beside = PictureBeside(spec, [&] {
    for (int i = 0; i < 9; ++i) {
      v1::GenerationSpec other = Spec(100 + i, 5 + 3 * i, i % 3 == 0 ? "heun" : i % 3 == 1 ? "pndm" : "dpmpp_2m");
      other.set_guidance_scale(i % 2 == 0 ? 1 : 8);
      other.set_prompt(i % 2 == 0 ? "" : "the green house");
      others.push_back(Begin(other));
    }
  });
  EXPECT_EQ(beside, alone);
  for (auto& other : others) EXPECT_NE(other.get(), "");
  // Heun's 23 steps take 45 evaluations, the most of the others: with fewer forwards than theirs and its own together,
  // the row has shared some.
  EXPECT_LT(SinceThen().forwards, 60 + 45);
  const std::string page = server_->MetricsPage();
  const auto forwards_of_at_most = [&](const char* rows) {
    return metrics::ValueOf(page, absl::StrCat("latentd_batch_rows_bucket{model=\"tiny-epsilon\",le=\"", rows, "\"}"));
  };
  EXPECT_GT(forwards_of_at_most("8"), forwards_of_at_most("4"));
}

TEST_F(Neighbours, FewStepsOfConsistencySamplersBesideManyOfAnother) {
  v1::GenerationSpec tcd = Spec(4, 4, "tcd");
  tcd.set_eta(0.3);
  v1::GenerationSpec unguided = Spec(5, 8, "lcm");
  unguided.set_guidance_scale(1);
  const std::vector<v1::GenerationSpec> quick = {Spec(2, 4, "lcm"), tcd, unguided, WithPicture(Spec(6, 8, "lcm"))};
  const v1::GenerationSpec slow = Spec(1, 50, "ddim");
  std::vector<std::string> alone;
  for (const v1::GenerationSpec& spec : quick) alone.push_back(Picture(spec));
  const std::string slow_alone = Picture(slow);
  SinceThen();
  std::vector<std::future<std::string>> others;
  EXPECT_EQ(PictureBeside(slow,
                          [&] {
                            for (const v1::GenerationSpec& spec : quick) others.push_back(Begin(spec));
                          }),
            slow_alone);
  for (size_t i = 0; i < quick.size(); ++i) EXPECT_EQ(others[i].get(), alone[i]) << i;
  const Work work = SinceThen();
  EXPECT_LT(work.forwards, work.evaluations);
}

// On a model that embeds it, each row has its own guidance; and each its preview.
TEST_F(Neighbours, RowsOfOtherGuidanceOnAModelThatEmbedsIt) {
  struct Made {
    std::string picture;
    std::string preview;
    bool operator==(const Made&) const = default;
  };
  const auto make = [&](const v1::GenerationSpec& spec, const std::function<void()>& begin) {
    Made made;
    bool begun = false;
    made.picture = Picture(spec, {.event = [&](const v1::Event& event) {
                             if (event.has_progress() && !std::exchange(begun, true)) begin();
                             if (event.progress().has_preview())
                               made.preview = event.progress().preview().image().data();
                             return client::Next::kGoOn;
                           }});
    EXPECT_NE(made.preview, "");
    return made;
  };
  const auto spec = [](int64_t seed, int steps, double guidance) {
    v1::GenerationSpec made = Spec(seed, steps, "lcm");
    made.set_model("tiny-lcm");
    made.set_guidance_scale(guidance);
    made.mutable_preview()->set_kind(v1::PreviewOptions::KIND_IMAGE);
    made.mutable_preview()->set_format(v1::IMAGE_FORMAT_PNG);
    made.mutable_preview()->set_every_steps(steps);  // the last one, which no reader misses
    return made;
  };
  const std::vector<v1::GenerationSpec> quick = {spec(2, 4, 1), spec(3, 8, 8.5), spec(4, 2, 4)};
  std::vector<Made> alone;
  for (const v1::GenerationSpec& each : quick) alone.push_back(make(each, [] {}));
  const Made slow_alone = make(spec(1, 50, 3.3), [] {});
  SinceThen();
  std::vector<std::future<Made>> others;
  const Made slow = make(spec(1, 50, 3.3), [&] {
    for (const v1::GenerationSpec& each : quick) {
      others.push_back(std::async(std::launch::async, [&make, each] { return make(each, [] {}); }));
    }
  });
  EXPECT_EQ(slow, slow_alone);
  for (size_t i = 0; i < quick.size(); ++i) EXPECT_EQ(others[i].get(), alone[i]) << i;
  const Work work = SinceThen();
  EXPECT_EQ(work.evaluations, 50 + 4 + 8 + 2);
  EXPECT_LT(work.forwards, work.evaluations);
}

TEST_F(Neighbours, JoiningHalfWayChangesNeitherTheOldNorTheNewRow) {
  const v1::GenerationSpec slow = Spec(1, 60, "ddim");
  const v1::GenerationSpec quick = Spec(2, 6, "euler_a");
  const std::string slow_alone = Picture(slow);
  const std::string quick_alone = Picture(quick);
  EXPECT_EQ(SinceThen().forwards, 60 + 6);
  std::future<std::string> joined;
  const std::string slow_beside = PictureBeside(slow, [&] { joined = Begin(quick); });
  ASSERT_TRUE(joined.valid());
  EXPECT_EQ(joined.get(), quick_alone);
  EXPECT_EQ(slow_beside, slow_alone);
  EXPECT_LT(SinceThen().forwards, 60 + 6);
}

TEST_F(Neighbours, RowsCancelledBesideItChangeNothing) {
  const v1::GenerationSpec spec = Spec(3, 60, "ddpm");
  const std::string alone = Picture(spec);
  EXPECT_EQ(SinceThen().forwards, 60);
  std::vector<std::future<absl::Status>> cancelled;
  const std::string beside = PictureBeside(spec, [&] {
    for (int i = 0; i < 4; ++i) {
      cancelled.push_back(std::async(std::launch::async, [this, i] {
        const client::Callbacks stop_at_first_step = {.event = [](const v1::Event& event) {
          return event.has_progress() ? client::Next::kStop : client::Next::kGoOn;
        }};
        return client_->Generate(Spec(50 + i, 200, "ddim"), {}, stop_at_first_step).status();
      }));
    }
  });
  EXPECT_EQ(beside, alone);
  for (auto& each : cancelled) EXPECT_EQ(each.get().code(), absl::StatusCode::kCancelled);
  // The others were in its batch when they were cancelled: had they run after it, there were more forwards.
  const Work work = SinceThen();
  EXPECT_GT(work.evaluations, 60 + 3);
  EXPECT_LT(work.forwards, 60 + 4);
}

TEST_F(Neighbours, ImageIOfAJobIsTheImageOfItsOwnSeed) {
  v1::GenerationSpec several = Spec(20, 8, "euler_a");
  several.set_num_images(3);
  const auto result = client_->Generate(several);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 3u);
  EXPECT_EQ(Decode(result->outputs[2].data).rgb, Decode(Picture(Spec(22, 8, "euler_a"))).rgb);
}

}  // namespace
}  // namespace latentd::e2e
