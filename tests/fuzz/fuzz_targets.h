#pragma once

#include <string_view>

// What libFuzzer calls with arbitrary bytes, and what the test of the corpus calls with known ones. They end the
// process (abort, or a sanitizer's report) when something is wrong; errors in the input are the normal case.

namespace latentd::model {

// A safetensors file: the header's promises are checked, then every tensor is read through the mapped file.
void FuzzSafetensors(std::string_view bytes);

// A prompt, UTF-8 or not: its windows by tokenizers of all kinds must be well-formed, and must agree with the tokens.
void FuzzTokenizer(std::string_view bytes);

// A prompt with weights, UTF-8 or not: it is read, or its fault is named; escaped it is nothing but text; its windows
// hold all its tokens.
void FuzzWeightedPrompt(std::string_view bytes);

}  // namespace latentd::model

namespace latentd::imaging {

// The same for a caller's image file: what is inspected is what is decoded, within the limits, and fits any size.
void FuzzImage(std::string_view bytes);

}  // namespace latentd::imaging

namespace latentd::openai {

// The same for a body that a caller of the OpenAI images API sends, after a line with its content type: parts of a form
// lie in it, in their order, and what is read as a request can be asked for.
void FuzzForm(std::string_view bytes);

}  // namespace latentd::openai
