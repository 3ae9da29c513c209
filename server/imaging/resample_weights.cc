#include "server/imaging/resample_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace latentd::imaging {
namespace {

// The weight at a distance x from the centre of the output pixel. Pillow's formulas in Pillow's order of operations, so
// that even the last bit agrees: src/libImaging/Resample.c.

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double Bilinear(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

// Keys' cubic convolution with a = -1/2.
double Bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}

double Sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

// With three lobes.
double Lanczos(double x) { return -3 <= x && x < 3 ? Sinc(x) * Sinc(x / 3) : 0; }

struct Kernel {
  double (*weight)(double);
  double support;  // half its width, in output pixels
};

Kernel KernelOf(Filter filter) {
  switch (filter) {
    case Filter::kLanczos:
      return {Lanczos, 3};
    case Filter::kBilinear:
      return {Bilinear, 1};
    case Filter::kBicubic:
      return {Bicubic, 2};
    case Filter::kNearest:  // has its own way
    case Filter::kBox:
      break;
  }
  return {Box, 0.5};
}

int RoundHalfUp(double x) { return static_cast<int>(std::floor(x + 0.5)); }

WeightTable Nearest(const Axis& axis, int length) {
  WeightTable table{.pixels = {}, .weights = {1 << kWeightBits}};
  table.pixels.reserve(static_cast<size_t>(axis.count));
  const double scale = (axis.end - axis.begin) / axis.size;
  double at = axis.begin + scale * 0.5;
  for (int i = 0; i < axis.first + axis.count; ++i) {
    if (i >= axis.first) {
      const int source = std::min(static_cast<int>(at), length - 1);
      table.pixels.push_back({.first = static_cast<size_t>(source), .count = 1, .weights = 0});
    }
    at += scale;  // summed up, not multiplied, as Pillow does it: the roundings differ
  }
  return table;
}

}  // namespace

WeightTable MakeWeights(const Axis& axis, int length, Filter filter) {
  if (filter == Filter::kNearest) return Nearest(axis, length);
  const Kernel kernel = KernelOf(filter);
  const double scale = (axis.end - axis.begin) / axis.size;  // source pixels to an output pixel
  const double widening = std::max(scale, 1.0);
  const double support = kernel.support * widening;

  WeightTable table;
  table.pixels.reserve(static_cast<size_t>(axis.count));
  std::vector<double> exact;
  for (int i = axis.first; i < axis.first + axis.count; ++i) {
    const double centre = axis.begin + (i + 0.5) * scale;
    const int first = std::max(RoundHalfUp(centre - support), 0);
    const int end = std::min(RoundHalfUp(centre + support), length);
    exact.clear();
    double sum = 0;
    for (int source = first; source < end; ++source) {
      exact.push_back(kernel.weight((source - centre + 0.5) * (1 / widening)));
      sum += exact.back();
    }
    table.pixels.push_back(
        {.first = static_cast<size_t>(first), .count = exact.size(), .weights = table.weights.size()});
    for (double weight : exact) {
      if (sum != 0) weight /= sum;
      table.weights.push_back(static_cast<int32_t>(weight * (1 << kWeightBits) + (weight < 0 ? -0.5 : 0.5)));
    }
  }
  return table;
}

}  // namespace latentd::imaging
