// What loading and evicting real LoRAs leaves behind.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "server/engine/adapter_registry.h"
#include "server/engine/find_adapters.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kLoras = 20;

int64_t ResidentBytes() {
  int64_t whole = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> whole >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// As many files of one LoRA, each with other weights.
void WriteLoras(const model::TestFolder& folder) {
  const fs::path golden = fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";
  std::ifstream file(golden / "adapters/lora-attention.safetensors", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(bytes.empty());
  for (int i = 0; i < kLoras; ++i) {
    bytes[bytes.size() - 2] = static_cast<char>(i);  // the low byte of the last weight
    folder.Write("lora-" + std::to_string(i) + ".safetensors", bytes);
  }
}

TEST(AdapterMemory, AThousandCyclesOfTwentyLorasLeaveItFlat) {
  const model::TestFolder folder;
  WriteLoras(folder);
  auto entries = FindAdapters(folder.path(), sizeof(float));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), size_t{kLoras});
  std::atomic<int> loads = 0;
  for (AdapterEntry& entry : *entries) {
    entry.load = [&loads, load = std::move(entry.load)](const model::DiffusionModel& model) {
      ++loads;
      return load(model);
    };
  }
  const int64_t budget = 3 * entries->front().info.memory_bytes;  // each leaves before it is wanted again
  const auto folder_of_model = fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines/models/tiny-epsilon";
  const AdaptedModel model{.model = std::make_shared<model::DiffusionPipeline>(
                               model::ModelFolder::Open(folder_of_model).load(at::TensorOptions())),
                           .load = 1};
  AdapterRegistry registry({.adapters = *std::move(entries), .memory_budget = budget});
  const auto use = [&](int lora) {
    std::promise<absl::Status> used;
    registry.Acquire({"lora-" + std::to_string(lora)}, model,
                     [&](absl::StatusOr<AdapterLease> lease) { used.set_value(lease.status()); });
    return used.get_future().get();
  };

#if defined(__SANITIZE_ADDRESS__)  // ten times slower, and it finds a leak in any
  constexpr int kCycles = 100;
#else
  constexpr int kCycles = 1000;
#endif
  constexpr int kWarmUp = kCycles / 10;
  int64_t after_warm_up = 0;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    for (int lora = 0; lora < kLoras; ++lora) {
      const absl::Status status = use(lora);
      ASSERT_TRUE(status.ok()) << status;
    }
    if (cycle == kWarmUp) after_warm_up = ResidentBytes();
  }
  const int64_t growth = ResidentBytes() - after_warm_up;
  std::printf("resident memory after %d cycles of %d LoRAs: %ld kB, and %+ld kB after %d\n", kWarmUp, kLoras,
              static_cast<long>(after_warm_up / 1024), static_cast<long>(growth / 1024), kCycles);
  EXPECT_EQ(loads, kCycles * kLoras);
  EXPECT_LE(registry.LoadedBytes(), budget);
#if !defined(__SANITIZE_ADDRESS__)  // it keeps what was freed for a while, and looks for leaks itself
  EXPECT_LT(growth, 2 << 20);
#endif
}

}  // namespace
}  // namespace latentd::engine
