// Jobs whose rows carry adapters.

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/adapters/lora.h"
#include "model/adapters/textual_inversion.h"
#include "model/errors.h"
#include "server/core/errors.h"
#include "server/engine/adapter_registry.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EngineAdaptersTest : public EngineTest {
 protected:
  // "style" and "words", which also changes the text; "broken" cannot be loaded, "slow" waits at the gate.
  void StartEngineWithAdapters() {
    AdapterRegistry::Options adapters{.adapters = {}, .memory_budget = 1000};
    for (const char* name : {"style", "words", "broken", "slow"}) {
      core::AdapterInfo info{.name = name};
      adapters.adapters.push_back({.info = info,
                                   .content_hash = [name = std::string(name)] { return name; },
                                   .load =
                                       [this, name = std::string(name)](const model::DiffusionModel&) {
                                         if (name == "broken") throw model::ModelError(name, {"rank is 0"});
                                         if (name == "slow") gate_.Wait();
                                         std::map<std::string, std::vector<model::Lora::Change>> changes;
                                         const model::LowRank thin{.down = at::zeros({1, 1}), .up = at::zeros({1, 1})};
                                         changes["unet"].push_back({.weights = thin});
                                         if (name == "words") changes["text_encoder"].push_back({.weights = thin});
                                         return std::make_shared<model::Lora>(std::move(changes));
                                       }});
    }
    for (const char* token : {"", "<toy>"}) {
      const std::string name = absl::StrCat("embedding", token);
      adapters.adapters.push_back({.info = {.name = name, .kind = core::AdapterKind::kEmbedding},
                                   .content_hash = [name = std::string(name)] { return name; },
                                   .load =
                                       [token = std::string(token)](const model::DiffusionModel&) {
                                         return std::make_shared<model::TextualInversion>(
                                             token, std::map<std::string, at::Tensor>{});
                                       }});
    }
    adapters_ = std::make_unique<AdapterRegistry>(std::move(adapters));
    options_.adapters = adapters_.get();
    StartEngine();
  }

  ~EngineAdaptersTest() override {
    engine_ = nullptr;  // before the adapters
    registry_ = nullptr;
  }

  static core::RequestFields With(const std::string& prompt, std::vector<core::AdapterUse> loras) {
    core::RequestFields fields = Fields(prompt);
    fields.adapters = std::move(loras);
    return fields;
  }

  Gate gate_;
  std::unique_ptr<AdapterRegistry> adapters_;
};

TEST_F(EngineAdaptersTest, EveryEvaluationOfARowCarriesItsLoras) {
  StartEngineWithAdapters();
  const std::string job = Create(With("a cat", {{.name = "style", .scale = 0.25}}));
  WaitUntilIdle();
  EXPECT_EQ(Get(job).state, core::JobState::kCompleted);
  EXPECT_EQ(control_.lora_scales, std::vector<double>(control_.Predicted().size(), 0.25));
  EXPECT_THAT(control_.lora_scales, testing::SizeIs(3));
}

TEST_F(EngineAdaptersTest, OnlyLorasThatChangeTheTextKeepConditioningsApart) {
  StartEngineWithAdapters();
  Create(With("a cat", {}));
  WaitUntilIdle();
  const int plain = control_.encoded;
  Create(With("a cat", {{.name = "style"}}));
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, plain);
  Create(With("a cat", {{.name = "words"}}));
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, 2 * plain);
  Create(With("a cat", {{.name = "words", .scale = 0.5}}));
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, 3 * plain);
  Create(With("a cat", {{.name = "words"}}));
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, 3 * plain);
}

TEST_F(EngineAdaptersTest, PromptsCarryEmbeddingsWhichKeepConditioningsApart) {
  StartEngineWithAdapters();
  Create(With("a cat", {}));
  WaitUntilIdle();
  const size_t plain = control_.prompts.size();
  const core::AdapterUse named{.kind = core::AdapterKind::kEmbedding, .name = "embedding<toy>"};
  const core::AdapterUse unnamed{.kind = core::AdapterKind::kEmbedding, .name = "embedding"};
  Create(With("a cat", {named, unnamed}));
  WaitUntilIdle();
  ASSERT_EQ(control_.prompts.size(), 2 * plain);
  const std::vector<model::AppliedEmbedding>& embeddings = control_.prompts.back().embeddings;
  ASSERT_EQ(embeddings.size(), 2u);
  EXPECT_EQ(embeddings[0].token, "<toy>");      // what its file says
  EXPECT_EQ(embeddings[1].token, "embedding");  // the name, where the file says nothing
  Create(With("a cat", {named}));
  WaitUntilIdle();
  EXPECT_EQ(control_.prompts.size(), 3 * plain);
  Create(With("a cat", {named, unnamed}));
  WaitUntilIdle();
  EXPECT_EQ(control_.prompts.size(), 3 * plain);
}

