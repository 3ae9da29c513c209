// Times one guided U-Net step of Stable Diffusion 1.5 with random weights, a batch of the embedded model's U-Net, or
// previews by the decoder of TAESD.
//
//   unet_step [--model sd15|small|taesd] [--device cpu|cuda] [--dtype float32|bfloat16|float16] [--lanes N] [--size N]
//             [--runs N] [--threads N] [--compare] [--graphs] [--loras N [--rank N]] [--serve]
//
// Prints the seconds of each run, on the wall and of the processor (read by compare_unet_step.py), then minimum, median
// and maximum. --compare: by turns the lanes in one forward and the same lanes one by one, and the ratios of their
// times. --graphs: by turns the lanes in one forward as it is and recorded as a graph (with --serve: recorded), and the
// ratios. --loras: by turns the lanes in one forward without and with that many different LoRAs on the attention's
// projections, shared out evenly among them, and the ratios.

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/adapters/lora_scope.h"
#include "model/unet/unet.h"
#include "model/unet/unet_graphs.h"
#include "model/vae/autoencoder_tiny.h"

namespace latentd::model {
namespace {

struct Arguments {
  std::string model = "sd15";
  std::string device = "cpu";
  std::string dtype = "float32";
  int64_t lanes = 2;
  int64_t size = 0;  // of the latent's edge; 0: the model's own
  int runs = 5;
  int threads = 0;
  bool compare = false;  // with the lanes one by one
  bool graphs = false;
  int64_t loras = 0;
  int64_t rank = 16;   // of the LoRAs
  bool serve = false;  // one run for each line on standard input
};

Arguments Parse(int argc, char** argv) {
  Arguments result;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (flag == "--model") result.model = value();
    if (flag == "--device") result.device = value();
    if (flag == "--dtype") result.dtype = value();
    if (flag == "--lanes") result.lanes = std::stoll(value());
    if (flag == "--size") result.size = std::stoll(value());
    if (flag == "--runs") result.runs = std::stoi(value());
    if (flag == "--threads") result.threads = std::stoi(value());
    if (flag == "--compare") result.compare = true;
    if (flag == "--graphs") result.graphs = true;
    if (flag == "--loras") result.loras = std::stoll(value());
    if (flag == "--rank") result.rank = std::stoll(value());
    if (flag == "--serve") result.serve = true;
  }
  return result;
}

UNetConfig ConfigOf(const std::string& model) {
  const char* json = R"({"cross_attention_dim": 768})";
  if (model == "small") {
    json = R"({"in_channels": 8, "out_channels": 8, "block_out_channels": [64, 96, 256], "layers_per_block": 1,
               "attention_head_dim": 4, "cross_attention_dim": 192, "norm_num_groups": 16,
               "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
               "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]})";
  }
  return ReadUNetConfig(ConfigReader(model, nlohmann::json::parse(json)));
}

// Cheap weights of a plausible size: a repeated pattern instead of 860 million normal draws.
void Fill(const torch::nn::Module& network) {
  const at::Tensor noise = at::randn({1 << 20});
  for (at::Tensor& parameter : network.parameters()) {
    const bool matrix = parameter.dim() > 1;
    const double fan_in = matrix ? static_cast<double>(parameter.numel()) / static_cast<double>(parameter.size(0)) : 1;
    at::Tensor flat = at::empty({parameter.numel()}, parameter.options());
    for (int64_t first = 0; first < flat.numel(); first += noise.numel()) {
      const int64_t count = std::min(noise.numel(), flat.numel() - first);
      flat.narrow(0, first, count).copy_(noise.narrow(0, 0, count) * (matrix ? 1 / std::sqrt(fan_in) : 0.02));
    }
    parameter.copy_(flat.view(parameter.sizes()));
    if (!matrix) parameter.add_(1);
  }
}

// One that changes every projection of every attention.
std::shared_ptr<const Lora> MakeLora(const AdaptableNetwork& unet, int64_t rank) {
  std::vector<Lora::Change> changes;
  for (size_t i = 0; i < unet.layers().size(); ++i) {
    const auto& [name, layer] = unet.layers()[i];
    if (!name.ends_with("to_q") && !name.ends_with("to_k") && !name.ends_with("to_v") && !name.ends_with("to_out.0")) {
      continue;
    }
    const at::Tensor& weight = layer->BaseWeight();
    changes.push_back({.layer = i,
                       .weights = {.down = at::randn({rank, weight.size(1)}).to(weight.options()) * 0.01,
                                   .up = at::randn({weight.size(0), rank}).to(weight.options()) * 0.01}});
  }
  return std::make_shared<Lora>(std::map<std::string, std::vector<Lora::Change>>{{unet.name(), std::move(changes)}});
}

// Waits for what the device still does.
void Settle() {
  if (const auto device = at::accelerator::getAccelerator(); device) at::accelerator::synchronizeDevice(0);
}

struct Timing {
  double wall, cpu;  // seconds; with one thread the processor's time can be compared on a machine that is busy
};

Timing Time(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t clock = std::clock();
  work();
  Settle();
  return {.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          .cpu = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC};
}

void Print(const char* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::printf("%-28s min %.5f, median %.5f, max %.5f\n", what, values.front(), values[values.size() / 2],
              values.back());
}

// A forward of some of the lanes.
using Forward = std::function<void(int64_t first, int64_t count)>;

// What is timed.
struct Subject {
  Forward forward;
  std::function<void()> with_loras;  // all lanes, each with its LoRA
  std::function<void()> by_graph;    // all lanes, recorded
};

// The LoRAs of a network's lanes, as many as asked for.
struct LoraLanes {
  explicit LoraLanes(const torch::nn::Module& unet) : layers("unet", unet) {}

