#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "model/pipeline/diffusion_model.h"
#include "model/pipeline/step_range.h"
#include "server/core/batching_policy.h"
#include "server/core/event.h"
#include "server/core/job_store.h"
#include "server/core/scheduler.h"
#include "server/engine/adapter_registry.h"
#include "server/engine/job_adapters.h"
#include "server/engine/publisher.h"
#include "server/engine/row_state.h"

namespace latentd::engine {

struct RunningJob;

// One picture or clip of a job while it is made. A clip's tensors have a dimension more: [C, F, h, w].
struct Row {
  core::RowId id = 0;
  RunningJob* job = nullptr;
  int index = 0;     // of the job's rows
  int64_t seed = 0;  // of its output

  // Set by the encode stage.
  at::Tensor latent;  // [C, h, w] float32 on the model's device
  model::SamplerState sampler;
  at::Generator generator;             // CPU
  at::Tensor concat;                   // RowStart::concat
  bool scale_concat = false;           // RowStart::scale_concat
  std::optional<model::Hold> hold;     // RowStart::hold
  std::optional<int64_t> class_label;  // RowStart::class_label

  std::optional<RowState> resume;  // of a row that another engine began, until the encode stage has taken it up

  at::Tensor prediction;  // [C, h, w] float32, between the U-Net and the sampler

  // Of the decode stage.
  std::vector<at::Tensor> frames;  // of a clip, those that are decoded
  bool flagged = false;            // one of them is, by the safety checker
  bool decoded = false;            // and handed to the publisher
};

// A job that the engine has claimed, from then until its last event.
struct RunningJob {
  core::ClaimedJob claimed;
  core::BatchKey key;
  uint64_t load = 0;  // of its model (ModelLease::load)
  std::unique_ptr<JobPublisher> publisher;
  std::shared_ptr<const model::Sampler> sampler;             // set when its model is on the device
  std::optional<model::TaskInputs> inputs;                   // its pictures, decoded; empty until they are
  std::optional<model::EncodedInputs> encoded;               // set by the encode stage when there are pictures
  std::optional<AdapterRegistry::Request> adapters_request;  // while they are waited for
  std::optional<JobAdapters> adapters;                       // empty until they are there
  std::vector<model::AppliedImagePrompt> image_prompts;      // set by the encode stage when there are such
  std::shared_ptr<const model::Conditioning> cond;
  std::shared_ptr<const model::Conditioning> uncond;                // null without guidance
  std::vector<std::shared_ptr<const model::Conditioning>> phrases;  // of its boxes
  model::Grounding grounding;                                       // what its boxes say; set with `phrases`
  model::StepRange steps;                                           // of its rows; set with `sampler`
  std::map<core::RowId, std::unique_ptr<Row>> rows;                 // those not finished
  bool started = false;
  absl::Time checkpoint_time;  // of the last one, or when it started
  core::Usage usage;

  const core::GenerationRequest& request() const { return *claimed.request; }
  // Of two claims of one job each has its own.
  std::string scheduler_name() const { return absl::StrCat(claimed.name, " ", claimed.token); }
};

// The steps that a row of a running job has ended.
inline int StepsDone(const Row& row) { return row.job->sampler->StepsDone(row.sampler.evaluation); }

}  // namespace latentd::engine
