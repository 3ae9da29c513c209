#pragma once

#include <cstdint>
#include <string>

#include "server/core/generation_request.h"

namespace latentd::imaging {

// How a picture was made, for the file that holds it.
struct Metadata {
  core::RequestFields fields;  // as accepted (GenerationRequest::fields()); omit_prompts leaves the prompts out
  int64_t seed = 0;            // of this picture
  std::string software;        // "latentd 0.1.0"
};

// The text that AUTOMATIC1111's web UI writes and its readers take apart ("infotext"): the prompt, "Negative prompt:
// …", and a line of "Steps: 25, Sampler: Euler a, …". UTF-8 without NUL.
std::string ParametersText(const Metadata& metadata);

// Every field by its name in the API, as one JSON object in ASCII.
std::string ParametersJson(const Metadata& metadata);

// An XMP packet that marks the picture as machine-made (IPTC's DigitalSourceType). `parameters_json`, when not empty,
// travels in a property of our own.
std::string XmpPacket(const std::string& software, const std::string& parameters_json);

// A TIFF block with one entry, EXIF's UserComment, holding `text` (UTF-8) as UTF-16.
std::string ExifUserComment(const std::string& text);

}  // namespace latentd::imaging
