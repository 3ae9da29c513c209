#include "server/engine/row_state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>

#include <string>

#include "model/samplers/sampler.h"

namespace latentd::engine {
namespace {

using ::testing::HasSubstr;

// A row that is denoised by arithmetic, so that each evaluation's prediction depends on its latent and timestep.
struct Rehearsal {
  explicit Rehearsal(std::shared_ptr<const model::Sampler> plan)
      : sampler(std::move(plan)), generator(at::detail::createCPUGenerator(7)) {
    latent = model::DrawNoise({4, 6, 10}, generator, at::kCPU) * sampler->init_noise_sigma();
  }

  void Run(int evaluations) {
    for (int i = 0; i < evaluations; ++i) {
      const at::Tensor input = sampler->ScaleModelInput(state, latent);
      const at::Tensor prediction = input * 0.4 + sampler->Timestep(state) * 1e-4;
      latent = sampler->Advance(state, latent, prediction, generator).latent;
    }
  }

  std::string Saved() const { return RowState::Of(latent, state, generator).Save(); }
  model::StepRange steps() const { return {.begin = {}, .end = sampler->evaluations()}; }

  std::shared_ptr<const model::Sampler> sampler;
  at::Generator generator;
  at::Tensor latent;
  model::SamplerState state;
};

class EverySampler : public testing::TestWithParam<model::SamplerKind> {};

TEST_P(EverySampler, GoesOnElsewhereAsItWouldHave) {
  const auto plan = model::MakeSampler({}, {.kind = GetParam(), .steps = 8});
  for (int evaluation = 0; evaluation <= plan->evaluations(); ++evaluation) {
    Rehearsal whole(plan);
    whole.Run(plan->evaluations());
    Rehearsal begun(plan);
    begun.Run(evaluation);
    const auto state = RowState::Read(begun.Saved(), begun.steps(), {4, 6, 10});
    ASSERT_TRUE(state.ok()) << state.status();
    Rehearsal resumed(plan);
    resumed.latent = state->latent;
    resumed.state = state->sampler;
    resumed.generator.set_state(state->generator);
    resumed.Run(plan->evaluations() - evaluation);
    EXPECT_TRUE(at::equal(resumed.latent, whole.latent)) << "after evaluation " << evaluation;
  }
}

INSTANTIATE_TEST_SUITE_P(RowState, EverySampler, testing::ValuesIn(model::AllSamplerKinds()),
                         [](const auto& each) { return std::string(model::Name(each.param)); });

class RowStateTest : public testing::Test {
 protected:
  std::string ErrorOf(const std::string& bytes, at::IntArrayRef shape = {4, 6, 10}) const {
    return std::string(RowState::Read(bytes, row_.steps(), shape).status().message());
  }

  Rehearsal row_{model::MakeSampler({}, {.kind = model::SamplerKind::kDpmpp2m, .steps = 8})};
};

TEST_F(RowStateTest, BytesOfAnotherRowAreRefused) {
  row_.Run(3);
  EXPECT_THAT(ErrorOf(row_.Saved(), {4, 10, 6}), HasSubstr("another latent"));
  EXPECT_THAT(std::string(RowState::Read(row_.Saved(), {.begin = {}, .end = 2}, {4, 6, 10}).status().message()),
              HasSubstr("before evaluation 3"));
  EXPECT_THAT(std::string(RowState::Read(row_.Saved(), {.begin = {.evaluation = 2, .begin = 2}, .end = 8}, {4, 6, 10})
                              .status()
                              .message()),
              HasSubstr("begun at 0"));
}

TEST_F(RowStateTest, DamagedBytesAreRefused) {
  row_.Run(3);
  const std::string bytes = row_.Saved();
  EXPECT_NE(ErrorOf(""), "");
  EXPECT_NE(ErrorOf("rubbish, and more of it"), "");
  for (const size_t length : {size_t{8}, size_t{100}, bytes.size() - 1}) {
    EXPECT_NE(ErrorOf(bytes.substr(0, length)), "") << length;
  }
  EXPECT_EQ(ErrorOf(bytes), "");
}

}  // namespace
}  // namespace latentd::engine
