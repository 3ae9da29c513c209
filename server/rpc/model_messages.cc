#include "server/rpc/model_messages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/rpc/enums.h"
#include "server/rpc/status.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {
v1::Adapter ToProto(const core::AdapterInfo& adapter) {
  v1::Adapter out;
  out.set_name(absl::StrCat("adapters/", adapter.name));
  out.set_kind(ToProto(kAdapterKinds, adapter.kind));
  out.set_architecture(adapter.architecture);
  if (!adapter.error.ok()) *out.mutable_error() = ToRpcStatus(adapter.error);
  return out;
}

v1::Model ToProto(const core::ModelInfo& model, const core::RequestLimits& limits) {
  v1::Model out;
  out.set_name(absl::StrCat("models/", model.name));
  out.set_state(ToProto(kModelStates, model.state));
  if (!model.error.ok()) *out.mutable_error() = ToRpcStatus(model.error);
  out.set_architecture(model.architecture);
  out.set_one_file(model.one_file);
  out.set_native_width(model.native_width);
  out.set_native_height(model.native_height);
  out.set_size_multiple(model.size_multiple);
  out.set_min_size(model.min_size);
  out.set_max_size(model.max_size);
  for (const core::Task task : model.tasks) out.add_tasks(std::string(core::Name(task)));
  for (const core::SamplerInfo& sampler : model.samplers) {
    v1::SamplerInfo& to = *out.add_samplers();
    to.set_name(sampler.name);
    to.mutable_sigmas()->Assign(sampler.sigmas.begin(), sampler.sigmas.end());
    to.set_min_steps(sampler.min_steps);
    to.set_max_steps(std::min(sampler.max_steps, limits.max_steps));
    to.set_takes_eta(sampler.takes_eta);
  }
  out.set_default_sampler(model.default_sampler);
  out.set_default_steps(model.default_steps);
  out.set_default_guidance_scale(model.default_guidance_scale);
  out.set_max_num_images(limits.max_num_images);
  out.set_max_frames(model.takes_motion ? limits.max_frames : 0);
  out.set_prompt_tokens(model.prompt_tokens);
  out.set_memory_bytes(model.memory_bytes);
  out.set_max_pixels(model.max_pixels);
  out.set_default_sigmas(model.default_sigmas);
  out.set_takes_prompt_2(model.takes_prompt_2);
  out.set_takes_size_conditioning(model.takes_size_conditioning);
  out.set_takes_aesthetic_score(model.takes_aesthetic_score);
  out.set_has_safety_checker(model.has_safety_checker);
  out.set_num_classes(model.num_classes);
  out.set_upscale_factor(model.upscale_factor);
  out.set_max_noise_level(model.max_noise_level);
  return out;
}

v1::Stats ToProto(const core::Stats& stats) {
  v1::Stats out;
  out.set_queued_jobs(stats.queued_jobs);
  out.set_running_jobs(stats.running_jobs);
  out.set_running_rows(stats.running_rows);
  out.set_images_per_second(stats.images_per_second);
  out.set_evaluations_per_second(stats.evaluations_per_second);
  out.set_mean_batch_rows(stats.mean_batch_rows);
  out.set_mean_batch_lanes(stats.mean_batch_lanes);
  out.set_forwards(stats.forwards);
  out.set_evaluations(stats.evaluations);
  out.set_images(stats.images);
  *out.mutable_uptime() = ToProto(stats.uptime);
  out.set_draining(stats.draining);
  out.set_version(stats.version);
  out.set_device(stats.device);
  out.set_dtype(stats.dtype);
  return out;
}

}  // namespace latentd::rpc
