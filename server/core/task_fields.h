#pragma once

#include <vector>

#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"

namespace latentd::core {

// What is wrong with a latent where a picture is wanted.
constexpr char kNoLatent[] = "must be a picture: a latent is taken by image_to_image.image alone";

// Checks the fields that belong to the request's task and fills in what was left out. REQUIRES: fields.task has a
// value, and the model does it.
void CheckTaskFields(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations);

// Latents instead of pictures: only image-to-image takes one, of the model's channels. Fills in their sizes in pixels.
void CheckLatents(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations);

// The shares of the denoising between which it is carried out. REQUIRES: fields.task has a value.
void CheckDenoisingRange(const RequestFields& fields, std::vector<FieldViolation>& violations);

// The size that a request's pictures have when it names none: the model's own, or that of the picture which it begins
// with, its margins included, cut to the multiple that the model takes; of an enlargement, as many times larger.
struct PictureSize {
  int width = 0;
  int height = 0;
};
PictureSize DefaultSize(const RequestFields& fields, const ModelInfo& model);

// Sets the size of an enlargement, which the small picture decides, and checks that picture against the model's limits.
// REQUIRES: fields.task is kSuperResolution.
void CheckEnlargement(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations);

// Once the size is known: pictures that may not be fitted to it. REQUIRES: fields.task has a value.
void CheckFits(const RequestFields& fields, std::vector<FieldViolation>& violations);

}  // namespace latentd::core
