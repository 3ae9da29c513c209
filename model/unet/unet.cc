#include "model/unet/unet.h"

#include <c10/core/InferenceMode.h>

#include <vector>

#include "model/kernels/elementwise.h"
#include "model/unet/added_features.h"

namespace latentd::model {
namespace {

Conv2d MakeConv(int64_t in, int64_t out, int64_t kernel, const at::TensorOptions& options) {
  return Conv2d(
      Conv2dImpl::Shape{.in_channels = in, .out_channels = out, .kernel = kernel, .padding = (kernel - 1) / 2},
      options);
}

// Adds what ControlNets give to the maps of the way down and of the middle, lane by lane: a lane without is not
// touched.
void AddResiduals(std::span<const LaneResiduals> residuals, const std::vector<at::Tensor>& skips,
                  const at::Tensor& middle) {
  for (const LaneResiduals& lane : residuals) {
    TORCH_CHECK(lane.down.size() == skips.size(), "U-Net: residuals for ", lane.down.size(), " maps instead of ",
                skips.size());
    for (size_t i = 0; i < skips.size(); ++i) skips[i].select(0, lane.lane).add_(lane.down[i]);
    middle.select(0, lane.lane).add_(lane.middle);
  }
}

}  // namespace

UNet2DConditionModelImpl::UNet2DConditionModelImpl(const UNetConfig& config, const at::TensorOptions& options)
    : config_(config),
      conv_in_(register_module(
          "conv_in", MakeConv(config.in_channels, config.levels.front().channels, config.conv_in_kernel, options))),
      time_embedding_(
          register_module("time_embedding", TimestepEmbedding(config.levels.front().channels, config.time_features,
                                                              config.activation, options, config.guidance_features))),
      down_blocks_(register_module("down_blocks", std::make_shared<ModuleVector<DownBlock>>())),
      up_blocks_(register_module("up_blocks", std::make_shared<ModuleVector<UpBlock>>())),
      conv_norm_out_(register_module(
          "conv_norm_out", GroupNorm(config.norm_groups, config.levels.front().channels, config.norm_eps, options))),
      conv_out_(register_module(
          "conv_out", MakeConv(config.levels.front().channels, config.out_channels, config.conv_out_kernel, options))) {
  if (config.classes > 0) {
    class_embedding_ = register_module("class_embedding", Embedding(config.classes, config.time_features, options));
  }
  if (config.gated) {
    position_net_ = register_module("position_net", PositionNet(config.levels.front().context_features, options));
  }
  const size_t count = config.levels.size();
  for (size_t level = 0; level < count; ++level) down_blocks_->Append(DownBlock(config, level, options));
  if (config.added_features > 0) {
    // Its activation is SiLU whatever the network's is.
    add_embedding_ = register_module(
        "add_embedding", TimestepEmbedding(config.added_features, config.time_features, Activation::kSilu, options));
  }
  if (config.has_mid_block) mid_block_ = register_module("mid_block", MidBlock(config, options));
  for (size_t i = 0; i < count; ++i) up_blocks_->Append(UpBlock(config, count - 1 - i, options));
}

void UNet2DConditionModelImpl::CheckShapes(const at::Tensor& sample, const at::Tensor& timesteps,
                                           const Context& context, const AddedConditions& added) const {
  TORCH_CHECK(sample.dim() == 4 && sample.size(1) == config_.in_channels, "U-Net: the sample is ", sample.sizes(),
              " instead of [L, ", config_.in_channels, ", h, w]");
  const int64_t lanes = sample.size(0);
  TORCH_CHECK(timesteps.dim() == 1 && timesteps.size(0) == lanes, "U-Net: the timesteps are ", timesteps.sizes(),
              " instead of [", lanes, "]");
  int64_t described = 0;
  for (const ContextGroup& group : context) {
    TORCH_CHECK(group.states.dim() == 3, "U-Net: a context is ", group.states.sizes(), " instead of [n, T, D]");
    described += group.lanes();
    TORCH_CHECK(!group.objects.defined() ||
                    (config_.gated && group.objects.dim() == 3 && group.objects.size(0) == group.lanes()),
                "U-Net: objects are for gated networks, [n, N, D] for the n lanes of their group");
  }
  const int64_t frames = added.motion.frames;
  TORCH_CHECK(frames > 0 && lanes % frames == 0, "U-Net: ", lanes, " lanes are no clips of ", frames, " frames");
  const at::Tensor& guidance = added.guidance;
  const bool guidance_fits = config_.guidance_features == 0
                                 ? !guidance.defined()
                                 : guidance.defined() && guidance.dim() == 2 && guidance.size(0) == lanes &&
                                       guidance.size(1) == config_.guidance_features;
  TORCH_CHECK(guidance_fits, "U-Net: the guidance's embedding does not fit [", lanes, ", ", config_.guidance_features,
              "]");
  // Without one, what would be added in the middle would also be added to a map of the way down.
  TORCH_CHECK(mid_block_ || added.residuals.empty(), "U-Net: without a middle block it takes no residuals");
  TORCH_CHECK(described == lanes, "U-Net: the context is for ", described, " lanes, the sample has ", lanes);
  CheckClasses(added.class_labels, lanes);
  if (!add_embedding_) {
    TORCH_CHECK(!added.pooled.defined() && !added.numbers.defined(), "U-Net: it takes no added conditions");
    return;
  }
  TORCH_CHECK(added.pooled.defined() && added.numbers.defined(), "U-Net: the added conditions are missing");
  TORCH_CHECK(
      added.pooled.dim() == 2 && added.numbers.dim() == 2 && added.pooled.size(0) == lanes &&
          added.numbers.size(0) == lanes &&
          added.pooled.size(1) + added.numbers.size(1) * config_.added_number_features == config_.added_features,
      "U-Net: the added conditions are ", added.pooled.sizes(), " and ", added.numbers.sizes(),
      "; together they must have ", config_.added_features, " features for each of ", lanes, " lanes");
}

void UNet2DConditionModelImpl::CheckClasses(const at::Tensor& class_labels, int64_t lanes) const {
  TORCH_CHECK(class_labels.defined() == (config_.classes > 0), "U-Net: class labels go with a network of classes");
  if (!class_labels.defined()) return;
  TORCH_CHECK(class_labels.dim() == 1 && class_labels.size(0) == lanes && class_labels.scalar_type() == at::kLong,
              "U-Net: the class labels are ", class_labels.sizes(), " instead of ", lanes, " integers");
  TORCH_CHECK(
      lanes == 0 || (class_labels.min().item<int64_t>() >= 0 && class_labels.max().item<int64_t>() < config_.classes),
      "U-Net: a class label is not one of the ", config_.classes, " classes");
}

at::Tensor UNet2DConditionModelImpl::Time(const UNetInputs& inputs) const {
  at::Tensor time = time_embedding_->forward(inputs.time, inputs.guidance);
  if (class_embedding_) time = time + class_embedding_->forward(inputs.class_labels);
  return add_embedding_ ? time + add_embedding_->forward(inputs.features) : time;
}

at::Tensor UNet2DConditionModelImpl::Objects(std::span<const Grounding* const> lanes, int64_t first_lane) const {
  TORCH_CHECK(config_.gated, "U-Net: it takes no phrases in boxes");
  const c10::InferenceMode no_gradients;
  return position_net_->forward(lanes, first_lane);
}

UNetInputs UNet2DConditionModelImpl::Prepare(const at::Tensor& sample, const at::Tensor& timesteps,
                                             const Context& context, const AddedConditions& added) const {
  const c10::InferenceMode no_gradients;
  CheckShapes(sample, timesteps, context, added);
  const at::TensorOptions options = conv_in_->weight.options();
  UNetInputs inputs{.sample = sample.to(options).contiguous(at::MemoryFormat::ChannelsLast),
                    .time = SinusoidalEmbedding(timesteps, config_.levels.front().channels, config_.flip_sin_to_cos,
                                                config_.freq_shift)
                                .to(options),
                    .residuals = added.residuals,
                    .motion = added.motion};
  if (added.guidance.defined()) inputs.guidance = added.guidance.to(options);
  if (added.class_labels.defined()) inputs.class_labels = added.class_labels.to(options.device());
  if (add_embedding_) inputs.features = AddedFeatures(config_, added).to(options);
  for (const ContextGroup& group : context) {
    inputs.context.push_back({.states = group.states.to(options).contiguous(),  // [n, T, D]
                              .lanes_each = group.lanes_each,
                              .objects = group.objects});
  }
  return inputs;
}

at::Tensor UNet2DConditionModelImpl::forward(const at::Tensor& sample, const at::Tensor& timesteps,
                                             const Context& context, const AddedConditions& added) const {
  return Run(Prepare(sample, timesteps, context, added));
}

at::Tensor UNet2DConditionModelImpl::Run(const UNetInputs& inputs) const {
  const c10::InferenceMode no_gradients;
  const Context& context = inputs.context;
  const ClipMotion& motion = inputs.motion;
  at::Tensor x = config_.center_input ? 2 * inputs.sample - 1 : inputs.sample;  // [L, in, h, w]

  // 1. Time. Every residual block takes the activation of the same embedding, so it is computed once.
  const at::Tensor time = kernels::Activate(Time(inputs), config_.activation);  // [L, time_features]

  // 2. Down, keeping the maps that the way up will look at again.
  x = conv_in_->forward(x);  // [L, C0, h, w]
  std::vector<at::Tensor> skips = {x};
  for (size_t i = 0; i < down_blocks_->size(); ++i) {
    x = (*down_blocks_)[i]->forward(x, time, context, skips, motion.Down(i));  // [L, Ci, h >> i, w >> i]
  }

  // 3. Middle.
  if (mid_block_) x = mid_block_->forward(x, time, context, motion.Middle());  // [L, Cn, h >> n, w >> n]
  AddResiduals(inputs.residuals, skips, x);

  // 4. Up.
  for (size_t i = 0; i < up_blocks_->size(); ++i) {
    x = (*up_blocks_)[i]->forward(x, time, context, skips, motion.Up(i));  // [L, Ci, h >> i, w >> i]
  }

  // 5. Out.
  return conv_out_->forward(conv_norm_out_->forward(x, config_.activation));  // [L, out, h, w]
}

}  // namespace latentd::model
