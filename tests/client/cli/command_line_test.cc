#include "client/cli/command_line.h"

#include <fstream>

#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "client/cli/output_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace latentd::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  std::variant<CommandLine, int> result;
  std::string out;
  std::string err;

  const CommandLine& line() const { return std::get<CommandLine>(result); }
  int code() const { return std::get<int>(result); }
};

Parsed Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "latentctl");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Parsed parsed{ParseCommandLine(static_cast<int>(arguments.size()), arguments.data()), "", ""};
  parsed.out = testing::internal::GetCapturedStdout();
  parsed.err = testing::internal::GetCapturedStderr();
  return parsed;
}

// `generate` with what it must have, and `more`.
Parsed Generate(const std::vector<const char*>& more) {
  std::vector<const char*> arguments = {"generate", "--prompt", "p", "--out", "x.png"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Parse(arguments);
}

TEST(CommandLineTest, TheDefaultServerIsTheServersDefaultAddress) {
  EXPECT_EQ(Parse({"health"}).line().server, "127.0.0.1:50051");
}

TEST(CommandLineTest, HelpIsNoErrorAndTellsTheExitCodes) {
  for (const auto& arguments : {std::vector<const char*>{"--help"}, {"generate", "--help"}}) {
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.code(), 0);
    EXPECT_THAT(parsed.out, HasSubstr("Exit codes:"));
    EXPECT_EQ(parsed.err, "");
  }
}

TEST(CommandLineTest, ImagePromptsNameAnAdapterAFileAndAScale) {
  const std::string file = testing::TempDir() + "prompt.png";
  std::ofstream(file) << "picture";
  const std::string scaled = "ip:" + file + ":0.5", plain = "ip-plus:" + file;
  const Parsed parsed = Generate({"--image-prompt", scaled.c_str(), "--image-prompt", plain.c_str()});
  const v1::GenerationSpec& spec = parsed.line().spec;
  ASSERT_EQ(spec.image_prompts_size(), 2);
  EXPECT_EQ(spec.image_prompts(0).name(), "ip");
  EXPECT_EQ(spec.image_prompts(0).image().data(), "picture");
  EXPECT_EQ(spec.image_prompts(0).scale(), 0.5);
  EXPECT_EQ(spec.image_prompts(1).name(), "ip-plus");
  EXPECT_FALSE(spec.image_prompts(1).has_scale());
  EXPECT_THAT(Generate({"--image-prompt", "ip"}).err, HasSubstr("is not NAME:FILE[:SCALE]"));
  EXPECT_THAT(Generate({"--image-prompt", "ip:/nowhere.png"}).err, HasSubstr("--image-prompt /nowhere.png"));
}

TEST(CommandLineTest, TopTakesServersByCommasAndRepeated) {
  const CommandLine line =
      Parse({"top", "--server", "a:1,b:2", "--server", "c:3", "--interval", "0.5", "--samples", "4"}).line();
  EXPECT_EQ(line.command, Command::kTop);
  EXPECT_THAT(line.servers, ElementsAre("a:1", "b:2", "c:3"));
  EXPECT_EQ(line.interval, absl::Milliseconds(500));
  EXPECT_EQ(line.samples, 4);
}

