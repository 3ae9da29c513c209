#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "latentd/v1/event.pb.h"
#include "latentd/v1/job.pb.h"
#include "latentd/v1/models.pb.h"
#include "latentd/v1/spec.pb.h"
#include "server/core/adapter.h"
#include "server/core/event.h"
#include "server/core/generation_request.h"
#include "server/core/job_store.h"
#include "server/core/model_catalog.h"

namespace latentd::rpc {

// The API's enums and the server's own: a table for each, of all values but UNSPECIFIED.
template <typename Message, typename Core>
using EnumPair = std::pair<Message, Core>;

inline constexpr EnumPair<v1::ImageFormat, core::ImageFormat> kImageFormats[] = {
    {v1::IMAGE_FORMAT_PNG, core::ImageFormat::kPng},
    {v1::IMAGE_FORMAT_JPEG, core::ImageFormat::kJpeg},
    {v1::IMAGE_FORMAT_WEBP, core::ImageFormat::kWebp},
    {v1::IMAGE_FORMAT_LATENT, core::ImageFormat::kLatent}};

inline constexpr EnumPair<v1::ClipFormat, core::ClipFormat> kClipFormats[] = {
    {v1::CLIP_FORMAT_WEBP, core::ClipFormat::kWebp},
    {v1::CLIP_FORMAT_GIF, core::ClipFormat::kGif},
    {v1::CLIP_FORMAT_MP4, core::ClipFormat::kMp4}};

inline constexpr EnumPair<v1::InputImage::Fit, core::Fit> kFits[] = {{v1::InputImage::FIT_STRETCH, core::Fit::kStretch},
                                                                     {v1::InputImage::FIT_CROP, core::Fit::kCrop},
                                                                     {v1::InputImage::FIT_PAD, core::Fit::kPad},
                                                                     {v1::InputImage::FIT_REFUSE, core::Fit::kRefuse}};

inline constexpr EnumPair<v1::Inpaint::MaskKind, core::MaskKind> kMaskKinds[] = {
    {v1::Inpaint::MASK_KIND_WHITE, core::MaskKind::kWhite},
    {v1::Inpaint::MASK_KIND_TRANSPARENT, core::MaskKind::kTransparent}};

inline constexpr EnumPair<v1::PreviewOptions::Kind, core::PreviewKind> kPreviewKinds[] = {
    {v1::PreviewOptions::KIND_NONE, core::PreviewKind::kNone},
    {v1::PreviewOptions::KIND_IMAGE, core::PreviewKind::kImage},
    {v1::PreviewOptions::KIND_LATENT, core::PreviewKind::kLatent}};

inline constexpr EnumPair<v1::Job::State, core::JobState> kJobStates[] = {
    {v1::Job::STATE_QUEUED, core::JobState::kQueued},
    {v1::Job::STATE_RUNNING, core::JobState::kRunning},
    {v1::Job::STATE_COMPLETED, core::JobState::kCompleted},
    {v1::Job::STATE_FAILED, core::JobState::kFailed},
    {v1::Job::STATE_CANCELLED, core::JobState::kCancelled}};

inline constexpr EnumPair<v1::Output::State, core::OutputState> kOutputStates[] = {
    {v1::Output::STATE_OK, core::OutputState::kOk},
    {v1::Output::STATE_WITHHELD, core::OutputState::kWithheld},
    {v1::Output::STATE_FAILED, core::OutputState::kFailed}};

inline constexpr EnumPair<v1::Model::State, core::ModelState> kModelStates[] = {
    {v1::Model::STATE_AVAILABLE, core::ModelState::kAvailable},
    {v1::Model::STATE_LOADING, core::ModelState::kLoading},
    {v1::Model::STATE_LOADED, core::ModelState::kLoaded},
    {v1::Model::STATE_BROKEN, core::ModelState::kBroken}};

inline constexpr EnumPair<v1::Adapter::Kind, core::AdapterKind> kAdapterKinds[] = {
    {v1::Adapter::KIND_LORA, core::AdapterKind::kLora},
    {v1::Adapter::KIND_CONTROLNET, core::AdapterKind::kControlNet},
    {v1::Adapter::KIND_MOTION, core::AdapterKind::kMotion},
    {v1::Adapter::KIND_IMAGE_PROMPT, core::AdapterKind::kImagePrompt},
    {v1::Adapter::KIND_EMBEDDING, core::AdapterKind::kEmbedding}};

// REQUIRES: the table has it.
template <typename Message, typename Core, size_t n>
Message ToProto(const EnumPair<Message, Core> (&table)[n], Core value) {
  return std::find_if(std::begin(table), std::end(table), [&](const auto& pair) { return pair.second == value; })
      ->first;
}

// Empty when the table has not got it. An int, since a message may bring along any.
template <typename Message, typename Core, size_t n>
std::optional<Core> FromProto(const EnumPair<Message, Core> (&table)[n], int value) {
  const auto* const pair =
      std::find_if(std::begin(table), std::end(table), [&](const auto& each) { return each.first == value; });
  if (pair == std::end(table)) return std::nullopt;
  return pair->second;
}

}  // namespace latentd::rpc
