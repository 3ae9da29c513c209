#include "client/cli/command_line.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace latentd::cli {
namespace {

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

TEST(CommandLineTest, ASamplerMayBringItsSigmas) {
  const Parsed parsed = Generate({"--sampler", "euler_a_exponential"});
  EXPECT_EQ(parsed.line().spec.sampler(), "euler_a");
  EXPECT_EQ(parsed.line().spec.sigmas(), "exponential");
  EXPECT_EQ(Generate({"--sampler", "dpmpp_2m_karras", "--sigmas", "karras"}).line().spec.sigmas(), "karras");
  EXPECT_EQ(Generate({"--sampler", "dpm2_a", "--sigmas", "beta"}).line().spec.sampler(), "dpm2_a");
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
        WrongLine{{"generate", "--prompt", "p", "--out", "x.gif"}, "must be .png, .jpg, .jpeg, .webp or .safetensors"},
        WrongLine{{"generate", "--prompt", "p", "--out", "x"}, "must be .png, .jpg, .jpeg, .webp or .safetensors"},
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
