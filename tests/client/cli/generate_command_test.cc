#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli/latentctl_test_base.h"

namespace latentd::cli {
namespace {

using client::Announce;
using client::Chunk;
using client::History;
using client::MakeEvent;
using client::Play;
using client::PlayFirst;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

using GenerateCommandTest = LatentctlTest;

TEST_F(GenerateCommandTest, APipeGetsOneLineForEachEvent) {
  std::vector<v1::Event> history = History("a picture");
  v1::Warning& warning = *history[1].mutable_started()->add_warnings();
  warning.set_field("spec.prompt");
  warning.set_message("cut after 77 tokens");
  history[2].mutable_progress()->mutable_eta()->set_nanos(300'000'000);
  server_.watch = {Play(history)};
  const Finished finished = RunLatentctl(Generate());
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            absl::StrCat("job: jobs/1\n"
                         "queued: 2 jobs before it, starts in about 4.0s\n"
                         "started: seed 7\n"
                         "warning: spec.prompt: cut after 77 tokens\n"
                         "progress: image 0, step 1/2, 0.3s left\n"
                         "progress: image 0, step 2/2\n"
                         "output: image 0, 64x48 image/png, 9 bytes, seed 7\n"
                         "saved: ",
                         Path("apple.png"),
                         "\n"
                         "completed: queued 0.5s, encode 0.0s, denoise 1.0s, decode 0.0s; 2 evaluations\n"));
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(Contents("apple.png"), "a picture");
  EXPECT_THAT(Files(), ElementsAre("apple.png"));
}

TEST_F(GenerateCommandTest, JsonHasOneObjectForEachEventWithoutBytes) {
  std::vector<v1::Event> history = History("a picture", 9);
  history[2].mutable_progress()->mutable_preview()->mutable_image()->set_data("preview");
  server_.watch = {Play(history)};
  const Finished finished = RunLatentctl(Generate({"--json"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  // Protobuf does not promise an order of fields.
  std::vector<nlohmann::json> objects;
  for (const absl::string_view text : absl::StrSplit(finished.out, '\n', absl::SkipEmpty())) {
    objects.push_back(nlohmann::json::parse(text));
  }
  EXPECT_EQ(nlohmann::json(objects), nlohmann::json::parse(R"([
      {"job": "jobs/1", "sequence": "1", "queued": {"position": 2, "eta": "4s"}},
      {"job": "jobs/1", "sequence": "2", "started": {"seed": "7", "warnings": []}},
      {"job": "jobs/1", "sequence": "3", "progress": {"outputIndex": 0, "step": 1, "totalSteps": 2, "preview":
          {"image": {"format": "IMAGE_FORMAT_UNSPECIFIED", "width": 0, "height": 0, "data": ""}}}},
      {"job": "jobs/1", "sequence": "4", "progress": {"outputIndex": 0, "step": 2, "totalSteps": 2}},
      {"job": "jobs/1", "sequence": "5", "output": {"index": 0, "kind": "KIND_IMAGE", "state": "STATE_OK",
          "seed": "7", "mediaType": "image/png", "width": 64, "height": 48, "frames": 0, "fps": 0, "flagged": false, "size": "9",
          "sha256": "92b2fa58028958317e408bd84ecfa70f5ee35b121991dbc232c49d166353708b"}},
      {"job": "jobs/1", "sequence": "6", "outputChunk": {"index": 0, "offset": "0", "data": ""}},
      {"job": "jobs/1", "sequence": "7", "completed": {"usage": {"queueTime": "0.500s", "denoiseTime": "1s",
          "evaluations": "2", "pixelEvaluations": "0", "failedOutputs": 0}}}])"));
  EXPECT_EQ(Contents("apple.png"), "a picture");
}

TEST_F(GenerateCommandTest, ATerminalGetsABar) {
  std::vector<v1::Event> history = History("a picture");
  for (size_t i = 0; i < history.size(); ++i) {
    history[i].mutable_time()->set_seconds(static_cast<int64_t>(i));
  }
  server_.watch = {Play(history)};
  const Finished finished = Process(Generate(), Process::Output::kTerminal).Wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("\rqueued: 2 jobs before it, starts in about 4.0s\x1b[K"));
  EXPECT_THAT(finished.out, HasSubstr("\r[##########----------] 50%  step 1/2  0.5 images/s\x1b[K"));
  EXPECT_THAT(finished.out, HasSubstr("saved: " + Path("apple.png") + "\r\n"));
  EXPECT_THAT(finished.out, Not(HasSubstr("progress:")));
}

TEST_F(GenerateCommandTest, EveryFlagReachesTheServer) {
  const Finished finished = RunLatentctl(With("generate", {"--model",
                                                           "m",
                                                           "--prompt",
                                                           "a red apple",
                                                           "--negative-prompt",
                                                           "blue",
                                                           "--steps",
                                                           "25",
                                                           "--sampler",
                                                           "dpmpp_2m_karras",
                                                           "--guidance-scale",
                                                           "5.5",
                                                           "--seed",
                                                           "9223372036854775807",
                                                           "--width",
                                                           "64",
                                                           "--height",
                                                           "48",
                                                           "--num-images",
                                                           "2",
                                                           "--preview-every",
                                                           "5",
                                                           "--eta",
                                                           "0.5",
                                                           "--quality",
                                                           "80",
                                                           "--omit-prompts",
                                                           "--timeout",
                                                           "90s",
                                                           "--priority",
                                                           "-3",
                                                           "--single-flight",
                                                           "--label",
                                                           "a=b",
                                                           "--label",
                                                           "c=d=e",
                                                           "--out",
                                                           Path("x.webp")}));
  const v1::CreateJobRequest request = server_.create_requests().at(0);
  const v1::GenerationSpec& spec = request.spec();
  EXPECT_EQ(spec.model(), "m");
  EXPECT_EQ(spec.prompt(), "a red apple");
  EXPECT_EQ(spec.negative_prompt(), "blue");
  EXPECT_EQ(spec.steps(), 25);
  EXPECT_EQ(spec.sampler(), "dpmpp_2m");
  EXPECT_EQ(spec.sigmas(), "karras");
  EXPECT_EQ(spec.guidance_scale(), 5.5);
  EXPECT_EQ(spec.seed(), 9223372036854775807);
  EXPECT_EQ(spec.width(), 64);
  EXPECT_EQ(spec.height(), 48);
  EXPECT_EQ(spec.num_images(), 2);
  EXPECT_EQ(spec.preview().kind(), v1::PreviewOptions::KIND_IMAGE);
  EXPECT_EQ(spec.preview().every_steps(), 5);
  EXPECT_EQ(spec.eta(), 0.5);
  EXPECT_EQ(spec.output().format(), v1::IMAGE_FORMAT_WEBP);
  EXPECT_EQ(spec.output().quality(), 80);
  EXPECT_TRUE(spec.output().omit_prompts());
  EXPECT_EQ(request.options().timeout().seconds(), 90);
  EXPECT_EQ(request.options().priority(), -3);
  EXPECT_TRUE(request.options().single_flight());
  EXPECT_EQ(request.options().labels().at("a"), "b");
  EXPECT_EQ(request.options().labels().at("c"), "d=e");
}

TEST_F(GenerateCommandTest, FlagsThatAreNotGivenStayTheServersChoice) {
  EXPECT_EQ(RunLatentctl(Generate()).code, 0);
  const v1::GenerationSpec spec = server_.create_requests().at(0).spec();
  EXPECT_FALSE(spec.has_seed());
  EXPECT_FALSE(spec.has_guidance_scale());
  EXPECT_EQ(spec.steps(), 0);
  EXPECT_EQ(spec.sampler(), "");
  EXPECT_FALSE(spec.has_preview());
}

TEST_F(GenerateCommandTest, WithoutAModelTheFirstOneThatDrawsFromTextIsUsedAndNamed) {
  v1::Model& broken = server_.models.emplace_back();
  broken.set_name("models/a");
  broken.set_state(v1::Model::STATE_BROKEN);
  broken.add_tasks("text_to_image");
  for (const char* name : {"models/pictograms", "models/z"}) {
    v1::Model& model = server_.models.emplace_back();
    model.set_name(name);
    model.add_tasks("text_to_image");
  }
  const Finished finished = RunLatentctl(With("generate", {"--prompt", "", "--out", Path("x.png")}));
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.err, "model: pictograms (the first; --model chooses another)\n");
  EXPECT_EQ(server_.create_requests().at(0).spec().model(), "pictograms");
}

TEST_F(GenerateCommandTest, SeveralImagesAreNumberedAndPreviewsGoWhenThePictureComes) {
  std::vector<v1::Event> history = {
      MakeEvent(1), Announce(2, 1, "pear"), Chunk(3, 1, 0, "pear"), Announce(4, 0, "apple"), Chunk(5, 0, 0, "apple"),
      MakeEvent(6)};
  history[0].mutable_progress()->set_output_index(1);
  history[0].mutable_progress()->mutable_preview()->mutable_image()->set_data("blur");
  history[5].mutable_completed();
  server_.watch = {Play(history)};
  EXPECT_EQ(RunLatentctl(Generate({"--num-images", "2", "--preview-every", "1"})).code, 0);
  EXPECT_THAT(Files(), UnorderedElementsAre("apple-0.png", "apple-1.png"));
  EXPECT_EQ(Contents("apple-0.png"), "apple");
  EXPECT_EQ(Contents("apple-1.png"), "pear");
}

TEST_F(GenerateCommandTest, APreviewOfAJobThatFailsDoesNotStay) {
  std::vector<v1::Event> history = {MakeEvent(1), MakeEvent(2)};
  history[0].mutable_progress()->mutable_preview()->mutable_image()->set_data("blur");
  history[1].mutable_failed()->mutable_status()->set_code(13);
  history[1].mutable_failed()->mutable_status()->set_message("the device is gone");
  server_.watch = {Play(history)};
  const Finished finished = RunLatentctl(Generate());
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(finished.err, "error: the device is gone\n");
  EXPECT_THAT(Files(), ElementsAre());
}

TEST_F(GenerateCommandTest, ALostConnectionIsToldAndTakenUpAgain) {
  server_.watch = {PlayFirst(6, History("a picture"), grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection reset")),
                   Play(History("a picture"))};
  const Finished finished = RunLatentctl(Generate());
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.err, testing::MatchesRegex("connection reset; trying again in 0\\.[12]s\n"));
  EXPECT_EQ(Contents("apple.png"), "a picture");
}

TEST_F(GenerateCommandTest, DetachPrintsTheNameAndReturns) {
  const Finished finished = RunLatentctl(With("generate", {"--model", "m", "--prompt", "p", "--detach"}));
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.out, "jobs/1\n");
  EXPECT_TRUE(server_.watch_requests().empty());
}

}  // namespace
}  // namespace latentd::cli
