#pragma once

namespace latentd::model {

// Classes of characters as the reference's BERT tokenizer sees them (the `tokenizers` package 0.23.3, whose tables are
// of Unicode 8). Thread-safe.

bool IsBertControl(char32_t c);      // left out of a text: controls, formats, private use, U+FFFD
bool IsBertPunctuation(char32_t c);  // a word of its own: punctuation, and all of ASCII that is no letter or number
bool IsNonspacingMark(char32_t c);   // what accents are when letters are decomposed: Mn

}  // namespace latentd::model