  const AdaptableNetwork layers;
  std::vector<std::vector<AppliedLora>> loras;
  std::vector<LoraSet> sets;  // of the lanes; they point into `loras`
};

std::shared_ptr<LoraLanes> MakeLoraLanes(const Arguments& arguments, const torch::nn::Module& unet) {
  auto lanes = std::make_shared<LoraLanes>(unet);
  for (int64_t i = 0; i < arguments.loras; ++i) {
    lanes->loras.push_back({{.lora = MakeLora(lanes->layers, arguments.rank), .scale = 0.8}});
  }
  for (int64_t i = 0; i < arguments.lanes && arguments.loras > 0; ++i) {
    lanes->sets.emplace_back(lanes->loras[static_cast<size_t>(i * arguments.loras / arguments.lanes)]);
  }
  return lanes;
}

Subject MakeUNet(const Arguments& arguments, const at::TensorOptions& options, int64_t size) {
  UNet2DConditionModel unet(ConfigOf(arguments.model), options);
  Fill(*unet);
  const int64_t lanes = arguments.lanes;
  const int64_t features = unet->config().levels.back().context_features;
  const at::Tensor sample = at::randn({lanes, unet->config().in_channels, size, size}).to(options);
  const at::Tensor timesteps = at::empty({lanes}, at::kFloat).fill_(500);
  const at::Tensor states = at::randn({lanes, 77, features}).to(options);
  const auto graphs = std::make_shared<UNetGraphs>(*unet);
  const Forward forward = [=](int64_t first, int64_t count) {
    unet->forward(sample.narrow(0, first, count), timesteps.narrow(0, first, count),
                  {{states.narrow(0, first, count)}});
  };
  return {.forward = forward,
          .with_loras =
              [=, changes = MakeLoraLanes(arguments, *unet)] {
                const LoraScope scope(changes->layers, changes->sets);
                forward(0, lanes);
              },
          .by_graph = [=] { graphs->Run(unet->Prepare(sample, timesteps, {{states}})); }};
}

Subject MakeTaesd(const Arguments& arguments, const at::TensorOptions& options, int64_t size) {
  AutoencoderTiny taesd(ReadAutoencoderTinyConfig(ConfigReader("taesd", nlohmann::json::object())), options);
  Fill(*taesd);
  const at::Tensor latents = at::randn({arguments.lanes, 4, size, size}).to(options);
  return {.forward = [=](int64_t first, int64_t count) { taesd->Decode(latents.narrow(0, first, count)); },
          .with_loras = nullptr,
          .by_graph = nullptr};
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  if (arguments.threads > 0) at::set_num_threads(arguments.threads);
  const auto options = at::TensorOptions()
                           .dtype(arguments.dtype == "bfloat16"  ? at::kBFloat16
                                  : arguments.dtype == "float16" ? at::kHalf
                                                                 : at::kFloat)
                           .device(arguments.device);
  const int64_t size = arguments.size > 0 ? arguments.size : arguments.model == "small" ? 16 : 64;
  const Subject subject =
      arguments.model == "taesd" ? MakeTaesd(arguments, options, size) : MakeUNet(arguments, options, size);
  const Forward& forward = subject.forward;
  const std::function<void()> together = [&] { forward(0, arguments.lanes); };
  const auto with_loras = [&] { subject.with_loras(); };
  const auto one_by_one = [&] {
    for (int64_t i = 0; i < arguments.lanes; ++i) forward(i, 1);
  };
  for (int i = 0; i < 3; ++i) arguments.graphs ? subject.by_graph() : together();
  Settle();
  const auto run = [](const std::function<void()>& step) {
    const Timing timing = Time(step);
    std::printf("run wall %.5f cpu %.5f\n", timing.wall, timing.cpu);
    std::fflush(stdout);
    return timing;
  };
  if (arguments.serve) {
    std::puts("ready");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) run(arguments.graphs ? subject.by_graph : together);
    return 0;
  }
  std::printf("%s, %s, %s, %ld lanes, %ldx%ld latents, %d threads\n", arguments.model.c_str(), arguments.device.c_str(),
              arguments.dtype.c_str(), static_cast<long>(arguments.lanes), static_cast<long>(size),
              static_cast<long>(size), at::get_num_threads());
  std::vector<double> seconds, alone, ratios, recorded, gains, changed, slowdowns, cpu_slowdowns;
  for (int i = 0; i < arguments.runs; ++i) {
    const Timing plain = run(together);
    seconds.push_back(plain.wall);
    if (arguments.compare) {
      alone.push_back(run(one_by_one).wall);
      ratios.push_back(alone.back() / seconds.back());
    }
    if (arguments.graphs) {
      recorded.push_back(run(subject.by_graph).wall);
      gains.push_back(recorded.back() / seconds.back());
    }
    if (arguments.loras > 0) {
      const Timing timing = run(with_loras);
      changed.push_back(timing.wall);
      slowdowns.push_back(timing.wall / plain.wall);
      cpu_slowdowns.push_back(timing.cpu / plain.cpu);
    }
  }
  Print("in one forward, s", seconds);
  if (arguments.compare) {
    Print("one by one, s", alone);
    Print("one by one / in one forward", ratios);
  }
  if (arguments.graphs) {
    Print("recorded as a graph, s", recorded);
    Print("recorded / as it is", gains);
  }
  if (arguments.loras > 0) {
    Print("with LoRAs, s", changed);
    Print("with LoRAs / without", slowdowns);
    Print("the same of the processor", cpu_slowdowns);
  }
  return 0;
}

}  // namespace
}  // namespace latentd::model

int main(int argc, char** argv) { return latentd::model::Main(argc, argv); }
