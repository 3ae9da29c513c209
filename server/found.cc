#include "server/found.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/log/log.h"

namespace latentd {
namespace {

namespace fs = std::filesystem;

// The models that ship with the program: beside it when it is installed, otherwise in the source tree.
fs::path EmbeddedModels() {
  std::error_code error;
  const fs::path installed = fs::read_symlink("/proc/self/exe", error).parent_path() / "../share/latentd/models";
  return fs::is_directory(installed, error) ? fs::canonical(installed) : fs::path(LATENTD_EMBEDDED_MODELS);
}

// The adapters that ship with the embedded models; there may be none.
fs::path EmbeddedAdapters() { return EmbeddedModels() / "adapters"; }

}  // namespace

absl::StatusOr<std::vector<engine::ModelEntry>> FindModels(const config::ServerOptions& options,
                                                           const at::TensorOptions& tensors) {
  const fs::path folder = options.models.empty() ? EmbeddedModels() : fs::path(options.models);
  auto models = engine::FindModels(folder, tensors, {.safety_checker = options.safety != "off"});
  if (!models.ok()) return models.status();
  if (models->empty()) log::Warn("there is no model", {{"folder", folder.string()}});
  for (const engine::ModelEntry& model : *models) {
    if (model.info.state == core::ModelState::kBroken) {
      log::Error("a model cannot be served",
                 {{"model", model.info.name}, {"error", std::string(model.info.error.message())}});
    } else {
      log::Info("model", {{"model", model.info.name},
                          {"architecture", model.info.architecture},
                          {"layout", model.info.one_file ? "one file" : "folder"},
                          {"width", int64_t{model.info.native_width}},
                          {"height", int64_t{model.info.native_height}},
                          {"weight_bytes", model.info.memory_bytes}});
    }
  }
  for (const std::string& name : options.preload.names) {
    if (std::none_of(models->begin(), models->end(), [&](const auto& model) { return model.info.name == name; })) {
      return absl::NotFoundError(absl::StrCat("--preload ", name, ": there is no such model in ", folder.string()));
    }
  }
  return models;
}

absl::StatusOr<std::vector<engine::AdapterEntry>> FindAdapters(const config::ServerOptions& options,
                                                               const at::TensorOptions& tensors) {
  const fs::path folder = options.adapters.empty() ? EmbeddedAdapters() : fs::path(options.adapters);
  if (std::error_code error; options.adapters.empty() && !fs::is_directory(folder, error)) {
    return std::vector<engine::AdapterEntry>();
  }
  auto adapters = engine::FindAdapters(folder, tensors.dtype().itemsize());
  if (!adapters.ok()) return adapters.status();
  for (const engine::AdapterEntry& adapter : *adapters) {
    if (!adapter.info.error.ok()) {
      log::Error("an adapter cannot be used",
                 {{"adapter", adapter.info.name}, {"error", std::string(adapter.info.error.message())}});
    } else {
      log::Info("adapter", {{"adapter", adapter.info.name},
                            {"kind", std::string(core::Name(adapter.info.kind))},
                            {"architecture", adapter.info.architecture}});
    }
  }
  return adapters;
}

}  // namespace latentd
