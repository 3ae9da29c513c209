#pragma once

// One register of floats at a time, by the vector types of GCC and Clang. Included only by the files of this folder,
// which are compiled once for each instruction set; it must therefore pull in nothing that another translation unit
// could share (see CMakeLists.txt).

#include <cstdint>

#include "model/kernels/isa/table.h"

namespace latentd::model::kernels::LATENTD_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
// The same at addresses that are not multiples of their size.
typedef float LooseFloats __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef uint16_t LooseHalves __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));

template <int... kLane>
struct Lanes {};
#if defined(__AVX512F__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif defined(__AVX__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

struct Float32 {
  using Storage = float;
  static Floats Load(const float* p) { return *reinterpret_cast<const LooseFloats*>(p); }
  static void Store(float* p, Floats x) { *reinterpret_cast<LooseFloats*>(p) = x; }
};

struct BFloat16 {
  using Storage = uint16_t;
  static Floats Load(const uint16_t* p) {
    const Halves bits = *reinterpret_cast<const LooseHalves*>(p);
    return reinterpret_cast<Floats>(__builtin_convertvector(bits, Words) << 16);
  }
  static void Store(uint16_t* p, Floats x) {
    const Words bits = reinterpret_cast<Words>(x);
    const Words rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    const Words quiet = (bits >> 16) | 0x40;                           // a NaN must not round to infinity
    const Words chosen = x == x ? rounded : quiet;
    *reinterpret_cast<LooseHalves*>(p) = __builtin_convertvector(chosen, Halves);
  }
};

// By integers, since not every compiler has the type; after F. Giesen, gist.github.com/rygorous/2156668.
struct Float16 {
  using Storage = uint16_t;
  static Floats Load(const uint16_t* p) {
    const Words bits = __builtin_convertvector(*reinterpret_cast<const LooseHalves*>(p), Words);
    const Words magnitude = (bits & 0x7FFF) << 13;
    const Words finite = reinterpret_cast<Words>(reinterpret_cast<Floats>(magnitude) * 0x1p112F);
    const Words special = magnitude | 0x7F800000;  // infinity, or not a number
    const Words chosen = magnitude >= 0x0F800000 ? special : finite;
    return reinterpret_cast<Floats>(chosen | ((bits & 0x8000) << 16));
  }
  static void Store(uint16_t* p, Floats x) {
    constexpr uint32_t kHuge = (127U + 16) << 23;  // from 65536 on, all is infinity
    constexpr uint32_t kTiny = (127U - 14) << 23;  // below, float16 has subnormal numbers only
    constexpr uint32_t kMagic = (127U - 1) << 23;  // 0.5: adding it shifts a subnormal's bits into place, rounded
    const Words bits = reinterpret_cast<Words>(x);
    const Words magnitude = bits & 0x7FFFFFFF;
    const Words huge = (magnitude > 0x7F800000) ? Words{} + 0x7E00 : Words{} + 0x7C00;
    const Words tiny = reinterpret_cast<Words>(reinterpret_cast<Floats>(magnitude) + 0.5F) - kMagic;
    const Words usual = (magnitude - ((127U - 15) << 23) + 0xFFF + ((magnitude >> 13) & 1)) >> 13;
    const Words small = magnitude < kTiny ? tiny : usual;
    const Words chosen = (magnitude >= kHuge ? huge : small) | ((bits >> 16) & 0x8000);
    *reinterpret_cast<LooseHalves*>(p) = __builtin_convertvector(chosen, Halves);
  }
};

inline Floats Splat(float x) { return x - Floats{}; }

// The first `count` (below kLanes) elements, the others zero: the tail goes through the same instructions as the body,
// so that an element's bits do not depend on its place.
template <typename Type>
Floats LoadPart(const typename Type::Storage* p, int64_t count) {
  typename Type::Storage buffer[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) buffer[i] = p[i];
  return Type::Load(buffer);
}

template <typename Type>
void StorePart(typename Type::Storage* p, Floats x, int64_t count) {
  typename Type::Storage buffer[kLanes];
  Type::Store(buffer, x);
  for (int64_t i = 0; i < count; ++i) p[i] = buffer[i];
}

template <typename Type>
Floats LoadUpTo(const typename Type::Storage* p, int64_t count) {
  return count >= kLanes ? Type::Load(p) : LoadPart<Type>(p, count);
}

template <typename Type>
void StoreUpTo(typename Type::Storage* p, Floats x, int64_t count) {
  count >= kLanes ? Type::Store(p, x) : StorePart<Type>(p, x, count);
}

// When b is not a number, so is the result.
inline Floats Max(Floats a, Floats b) { return a > b ? a : b; }
inline Floats Min(Floats a, Floats b) { return a < b ? a : b; }

// e^x with a relative error of about 2e-7, for x between -87.3 and 88.3 and the nearer of them outside; NaN stays NaN.
// Cody and Waite's reduction, then a polynomial (Cephes' expf).
inline Floats Exp(Floats x) {
  const Floats clamped = Min(Splat(88.3F), Max(Splat(-87.3F), x));
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the integer in the low bits
  const Floats shifted = clamped * 1.44269504088896341F + kRound;
  const Floats n = shifted - kRound;
  Floats r = clamped - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const Ints exponent = (reinterpret_cast<Ints>(shifted) << 23) + (127 << 23);
  return p * reinterpret_cast<Floats>(exponent);
}

// x / (1 + e^-x)
inline Floats Silu(Floats x) { return x / (1.0F + Exp(-x)); }

// x Φ(x), by erf to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26).
inline Floats Gelu(Floats x) {
  const Floats z = x * 0.70710678118654752F;
  const Floats a = z < 0.0F ? -z : z;
  const Floats t = 1.0F / (1.0F + a * 0.3275911F);
  Floats p = t * 1.061405429F - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const Floats tail = p * t * Exp(-z * z);                 // 1 - erf(|z|)
  const Floats twice_phi = z < 0.0F ? tail : 2.0F - tail;  // 1 + erf(z)
  return 0.5F * x * twice_phi;
}

// x sigmoid(1.702 x)
inline Floats QuickGelu(Floats x) { return x / (1.0F + Exp(x * -1.702F)); }

inline Floats Relu(Floats x) { return Max(Floats{}, x); }

inline Floats Apply(Activation activation, Floats x) {
  switch (activation) {
    case Activation::kSilu:
      return Silu(x);
    case Activation::kGelu:
      return Gelu(x);
    case Activation::kQuickGelu:
      return QuickGelu(x);
    case Activation::kRelu:
      return Relu(x);
    case Activation::kNone:
      break;
  }
  return x;
}

// Calls `body` with the type that `scalar` stands for.
template <typename Body>
void WithType(Scalar scalar, const Body& body) {
  switch (scalar) {
    case Scalar::kFloat32:
      return body(Float32{});
    case Scalar::kBFloat16:
      return body(BFloat16{});
    case Scalar::kFloat16:
      return body(Float16{});
  }
}

}  // namespace latentd::model::kernels::LATENTD_ISA
