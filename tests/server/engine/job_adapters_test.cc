#include "server/engine/job_adapters.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/core/test_requests.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A network whose hint has one channel, and half the size of its picture.
std::shared_ptr<const model::ControlNet> SmallNet(double bias) {
  model::ControlNetConfig config;
  config.hint_channels = {1, 1};
  config.unet.levels = {{.channels = 1,
                         .layers = 1,
                         .transformer_layers = 1,
                         .heads = 1,
                         .context_features = 1,
                         .only_cross_attention = false,
                         .down_attention = false,
                         .up_attention = false}};
  config.unet.time_features = 4;
  config.unet.norm_groups = 1;
  model::ControlNetModel network(config, at::TensorOptions().dtype(at::kFloat));
  for (const auto& parameter : network->named_parameters()) {
    parameter.value().fill_(parameter.key() == "controlnet_cond_embedding.conv_out.bias" ? bias : 0);
  }
  return std::make_shared<model::ControlNet>(network);
}

class JobControls : public testing::Test {
 protected:
  static core::AdapterUse Control(const std::string& name, double scale, double start, double end) {
    core::AdapterUse use{.kind = core::AdapterKind::kControlNet, .name = name, .scale = scale};
    use.image = core::InputImage{.data = std::make_shared<const std::string>("a file"), .width = 64, .height = 64};
    use.start = start;
    use.end = end;
    return use;
  }

  static JobAdapters Make(std::vector<core::AdapterUse> controls) {
    core::RequestFields fields = core::TestFields();
    fields.adapters = std::move(controls);
    AdapterLease::Adapters held;
    for (const core::AdapterUse& use : fields.adapters) {
      held[use.name] = {.adapter = SmallNet(use.name == "pose" ? 1 : 2), .content_hash = use.name};
    }
    JobAdapters job = JobAdapters::Make(*core::TestRequest(fields), AdapterLease(std::move(held), nullptr)).value();
    job.EncodeControls(std::vector<at::Tensor>(fields.adapters.size(), at::zeros({64, 64, 3}, at::kByte)));
    return job;
  }

  // The scales of those that act in each of `evaluations`.
  static std::vector<std::vector<double>> Scales(const JobAdapters& job, int evaluations) {
    std::vector<std::vector<double>> scales(evaluations);
    for (int i = 0; i < evaluations; ++i) {
      for (const model::AppliedControl& control : job.ControlsAt(i, evaluations)) scales[i].push_back(control.scale);
    }
    return scales;
  }
};

TEST_F(JobControls, ActInTheStepsThatLieInTheirShareAsAWhole) {
  const JobAdapters job = Make({Control("pose", 1, 0, 0.5), Control("edges", -2, 0.4, 1)});
  EXPECT_THAT(Scales(job, 5),
              ElementsAre(ElementsAre(1), ElementsAre(1), ElementsAre(-2), ElementsAre(-2), ElementsAre(-2)));
  EXPECT_THAT(Scales(job, 4), ElementsAre(ElementsAre(1), ElementsAre(1), ElementsAre(-2), ElementsAre(-2)));
  EXPECT_THAT(Scales(job, 1), ElementsAre(IsEmpty()));
  EXPECT_THAT(Scales(Make({Control("pose", 1, 0, 1)}), 3), ElementsAre(ElementsAre(1), ElementsAre(1), ElementsAre(1)));
}

TEST_F(JobControls, EachHasItsOwnHint) {
  const std::vector<model::AppliedControl> controls =
      Make({Control("edges", 1, 0, 1), Control("pose", 1, 0, 1)}).ControlsAt(0, 1);
  ASSERT_EQ(controls.size(), 2U);
  EXPECT_EQ(controls[0].hint.sizes(), at::IntArrayRef({1, 32, 32}));
  EXPECT_EQ(controls[0].hint.max().item<float>(), 2);
  EXPECT_EQ(controls[1].hint.max().item<float>(), 1);
}

TEST_F(JobControls, LeaveTheTextAlone) { EXPECT_EQ(Make({Control("pose", 1, 0, 1)}).text_key(), ""); }

}  // namespace
}  // namespace latentd::engine