TEST_F(EngineAdaptersTest, EmbeddingsThatNoPromptHoldsAreToldOf) {
  StartEngineWithAdapters();
  const std::string name = Create(With("a cat", {{.name = "style"},
                                                 {.kind = core::AdapterKind::kEmbedding, .name = "embedding"},
                                                 {.kind = core::AdapterKind::kEmbedding, .name = "embedding<toy>"}}));
  WaitUntilIdle();
  const core::Job job = Get(name);
  ASSERT_EQ(job.warnings.size(), 2u);
  EXPECT_EQ(job.warnings[0].reason, "EMBEDDING_NOT_USED");
  EXPECT_EQ(job.warnings[0].field, "spec.embeddings[0]");
  EXPECT_EQ(job.warnings[1].field, "spec.embeddings[1]");
  EXPECT_THAT(job.warnings[1].message, HasSubstr("<toy>"));
}

TEST_F(EngineAdaptersTest, AnAdapterThatIsWrongFailsItsJobAlone) {
  StartEngineWithAdapters();
  const std::string wrong = Create(With("a cat", {{.name = "style"}, {.name = "broken"}}));
  const std::string other = Create(With("a dog", {{.name = "style"}}));
  WaitUntilIdle();
  const core::Job job = Get(wrong);
  EXPECT_EQ(job.state, core::JobState::kFailed);
  EXPECT_EQ(core::GetErrorDetails(job.error).reason, "ADAPTER_UNUSABLE");
  EXPECT_THAT(std::string(job.error.message()), HasSubstr("adapter broken"));
  EXPECT_THAT(std::string(job.error.message()), HasSubstr("rank is 0"));
  EXPECT_EQ(Get(other).state, core::JobState::kCompleted);
}

// Another replica has accepted the job, with other files.
TEST_F(EngineAdaptersTest, AnAdapterThatIsNotHereFailsItsJobAlone) {
  StartEngineWithAdapters();
  const core::InputImage picture{.data = std::make_shared<const std::string>("a file"), .sha256 = "its hash"};
  const std::string missing =
      Create(With("a cat", {{.kind = core::AdapterKind::kImagePrompt, .name = "face", .image = picture}}));
  const std::string another = Create(With("a cat", {{.kind = core::AdapterKind::kEmbedding, .name = "style"}}));
  const std::string other = Create(With("a dog", {{.name = "style"}}));
  WaitUntilIdle();
  EXPECT_TRUE(absl::IsNotFound(Get(missing).error)) << Get(missing).error;
  EXPECT_EQ(core::GetErrorDetails(Get(another).error).reason, "ADAPTER_UNFIT");
  EXPECT_EQ(Get(other).state, core::JobState::kCompleted);
}

TEST_F(EngineAdaptersTest, OthersRunWhileAnAdapterLoads) {
  StartEngineWithAdapters();
  const std::string slow = Create(With("a cat", {{.name = "slow"}}));
  gate_.AwaitArrival();
  std::promise<void> ran;
  control_.on_predict = [&](size_t forward) {
    if (forward == 0) ran.set_value();
  };
  Create(With("a dog", {}));
  ran.get_future().wait();
  EXPECT_THAT(control_.Predicted().front(), ElementsAre("a dog"));
  gate_.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(slow).state, core::JobState::kCompleted);
}

TEST_F(EngineAdaptersTest, AJobMayEndWhileItsAdapterLoads) {
  StartEngineWithAdapters();
  const std::string slow = Create(With("a cat", {{.name = "slow"}}));
  gate_.AwaitArrival();
  ASSERT_TRUE(store_->Cancel(slow, "CALLER").ok());
  gate_.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(slow).state, core::JobState::kCancelled);
  EXPECT_THAT(control_.Predicted(), IsEmpty());
}

}  // namespace
}  // namespace latentd::engine