TEST(CommandLineTest, TopHasDefaultsAndBounds) {
  const CommandLine line = Parse({"top"}).line();
  EXPECT_THAT(line.servers, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(line.interval, absl::Seconds(1));
  EXPECT_EQ(line.samples, 0);
  EXPECT_EQ(Parse({"top", "--interval", "0"}).code(), 2);
  EXPECT_EQ(Parse({"top", "--samples", "0"}).code(), 2);
  EXPECT_EQ(Parse({"top", "--server", "a:1", "b:2"}).code(), 2);
}

TEST(CommandLineTest, ASamplerMayBringItsSigmas) {
  const Parsed parsed = Generate({"--sampler", "euler_a_exponential"});
  EXPECT_EQ(parsed.line().spec.sampler(), "euler_a");
  EXPECT_EQ(parsed.line().spec.sigmas(), "exponential");
  EXPECT_EQ(Generate({"--sampler", "dpmpp_2m_karras", "--sigmas", "karras"}).line().spec.sigmas(), "karras");
  EXPECT_EQ(Generate({"--sampler", "dpm2_a", "--sigmas", "beta"}).line().spec.sampler(), "dpm2_a");
}

TEST(CommandLineTest, AMotionModuleMakesClipsInTheFilesFormat) {
  const auto clip = [](const char* out) {
    return Parse({"generate", "--prompt", "p", "--motion", "v2", "--frames", "24", "--fps", "12", "--out", out});
  };
  const v1::GenerationSpec spec = clip("x.mp4").line().spec;
  EXPECT_EQ(spec.animation().motion(), "v2");
  EXPECT_EQ(spec.animation().frames(), 24);
  EXPECT_EQ(spec.animation().fps(), 12);
  EXPECT_EQ(spec.output().clip_format(), v1::CLIP_FORMAT_MP4);
  EXPECT_EQ(clip("x.gif").line().spec.output().clip_format(), v1::CLIP_FORMAT_GIF);
  EXPECT_EQ(clip("x.webp").line().spec.output().clip_format(), v1::CLIP_FORMAT_WEBP);
  for (const char* one : {"x.mp4", "x.gif", "x.webp"}) {
    EXPECT_EQ(clip(one).line().spec.output().format(), v1::IMAGE_FORMAT_UNSPECIFIED) << one;
    EXPECT_EQ(CountOutputs(clip(one).line().spec), 1) << one;
  }
  const v1::GenerationSpec frames = clip("x.png").line().spec;
  EXPECT_EQ(frames.output().format(), v1::IMAGE_FORMAT_PNG);
  EXPECT_EQ(frames.output().clip_format(), v1::CLIP_FORMAT_UNSPECIFIED);
  EXPECT_EQ(CountOutputs(frames), 24);
}

TEST(CommandLineTest, FlagsAndFilesOfClipsGoWithAMotionModule) {
  EXPECT_EQ(Generate({"--frames", "5"}).code(), 2);
  EXPECT_EQ(Generate({"--fps", "5"}).code(), 2);
  for (const char* out : {"x.gif", "x.mp4"}) {
    const Parsed parsed = Parse({"generate", "--prompt", "p", "--out", out});
    EXPECT_EQ(parsed.code(), 2);
    EXPECT_THAT(parsed.err, HasSubstr("--motion"));
  }
  EXPECT_EQ(Parse({"generate", "--prompt", "p", "--out", "x.webp"}).line().spec.output().format(),
            v1::IMAGE_FORMAT_WEBP);
}

TEST(CommandLineTest, TheDenoisingIsSharedByTwoJobs) {
  const Parsed base = Parse({"generate", "--prompt", "p", "--out", "x.safetensors", "--denoising-end", "0.8"});
  EXPECT_EQ(base.line().spec.denoising_end(), 0.8);
  EXPECT_EQ(base.line().spec.output().format(), v1::IMAGE_FORMAT_LATENT);
  const Parsed refiner = Generate({"--init-image", "/proc/self/exe", "--denoising-start", "0.8"});
  EXPECT_EQ(refiner.line().spec.image_to_image().denoising_start(), 0.8);
  EXPECT_FALSE(refiner.line().spec.image_to_image().has_strength());
}

TEST(CommandLineTest, AnEmptyPromptIsAPrompt) {
  EXPECT_EQ(Parse({"generate", "--prompt", "", "--out", "x.png"}).line().spec.prompt(), "");
}

TEST(CommandLineTest, PromptsMayBeLiteralAndSkipLayers) {
  EXPECT_FALSE(Generate({}).line().spec.literal_prompt());
  const v1::GenerationSpec spec = Generate({"--literal-prompt", "--clip-skip", "2"}).line().spec;
  EXPECT_TRUE(spec.literal_prompt());
  EXPECT_EQ(spec.clip_skip(), 2);
  EXPECT_THAT(Generate({"--clip-skip", "-1"}).err, HasSubstr("--clip-skip"));
}

TEST(CommandLineTest, ClassesAndEnlargementsNeedNoPrompt) {
  const Parsed drawn = Parse({"generate", "--class-label", "0", "--out", "x.png"});
  EXPECT_TRUE(drawn.line().spec.has_class_to_image());
  const std::string small = testing::TempDir() + "/small.png";
  std::ofstream(small) << "a picture";
  const Parsed enlarged =
      Parse({"generate", "--low-res", small.c_str(), "--noise-level", "0", "--prompt", "p", "--out", "x.png"});
  EXPECT_EQ(enlarged.line().spec.super_resolution().low_res().data(), "a picture");
  EXPECT_TRUE(enlarged.line().spec.super_resolution().has_noise_level());
  EXPECT_EQ(enlarged.line().spec.prompt(), "p");
}

TEST(CommandLineTest, TheExtensionChoosesTheFormat) {
  EXPECT_EQ(Generate({}).line().spec.output().format(), v1::IMAGE_FORMAT_PNG);
  EXPECT_EQ(Parse({"generate", "--prompt", "p", "--out", "x.JPEG"}).line().spec.output().format(),
            v1::IMAGE_FORMAT_JPEG);
}

TEST(CommandLineTest, ALoraMayHaveAScale) {
  const auto parsed = Generate({"--lora", "style", "--lora", "ink:-0.5", "--lora", "a:b", "--lora", "c:d:2"});
  const auto& loras = parsed.line().spec.loras();
  ASSERT_EQ(loras.size(), 4);
  EXPECT_EQ(loras[0].name(), "style");
  EXPECT_FALSE(loras[0].has_scale());
  EXPECT_EQ(loras[1].name(), "ink");
  EXPECT_EQ(loras[1].scale(), -0.5);
  EXPECT_EQ(loras[2].name(), "a:b");
  EXPECT_EQ(loras[3].name(), "c:d");
  EXPECT_EQ(loras[3].scale(), 2);
}

TEST(CommandLineTest, EmbeddingsAndBoxesMayBeRepeated) {
  const auto parsed = Generate({"--embedding", "toy", "--embedding", "bad-hands", "--box", "a cat@0.1,0.25,0.5,1",
                                "--box", "an @ sign@0,0,1e0,0.5"});
  const v1::GenerationSpec& spec = parsed.line().spec;
  ASSERT_EQ(spec.embeddings_size(), 2);
  EXPECT_EQ(spec.embeddings(1), "bad-hands");
  ASSERT_EQ(spec.boxes_to_image().boxes_size(), 2);
  const v1::Box& box = spec.boxes_to_image().boxes(0);
  EXPECT_EQ(box.phrase(), "a cat");
  EXPECT_EQ(box.x0(), 0.1);
  EXPECT_EQ(box.y0(), 0.25);
  EXPECT_EQ(box.x1(), 0.5);
  EXPECT_EQ(box.y1(), 1);
  EXPECT_EQ(spec.boxes_to_image().boxes(1).phrase(), "an @ sign");
}

TEST(CommandLineTest, ABoxHasAPhraseAndFourSides) {
  for (const char* box :
       {"a cat", "a cat@0,0,1", "a cat@0,0,1,1,1", "a cat@0,0,1,x", "@0,0,1,1", "a cat@", "a cat@,,,"}) {
    EXPECT_EQ(Generate({"--box", box}).code(), kUsage) << box;
  }
  EXPECT_EQ(Generate({"--box", "a cat@0,0,1,1", "--class-label", "1"}).code(), kUsage);
}

TEST(CommandLineTest, AControlHasAPictureAndMayHaveAScale) {
  const std::string file = testing::TempDir() + "/edges:1.png";
  std::ofstream(file) << "a picture";
  const std::string canny = "canny:" + file;
  const std::string pose = "pose:" + file + ":-0.5";
  const auto parsed = Generate({"--control", canny.c_str(), "--control", pose.c_str()});
  const auto& controls = parsed.line().spec.controls();
  ASSERT_EQ(controls.size(), 2);
  EXPECT_EQ(controls[0].name(), "canny");
  EXPECT_EQ(controls[0].image().data(), "a picture");
  EXPECT_FALSE(controls[0].has_scale());
  EXPECT_EQ(controls[1].name(), "pose");
  EXPECT_EQ(controls[1].scale(), -0.5);
  for (const char* wrong : {"canny", ":x.png", "canny:", "canny:/nowhere.png"}) {
    EXPECT_THAT(Generate({"--control", wrong}).err, HasSubstr("--control")) << wrong;
  }
}

TEST(CommandLineTest, DetachNeedsNoFile) {
  EXPECT_TRUE(Parse({"generate", "--prompt", "p", "--detach"}).line().detach);
}

TEST(CommandLineTest, TimesMayHaveAUnit) {
  EXPECT_EQ(Generate({"--timeout", "30"}).line().options.timeout().seconds(), 30);
  EXPECT_EQ(Generate({"--timeout", "1m30s"}).line().options.timeout().seconds(), 90);
}

TEST(CommandLineTest, AJobMayBeNamedInShort) {
  EXPECT_EQ(Parse({"cancel", "0d1f"}).line().job, "jobs/0d1f");
  EXPECT_EQ(Parse({"cancel", "jobs/0d1f"}).line().job, "jobs/0d1f");
}

struct WrongLine {
  std::vector<const char*> arguments;
  const char* says;
};

class WrongLineTest : public testing::TestWithParam<WrongLine> {};

TEST_P(WrongLineTest, IsToldAndExitsWith2) {
  const Parsed parsed = Parse(GetParam().arguments);
  ASSERT_TRUE(std::holds_alternative<int>(parsed.result));
  EXPECT_EQ(parsed.code(), 2);
  EXPECT_THAT(parsed.err, testing::StartsWith("error: "));
  EXPECT_THAT(parsed.err, HasSubstr(GetParam().says));
  EXPECT_EQ(parsed.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongLineTest,
    testing::Values(
        WrongLine{{}, "a command is required"}, WrongLine{{"paint"}, "paint"},
        WrongLine{{"generate", "--out", "x.png"}, "--prompt is required"},
        WrongLine{{"generate", "--prompt", "p"}, "--out is required"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.bmp"}, "must be .png, .jpg, .jpeg, .webp, .gif or .mp4"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x"}, "must be .png, .jpg, .jpeg, .webp, .gif or .mp4"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--steps", "0"}, "--steps"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--denoising-start", "0.5"}, "go with --init-image"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--steps", "many"}, "--steps"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--seed", "9223372036854775808"}, "--seed"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--label", "a"}, "must be KEY=VALUE"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--timeout", "soon"}, "must be a time such as"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--timeout", "-1"}, "must be more than nothing"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--sampler", "heun_karras", "--sigmas", "beta"},
                  "contradict each other"},
        WrongLine{{"generate", "--class-label", "1", "--low-res", "x", "--out", "x.png"}, "exclude each other"},
        WrongLine{{"generate", "--prompt", "p", "--noise-level", "1", "--out", "x.png"}, "goes with --low-res"},
        WrongLine{{"generate", "--low-res", "no-such-file", "--out", "x.png"}, "cannot be read"},
        WrongLine{{"generate", "--prompt", "p", "--detach", "--preview-every", "2"}, "exclude each other"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x.png", "--colour", "red"}, "--colour"},
        WrongLine{{"watch"}, "JOB is required"}, WrongLine{{"watch", "1", "--after", "-1"}, "--after"},
        WrongLine{{"jobs", "--state", "asleep"}, "must be queued, running"}));

}  // namespace
}  // namespace latentd::cli
