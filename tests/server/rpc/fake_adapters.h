#pragma once

#include <string>
#include <vector>

#include "server/core/adapter.h"
#include "server/core/errors.h"

namespace latentd::rpc {

// The LoRAs "ink" and "style", "foreign" for another architecture, the ControlNet "pose" and the broken "cut".
class FakeAdapters : public core::AdapterCatalog {
 public:
  std::vector<core::AdapterInfo> ListAdapters() const override {
    core::AdapterInfo cut{.name = "cut"};
    cut.error = absl::DataLossError("the file is truncated");
    return {cut,
            {.name = "foreign", .architecture = "stable-diffusion-9"},
            {.name = "ink"},
            {.name = "pose", .kind = core::AdapterKind::kControlNet},
            {.name = "style"}};
  }

  absl::StatusOr<core::AdapterInfo> FindAdapter(const std::string& name) const override {
    for (const core::AdapterInfo& info : ListAdapters()) {
      if (info.name == name) return info;
    }
    return core::MakeError(absl::StatusCode::kNotFound, "no such adapter",
                           {.reason = "ADAPTER_NOT_FOUND", .resource_type = "adapter", .resource_name = name});
  }
};

}  // namespace latentd::rpc
