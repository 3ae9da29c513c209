#include "server/core/adapter_fields.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/control_fields.h"
#include "server/core/errors.h"
#include "server/core/task_fields.h"
#include "server/core/utf8.h"

namespace latentd::core {
namespace {

constexpr int kMaxOfAKind = 16;
constexpr int kMaxControls = 8;  // each costs half a forward
constexpr size_t kMaxNameBytes = 128;
constexpr double kMaxScale = 10;

const char* FieldOf(AdapterKind kind) {
  switch (kind) {
    case AdapterKind::kLora:
      return "spec.loras";
    case AdapterKind::kControlNet:
      return "spec.controls";
    case AdapterKind::kMotion:
      return "spec.animation.motion";
    case AdapterKind::kImagePrompt:
      return "spec.image_prompts";
    case AdapterKind::kEmbedding:
      return "spec.embeddings";
  }
  return "";
}

// A request has one motion module at most, which is no list.
bool IsListed(AdapterKind kind) { return kind != AdapterKind::kMotion; }

// A second time would add nothing.
bool IsOnce(AdapterKind kind) { return kind == AdapterKind::kLora || kind == AdapterKind::kEmbedding; }

std::string NameField(const std::vector<AdapterUse>& adapters, size_t index) {
  const AdapterKind kind = adapters[index].kind;
  const bool is_name = kind == AdapterKind::kMotion || kind == AdapterKind::kEmbedding;
  return absl::StrCat(AdapterField(adapters, index), is_name ? "" : ".name");
}

std::string NamesThatFit(AdapterKind kind, const ModelInfo& model, const AdapterCatalog& catalog) {
  std::vector<std::string> names;
  for (const AdapterInfo& info : catalog.ListAdapters()) {
    if (info.kind == kind && MayFit(info, model)) names.push_back(info.name);
  }
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

}  // namespace

std::string AdapterField(const std::vector<AdapterUse>& adapters, size_t index) {
  const AdapterKind kind = adapters[index].kind;
  if (!IsListed(kind)) return FieldOf(kind);
  size_t place = 0;
  for (size_t i = 0; i < index; ++i) place += adapters[i].kind == kind ? 1 : 0;
  return absl::StrCat(FieldOf(kind), "[", place, "]");
}

std::optional<FieldViolation> CheckAdapterCount(AdapterKind kind, int count) {
  const int most = kind == AdapterKind::kControlNet ? kMaxControls : kMaxOfAKind;
  if (count <= most) return std::nullopt;
  return FieldViolation{FieldOf(kind), absl::StrCat("must have at most ", most, " entries; got ", count)};
}

void CheckAdapters(const std::vector<AdapterUse>& adapters, std::vector<FieldViolation>& violations) {
  std::set<std::pair<AdapterKind, std::string>> seen;
  for (size_t i = 0; i < adapters.size(); ++i) {
    const AdapterUse& adapter = adapters[i];
    if (adapter.name.empty()) {
      violations.push_back({NameField(adapters, i), "must be set"});
    } else if (adapter.name.size() > kMaxNameBytes || !CountCharacters(adapter.name).has_value()) {
      violations.push_back(
          {NameField(adapters, i), absl::StrCat("must be valid UTF-8 of at most ", kMaxNameBytes, " bytes")});
    } else if (IsOnce(adapter.kind) && !seen.insert({adapter.kind, adapter.name}).second) {
      violations.push_back(
          {NameField(adapters, i), absl::StrCat("must be there once; got ", Quote(adapter.name), " twice")});
    }
    if (adapter.kind == AdapterKind::kImagePrompt && adapter.image && adapter.image->latent) {
      violations.push_back({absl::StrCat(AdapterField(adapters, i), ".image"), kNoLatent});
    }
    if (adapter.kind == AdapterKind::kImagePrompt && adapter.image && adapter.image->fit) {
      violations.push_back({absl::StrCat(AdapterField(adapters, i), ".image.fit"),
                            "must not be set: the middle of the picture is looked at"});
    }
    if (!(std::abs(adapter.scale) <= kMaxScale)) {  // true for NaN
      violations.push_back(
          {absl::StrCat(AdapterField(adapters, i), ".scale"),
           absl::StrCat("must be a number from -", kMaxScale, " to ", kMaxScale, "; got ", adapter.scale)});
    }
    if (adapter.kind == AdapterKind::kControlNet) {
      CheckControlRange(AdapterField(adapters, i), adapter, violations);
    }
  }
}

absl::Status CheckAdaptersExist(const std::vector<AdapterUse>& adapters, const ModelInfo& model,
                                const AdapterCatalog& catalog) {
  for (const AdapterUse& adapter : adapters) {
    if (const auto info = catalog.FindAdapter(adapter.name); !info.ok()) return info.status();
  }
  const bool animates = std::any_of(adapters.begin(), adapters.end(),
                                    [](const AdapterUse& adapter) { return adapter.kind == AdapterKind::kMotion; });
  for (size_t i = 0; i < adapters.size(); ++i) {
    const AdapterUse& adapter = adapters[i];
    const AdapterInfo info = *catalog.FindAdapter(adapter.name);
    std::string wrong;
    if (!info.error.ok()) {
      wrong = absl::StrCat("cannot be used: ", std::string(info.error.message()));
    } else if (info.kind != adapter.kind) {
      wrong = absl::StrCat("is a ", std::string(Name(info.kind)), ", not a ", std::string(Name(adapter.kind)));
    } else if (!MayFit(info, model)) {
      wrong =
          absl::StrCat("is for models of the kind ", info.architecture, "; ", model.name, " is ", model.architecture);
    } else if (info.changes_motion && !animates) {
      wrong = "changes motion modules and goes with spec.animation";
    }
    if (wrong.empty()) continue;
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat(NameField(adapters, i), ": the adapter ", adapter.name, " ", wrong, "; ", model.name,
                                  " takes: ", NamesThatFit(adapter.kind, model, catalog)),
                     {.reason = info.error.ok() ? "ADAPTER_UNFIT" : "ADAPTER_UNUSABLE",
                      .resource_type = "adapter",
                      .resource_name = adapter.name});
  }
  return absl::OkStatus();
}

}  // namespace latentd::core
