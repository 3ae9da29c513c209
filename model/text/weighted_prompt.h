#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

// A stretch of a prompt whose tokens have one weight, or a BREAK.
struct PromptPiece {
  std::string text;       // UTF-8, without the syntax; empty for a BREAK alone
  double weight = 1;      // from -kMaxPromptWeight to kMaxPromptWeight
  bool is_break = false;  // what follows begins a new window
};

constexpr double kMaxPromptWeight = 10;
constexpr int kMaxPromptBrackets = 32;  // open at a time

// A prompt read as ParseWeightedPrompt reads it.
struct WeightedPrompt {
  std::vector<PromptPiece> pieces;  // neighbours differ in weight; no text: no piece
  // What is wrong with the syntax, and at which character (the first is 1); ASCII. Empty when nothing is.
  std::string fault;
};

// Reads weights as users write them, which is the notation of AUTOMATIC1111's web UI (modules/prompt_parser.py,
// parse_prompt_attention):
//
//   (word)       times 1.1; (((word))) times 1.1³
//   (word:1.3)   times 1.3
//   [word]       divided by 1.1
//   \( \) \[ \] \: \\   the character itself; before any other character a backslash vanishes
//   BREAK        a word of its own, in capitals: what follows begins a new window, within brackets, too
//
//   ParseWeightedPrompt("a (red:1.3) apple").pieces   // {"a ", 1}, {"red", 1.3}, {" apple", 1}
//
// The web UI takes what it cannot read as text, or crashes. Here these are faults: brackets that do not pair, a number
// that is none before a closing parenthesis, a number before a closing square bracket (which there means something
// else: words that come and go with the steps), a weight out of bounds, brackets nested too deeply.
//
// `text` is UTF-8; bytes that are not are read as U+FFFD. Time is linear in the length. Thread-safe.
WeightedPrompt ParseWeightedPrompt(std::string_view text);

}  // namespace latentd::model
