#include "server/core/model_catalog.h"

#include <algorithm>

namespace latentd::core {

bool ModelInfo::Does(Task task) const { return std::find(tasks.begin(), tasks.end(), task) != tasks.end(); }

Task TaskFor(std::optional<Task> task, const ModelInfo& model) {
  if (task.has_value()) return *task;
  return model.Does(Task::kUnconditional) ? Task::kUnconditional : Task::kTextToImage;
}

}  // namespace latentd::core
