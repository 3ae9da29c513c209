#include "model/vae/vector_quantizer.h"

#include <ATen/ops/argmin.h>
#include <ATen/ops/cdist.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

VectorQuantizer Filled(int64_t codes, int64_t features, at::ScalarType type = at::kFloat) {
  VectorQuantizer quantizer(codes, features, at::TensorOptions().dtype(type));
  FillParameters(*quantizer);
  return quantizer;
}

TEST(VectorQuantizerTest, TheNearestCodesAreThoseOfLibTorchsDistances) {
  // The size of latent diffusion's codebook, and more pixels than are measured at once.
  const VectorQuantizer quantizer = Filled(8192, 3);
  const at::Tensor x = InputByFormula("x", {3, 3, 24, 20});
  const at::Tensor points = x.permute({0, 2, 3, 1}).flatten(0, 2);
  const at::Tensor reference = at::argmin(at::cdist(points, quantizer->embedding->weight), 1);
  const at::Tensor ours = quantizer->Nearest(x).flatten();
  std::printf("%lld of %lld codes differ from cdist's\n",
              static_cast<long long>((ours != reference).sum().item<int64_t>()), static_cast<long long>(ours.numel()));
  // Products are summed in another order on other processors: two codes may then be equally near.
  const auto distance = [&](const at::Tensor& codes) {
    return (points - quantizer->embedding->forward(codes)).to(at::kDouble).norm(2, 1);
  };
  EXPECT_LT((distance(ours) - distance(reference)).abs().max().item<double>(), 1e-4);
}

TEST(VectorQuantizerTest, ACodeIsNearestToItself) {
  const VectorQuantizer quantizer = Filled(40, 5);
  const at::Tensor codes = at::arange(40, at::kLong).view({2, 4, 5});
  EXPECT_TRUE(SameBytes(quantizer->Nearest(quantizer->Lookup(codes)), codes));
}

TEST(VectorQuantizerTest, AnImagesCodesDependOnNothingButItself) {
  const VectorQuantizer quantizer = Filled(8192, 4);
  const at::Tensor x = InputByFormula("x", {7, 4, 9, 13});
  const at::Tensor all = quantizer->Nearest(x);
  for (const int64_t count : {1, 2, 3, 5}) {
    EXPECT_TRUE(SameBytes(quantizer->Nearest(x.narrow(0, 0, count)), all.narrow(0, 0, count))) << count;
  }
  EXPECT_TRUE(SameBytes(quantizer->Nearest(x.narrow(0, 6, 1)), all.narrow(0, 6, 1)));
}

TEST(VectorQuantizerTest, ReducedTypesAreMeasuredInFloat32) {
  const VectorQuantizer quantizer = Filled(64, 3, at::kBFloat16);
  const at::Tensor x = InputByFormula("x", {1, 3, 6, 5}).to(at::kBFloat16);
  const at::Tensor points = x.permute({0, 2, 3, 1}).flatten(0, 2).to(at::kDouble);
  const at::Tensor distances = at::cdist(points, quantizer->embedding->weight.to(at::kDouble));
  EXPECT_TRUE(SameBytes(quantizer->Nearest(x).flatten(), at::argmin(distances, 1)));
  EXPECT_EQ(quantizer->Lookup(quantizer->Nearest(x)).scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace latentd::model
