#include "model/text/weighted_prompt.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "model/text/unicode.h"
#include "model/text/utf8.h"

namespace latentd::model {
namespace {

constexpr double kBracketFactor = 1.1;
constexpr std::u32string_view kSyntax = U"\\()[]:";
constexpr std::u32string_view kBreak = U"BREAK";
constexpr char kHint[] = "; a backslash before a bracket or colon makes it text";

// A letter, number or underscore: BREAK must not touch one.
bool IsWordCharacter(char32_t c) { return c == U'_' || IsLetter(c) || IsNumber(c); }

std::u32string_view Trimmed(std::u32string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Where the word BREAK begins; npos when it is not in `text`.
size_t FindBreak(std::u32string_view text) {
  for (size_t at = text.find(kBreak); at != text.npos; at = text.find(kBreak, at + 1)) {
    const size_t end = at + kBreak.size();
    const bool begins = at == 0 || !IsWordCharacter(text[at - 1]);
    if (begins && (end == text.size() || !IsWordCharacter(text[end]))) return at;
  }
  return text.npos;
}

// A decimal number, with or without sign, point and white space around: no exponent, no "inf", no "nan". Empty for
// anything else; infinite when a double cannot hold it.
std::optional<double> ReadNumber(std::u32string_view text) {
  std::string digits;
  for (const char32_t c : Trimmed(text)) {
    const bool is_sign = digits.empty() && (c == U'+' || c == U'-');
    if (!is_sign && c != U'.' && !(c >= U'0' && c <= U'9')) return std::nullopt;
    digits.push_back(static_cast<char>(c));
  }
  const char* begin = digits.data() + (digits.starts_with('+') ? 1 : 0);  // from_chars takes no plus
  const char* end = digits.data() + digits.size();
  double value = 0;
  const auto [stopped, error] = std::from_chars(begin, end, value, std::chars_format::fixed);
  if (error == std::errc::result_out_of_range) return HUGE_VAL;
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

bool InBounds(double weight) { return std::abs(weight) <= kMaxPromptWeight; }

std::string Place(size_t at) { return "character " + std::to_string(at + 1); }

class Parser {
 public:
  explicit Parser(std::string_view text) : owned_(DecodeUtf8(text)), text_(owned_) {}

  WeightedPrompt Parse() {
    while (at_ < text_.size() && fault_.empty()) Step();
    if (fault_.empty() && !open_.empty()) {
      fault_ = "the \"" + Symbol(open_.back().position) + "\" at " + Place(open_.back().position) + " is not closed";
    }
    for (size_t i = 0; i < pieces_.size() && fault_.empty(); ++i) {
      if (!InBounds(pieces_[i].weight)) {
        fault_ = "the weights at " + Place(positions_[i]) + " multiply to more than " + Limit();
      }
    }
    if (!fault_.empty()) return {.pieces = {}, .fault = fault_ + kHint};
    return {.pieces = Merged(), .fault = ""};
  }

 private:
  struct Bracket {
    size_t position;
    size_t first_piece;  // that stands in it
  };

  static std::string Limit() { return std::to_string(static_cast<int>(kMaxPromptWeight)); }
  std::string Symbol(size_t at) const { return std::string(1, static_cast<char>(text_[at])); }

  // Reads what stands at at_, and moves on.
  void Step() {
    const size_t here = at_++;
    switch (text_[here]) {
      case U'\\':
        if (at_ < text_.size() && kSyntax.find(text_[at_]) != kSyntax.npos) {
          AddText(text_.substr(at_, 1), at_);
          ++at_;
        }
        return;
      case U'(':
      case U'[':
        if (open_.size() == kMaxPromptBrackets) {
          fault_ = "more than " + std::to_string(kMaxPromptBrackets) + " brackets are open at " + Place(here);
        }
        open_.push_back({here, pieces_.size()});
        return;
      case U')':
        return Close(here, kBracketFactor);
      case U']':
        return Close(here, 1 / kBracketFactor);
      case U':':
        return ReadColon(here);
      default:
        at_ = std::min(text_.find_first_of(kSyntax, here), text_.size());
        return AddWords(text_.substr(here, at_ - here), here);
    }
  }

  // A weight when it is the last thing of its parentheses, else text.
  void ReadColon(size_t here) {
    const size_t end = text_.find_first_of(kSyntax, at_);
    const char32_t closing = end == text_.npos ? U'\0' : text_[end];
    const bool closes = !open_.empty() && closing == (text_[open_.back().position] == U'(' ? U')' : U']');
    if (!closes) return AddText(text_.substr(here, 1), here);
    const std::optional<double> number = ReadNumber(text_.substr(at_, end - at_));
    if (closing == U']') {
      if (!number) return AddText(text_.substr(here, 1), here);
      fault_ = "square brackets take no number, and one follows the \":\" at " + Place(here) +
               "; write (word:0.8) for less weight";
    } else if (!number) {
      fault_ = "a number must stand between the \":\" at " + Place(here) + " and the \")\" at " + Place(end);
    } else if (!InBounds(*number)) {
      fault_ = "the weight after the \":\" at " + Place(here) + " must be from -" + Limit() + " to " + Limit();
    } else {
      at_ = end + 1;
      Close(end, *number);
    }
  }

  // Closes the innermost bracket, whose text gets `factor`: inner factors first, as the web UI multiplies them.
  void Close(size_t here, double factor) {
    const char32_t opening = text_[here] == U')' ? U'(' : U'[';
    if (open_.empty()) {
      fault_ = "the \"" + Symbol(here) + "\" at " + Place(here) + " closes nothing";
    } else if (const size_t position = open_.back().position; text_[position] != opening) {
      fault_ = "the \"" + Symbol(here) + "\" at " + Place(here) + " does not fit the \"" + Symbol(position) + "\" at " +
               Place(position);
    } else {
      for (size_t i = open_.back().first_piece; i < pieces_.size(); ++i) pieces_[i].weight *= factor;
      open_.pop_back();
    }
  }

  // Text in which BREAK may stand, with the white space around it.
  void AddWords(std::u32string_view words, size_t position) {
    for (size_t at = FindBreak(words); at != words.npos; at = FindBreak(words)) {
      std::u32string_view before = words.substr(0, at);
      while (!before.empty() && IsSpace(before.back())) before.remove_suffix(1);
      AddText(before, position);
      pieces_.push_back({.text = "", .weight = 1, .is_break = true});
      positions_.push_back(position + at);
      size_t next = at + kBreak.size();
      while (next < words.size() && IsSpace(words[next])) ++next;
      words.remove_prefix(next);
      position += next;
    }
    AddText(words, position);
  }

  void AddText(std::u32string_view text, size_t position) {
    if (text.empty()) return;
    PromptPiece piece;
    for (const char32_t c : text) AppendUtf8(c, piece.text);
    pieces_.push_back(std::move(piece));
    positions_.push_back(position);
  }

  // Joins neighbours of the same weight.
  std::vector<PromptPiece> Merged() {
    std::vector<PromptPiece> merged;
    for (PromptPiece& piece : pieces_) {
      if (piece.is_break) piece.weight = 1;  // its brackets were for the words around it
      const bool joins =
          !merged.empty() && !piece.is_break && !merged.back().is_break && merged.back().weight == piece.weight;
      if (joins) {
        merged.back().text += piece.text;
      } else {
        merged.push_back(std::move(piece));
      }
    }
    return merged;
  }

  const std::u32string owned_;
  const std::u32string_view text_;
  size_t at_ = 0;
  std::vector<Bracket> open_;
  std::vector<PromptPiece> pieces_;
  std::vector<size_t> positions_;  // in the text, of each piece
  std::string fault_;
};

}  // namespace

WeightedPrompt ParseWeightedPrompt(std::string_view text) { return Parser(text).Parse(); }

}  // namespace latentd::model
