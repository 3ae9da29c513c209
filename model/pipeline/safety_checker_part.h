#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "model/pipeline/folder_reader.h"
#include "model/vision/safety_checker.h"

namespace latentd::model {

// A model's safety checker, open and checked, to be loaded.
struct SafetyCheckerPart {
  std::shared_ptr<const Component<ClipVisionConfig>> network;  // of `safety_checker/`
  ImageProcessorConfig processor;                              // of `feature_extractor/`

  std::unique_ptr<const SafetyChecker> Load(const at::TensorOptions& options) const;
};

// Empty when model_index.json names none, or when something is wrong with it, which the reader has then.
std::optional<SafetyCheckerPart> OpenSafetyChecker(FolderReader& reader);

}  // namespace latentd::model
