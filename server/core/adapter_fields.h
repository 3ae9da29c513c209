#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/core/adapter.h"
#include "server/core/generation_request.h"

namespace latentd::core {

// The path of the field that names adapter number `index` of a request, such as "spec.loras[1]".
std::string AdapterField(const std::vector<AdapterUse>& adapters, size_t index);

// What is wrong with a request that names so many of a kind; empty: nothing.
std::optional<FieldViolation> CheckAdapterCount(AdapterKind kind, int count);

// Checks how a request uses its adapters, whichever they are. REQUIRES: their numbers are right.
void CheckAdapters(const std::vector<AdapterUse>& adapters, std::vector<FieldViolation>& violations);

// Whether the request's adapters are there, are what the request takes them for, and may fit the model. Errors, the
// first kind that applies:
//   NOT_FOUND            names the first that is not there, and those there are
//   FAILED_PRECONDITION  the adapter's files are broken, it is of another kind, or for another architecture; says what
//                        the model takes (reasons ADAPTER_UNUSABLE, ADAPTER_UNFIT)
absl::Status CheckAdaptersExist(const std::vector<AdapterUse>& adapters, const ModelInfo& model,
                                const AdapterCatalog& catalog);

}  // namespace latentd::core
